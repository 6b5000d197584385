"""TF Serving's gRPC interface: PredictionService.Predict. Numbers travel as they are in memory."""

import base64
from collections.abc import Callable

import numpy as np

from kgenre.core.errors import KgenreError
from kgenre.serving.clients import transport
from kgenre.serving.clients.settings import ClientSettings
from kgenre.serving.clients.transport import Address, Transport
from kgenre.serving.messages import fill_tensor, message, message_class, tensor_values

METHOD = "/tensorflow.serving.PredictionService/Predict"
PORT = 8500
SIZE_FAULT = "larger than max"  # what gRPC in C++ and Go says of a message beyond a limit
RECONNECT_MS = {"initial": 200, "max": 2000}  # gRPC's own, 1 s to 2 minutes, would outlast the retries here


class GrpcTransport(Transport):
    VALUE_BYTES = 4

    def __init__(self, address: Address, settings: ClientSettings):
        import grpc

        super().__init__(address, settings)
        limit = settings.max_message_bytes
        options = [(f"grpc.max_{way}_message_length", limit) for way in ("send", "receive")]
        options += [(f"grpc.{name}_reconnect_backoff_ms", value) for name, value in RECONNECT_MS.items()]
        self._metadata = _basic(*address.login) if address.login else ()
        target = address.netloc if address.netloc.rpartition(":")[2].isdecimal() else f"{address.netloc}:{PORT}"
        if address.scheme == "grpcs":
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), options)
        else:
            self._channel = grpc.insecure_channel(target, options)
        asked, answered = message_class("PredictRequest"), message_class("PredictResponse")
        self._predict = self._channel.unary_unary(METHOD, asked.SerializeToString, answered.FromString)

    def encode(self, signature: str, inputs: dict[str, np.ndarray]):
        request = message("PredictRequest")
        spec = request.model_spec
        spec.name, spec.signature_name = self.address.name, signature
        if self.address.version:
            spec.version.value = int(self.address.version)
        if self.address.label:
            spec.version_label = self.address.label
        for name, values in inputs.items():
            fill_tensor(request.inputs.add(key=name).value, values)
        return request

    def send(self, request, seconds: float, check: Callable[[], None]) -> dict[str, np.ndarray]:
        import grpc

        try:
            answer = _result(self._predict.future(request, seconds, self._metadata), check)
            return {entry.key: tensor_values(entry.value) for entry in answer.outputs}
        except grpc.RpcError as error:
            code, details = error.code().name, error.details() or ""
            if code == transport.FULL and SIZE_FAULT in details:
                code = transport.TOO_LARGE
            if code == transport.LATE:
                raise self.late() from error
            raise self.fault(code, details) from error
        except KgenreError as error:
            raise self.fault(transport.BROKEN, str(error)) from error


def _result(call, check: Callable[[], None]):
    """The answer of a call, which `check` may end early."""
    import grpc

    try:
        while True:
            try:
                return call.result(transport.CHECK_SECONDS)
            except grpc.FutureTimeoutError:
                check()
    finally:
        call.cancel()  # which does nothing to one that has ended


def _basic(user: str, password: str) -> tuple[tuple[str, str], ...]:
    """A login as HTTP has it."""
    return (("authorization", f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"),)
