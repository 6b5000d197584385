"""A web app for anyone: drop songs on the page, see their genres; and a JSON API.

    kgenre serve
    kgenre serve --model models/RUN --port 9000
    kgenre serve --tf-serving http://localhost:8501/v1/models/genres
    kgenre serve --host 0.0.0.0 --allowed-host music.example.org
    curl -F file=@song.mp3 http://127.0.0.1:8642/api/predict

It answers this machine only, unless --host says otherwise. Songs are kept while they are analysed, and no longer. Each
is decoded in a process of its own with limits of time and memory. /docs describes the API; docs/web_app.md has more.
"""

import argparse
import sys

from kgenre import cli
from kgenre.core.errors import KgenreError
from kgenre.serving.runtimes import AUTO
from kgenre.web.classify.settings import ServeSettings


def main(argv=None) -> int:
    parser = cli.make_parser("serve", __doc__)
    which = parser.add_mutually_exclusive_group()
    cli.add_model_flag(which)
    which.add_argument(
        "--tf-serving", metavar="URL", help="a model that TF Serving serves: http://localhost:8501/v1/models/NAME"
    )
    cli.add_runtime_flag(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="to serve at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="to serve at (default: 8642, or any free port)")
    parser.add_argument(
        "--allowed-host", action="append", default=[], metavar="NAME",
        help="a name by which the server may be asked, beside its address; may be given several times",
    )  # fmt: skip
    cli.add_settings_flags(parser, ServeSettings, *ServeSettings.model_fields)
    return cli.run(_serve, parser.parse_args(argv))


def _serve(args: argparse.Namespace) -> int:
    from kgenre.web.guard import listen

    settings = cli.settings_from(ServeSettings, args)
    listening = listen(args.port, args.host)  # before the work, so that a port in use is an error at once

    from kgenre.web.classify.server import serve
    from kgenre.web.classify.start import make_classifier

    model = _open(args)
    cli.warn_if_leaky(model)
    classifier = make_classifier(model, settings)
    host, port = listening.getsockname()[:2]
    print(f"http://{f'[{host}]' if ':' in host else host}:{port}/   (Ctrl-C stops)", flush=True)
    return serve(classifier, settings, listening, args.allowed_host)


def _open(args: argparse.Namespace):
    """The model of the flags."""
    from kgenre.serving.catalogue import open_model
    from kgenre.serving.tf_serving import TfServingModel

    if args.tf_serving is not None:
        if args.runtime != AUTO:
            raise KgenreError(f"--runtime applies to models of this machine. Received: --runtime {args.runtime} and "
                              "--tf-serving. Leave out one of the two.")  # fmt: skip
        return TfServingModel(args.tf_serving)
    return open_model(args.model, args.runtime)


if __name__ == "__main__":
    sys.exit(main())
