"""Serves a SavedModel through KServe's V1 protocol, in an environment of its own: tests/kserve_environment.sh.

    .venv-kserve/bin/python kserve_server.py FOLDER PORT SITE_PACKAGES

SITE_PACKAGES is where TensorFlow is; what KServe brought itself comes before it.
"""

import sys

import kserve
from kserve.errors import InvalidInput

sys.path.append(sys.argv[3])
from tf_serving_servers import NAME, Refused, saved_model_answers  # noqa: E402


class Genres(kserve.Model):
    def __init__(self, folder: str):
        super().__init__(NAME)
        self.answer = saved_model_answers(folder)
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        rows = payload["instances"]
        try:
            outputs = self.answer(payload["signature_name"], {name: [row[name] for row in rows] for name in rows[0]})
        except Refused as refused:
            raise InvalidInput(str(refused)) from refused
        values = [value.tolist() for value in outputs.values()]
        return {"predictions": [dict(zip(outputs, row)) for row in zip(*values)]}


if __name__ == "__main__":
    server = kserve.ModelServer(http_port=int(sys.argv[2]), enable_grpc=False, workers=1)
    server.start([Genres(sys.argv[1])])
