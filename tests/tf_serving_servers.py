"""Small servers that speak as TensorFlow Serving does, REST and gRPC, and answer by a function: for the tests.

The gRPC one is made of the messages of tensorflow-serving-api. As a program it serves a SavedModel in a process that
imports TensorFlow and nothing of this package:

    python tf_serving_servers.py FOLDER        # prints the port
"""

import http.server
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

NAME = "genres"
# {HTTP status: gRPC code} of the faults that tests ask for.
CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 500: "INTERNAL"}


class Refused(Exception):
    """An answer function's: status and text."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status = status


class Server:
    """What both servers have.

    Args:
        answer: (signature, {name: array}) -> {name: array}; raises Refused.
        port: 0 for any free one.
        faults: statuses of the next requests, whatever these are.

    Attributes:
        asked: the signatures of the requests so far, without those that were answered by faults.
        sizes: bytes of all requests.
        models: name, version and label of each, as strings.
        stall: seconds that an answer takes, at most until the server ends.
    """

    def __init__(self, answer, port: int = 0, faults=(), **options):
        self.answer, self.faults, self.stall, self.ended = answer, list(faults), 0.0, threading.Event()
        self.asked, self.sizes, self.models = [], [], []
        self.port = self.start(port, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.stop()

    def respond(self, model: str, size: int, signature: str, inputs: dict) -> dict:
        """The outputs. Raises Refused."""
        self.models.append(model)
        self.sizes.append(size)
        self.ended.wait(self.stall)
        if self.faults:
            raise Refused(self.faults.pop(0), "The server is\nfull.")
        if model.split("/")[0] != NAME:
            raise Refused(404, "Servable not found for request: Latest(other)")
        self.asked.append(signature)
        return self.answer(signature, inputs)


class RestServer(Server):
    """TF Serving's row form: {"signature_name", "instances"} -> {"predictions"}, errors as {"error"}."""

    def start(self, port: int) -> int:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked, model = json.loads(body), self.path.removeprefix("/v1/models/").removesuffix(":predict")
                rows = asked["instances"]
                inputs = {name: np.array([row[name] for row in rows]) for name in rows[0]}
                try:
                    outputs = server.respond(model, len(body), asked["signature_name"], inputs)
                    found = [dict(zip(outputs, row)) for row in zip(*(value.tolist() for value in outputs.values()))]
                    self.reply(200, {"predictions": found})
                except Refused as refused:
                    self.reply(refused.status, {"error": str(refused)})

            def reply(self, status: int, answer: dict) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = status != 200

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self.http.server_port

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/models/{NAME}"


class GrpcServer(Server):
    """A PredictionService. Its tensors have numbers one by one, as TF Serving writes them, rather than bytes."""

    def start(self, port: int, most_bytes: int = -1) -> int:
        import grpc
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        server = self

        class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
            def Predict(self, request, context):
                spec, version = request.model_spec, ""
                if spec.HasField("version"):
                    version = f"/versions/{spec.version.value}"
                elif spec.version_label:
                    version = f"/labels/{spec.version_label}"
                inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
                try:
                    outputs = server.respond(spec.name + version, request.ByteSize(), spec.signature_name, inputs)
                except Refused as refused:
                    context.abort(grpc.StatusCode[CODES[refused.status]], str(refused))
                return predict_pb2.PredictResponse(outputs={name: tensor(value) for name, value in outputs.items()})

        fields = {"f4": "float_val", "f8": "double_val", "i4": "int_val", "i8": "int64_val"}

        def tensor(value):
            proto = tf.make_tensor_proto(value)
            if (field := fields.get(value.dtype.str[1:])) and proto.tensor_content:
                proto.ClearField("tensor_content")
                getattr(proto, field).extend(value.ravel().tolist())
            return proto

        options = [("grpc.max_receive_message_length", most_bytes), ("grpc.max_send_message_length", -1)]
        options.append(("grpc.so_reuseport", 0))
        self.grpc = grpc.server(ThreadPoolExecutor(4), options=options)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), self.grpc)
        port = self.grpc.add_insecure_port(f"127.0.0.1:{port}")
        self.grpc.start()
        return port

    def stop(self) -> None:
        self.grpc.stop(None).wait()

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self.port}/v1/models/{NAME}"


def saved_model_answers(folder: str):
    """The answer function of a SavedModel."""
    import tensorflow as tf

    model = tf.saved_model.load(folder)

    def answer(signature: str, inputs: dict) -> dict:
        if signature not in model.signatures:
            raise Refused(400, f'Serving signature name: "{signature}" not found in signature def')
        serve = model.signatures[signature]
        expected = serve.structured_input_signature[1]
        try:
            outputs = serve(**{name: tf.constant(inputs[name], spec.dtype) for name, spec in expected.items()})
        except tf.errors.InvalidArgumentError as error:
            raise Refused(400, error.message) from error
        return {name: plain(value.numpy()) for name, value in outputs.items()}

    return answer


def plain(value: np.ndarray) -> np.ndarray:
    """Texts as NumPy's own."""
    return np.char.decode(value.astype("S"), "utf-8") if value.dtype.kind in "OS" else value


if __name__ == "__main__":
    with GrpcServer(saved_model_answers(sys.argv[1])) as serving:
        print(serving.port, flush=True)
        serving.grpc.wait_for_termination()
