"""Predicts the genres of songs through a server: TensorFlow Serving, or one that speaks as it does.

    kgenre client http://localhost:8501/v1/models/genres SONG.mp3
    kgenre client http://localhost:8501/v1/models/genres/versions/2 ~/Music --out genres.csv
    kgenre client grpc://localhost:8500/v1/models/genres/labels/stable 'albums/**/*.flac' --format jsonl --slices

The server has what `kgenre export` wrote. Songs are decoded and cut into slices here; answers, output and exit status
are those of `kgenre predict`. https and grpcs are encrypted. grpc needs `pip install 'kgenre[client]'`; it sends a
third of what http does. Requests are repeated where the server is full, starting or restarted.
"""

import argparse
import sys

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.audio.walk import expand_paths
from kgenre.cli.output import add_output_flags
from kgenre.cli.predictions import FORMATS, add_slices_flag, add_songs, prediction_output, write_predictions
from kgenre.serving.clients.settings import ClientSettings

GRPC = {"http": "grpc", "https": "grpcs"}
REST_PORT, GRPC_PORT = ":8501", ":8500"  # TF Serving's own
MOST_SLICES = 64  # at once: their memory is bounded however large a message may be


def main(argv=None) -> int:
    parser = cli.make_parser("client", __doc__)
    parser.add_argument(
        "url", metavar="URL", help="the model: http://HOST:8501/v1/models/NAME, or grpc://HOST:8500/..."
    )
    add_songs(parser)
    parser.add_argument(
        "--grpc", action="store_true", help="ask by gRPC where URL begins with http; port 8501 is then 8500"
    )
    cli.add_settings_flags(parser, ClientSettings, *ClientSettings.model_fields)
    add_output_flags(parser, FORMATS)
    add_slices_flag(parser)
    cli.add_reading_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers")
    return cli.run(_client, parser.parse_args(argv), pandas=False)


def _client(args: argparse.Namespace) -> int:
    from kgenre.audio.open_reader import open_reader
    from kgenre.serving.tf_serving import TfServingModel

    output = prediction_output(args.out, args.format)
    policy, workers = cli.read_policy(args), cli.settings_from(ReaderSettings, args).workers
    model = TfServingModel(_url(args), cli.settings_from(ClientSettings, args), patient=True)
    paths = expand_paths(args.songs, model.slice_spec.input)
    reader, batch = open_reader(model.slice_spec, policy=policy), min(model.slices_at_once, MOST_SLICES)
    cli.warn_if_leaky(model)
    return write_predictions(model, reader, paths, output, args.slices, batch_size=batch, workers=workers)


def _url(args: argparse.Namespace) -> str:
    """The address that is asked: with --grpc by gRPC, at its port where REST's is named."""
    scheme, separator, rest = args.url.partition("://")
    if not args.grpc or scheme not in GRPC:
        return args.url
    place, slash, path = rest.partition("/")
    if place.endswith(REST_PORT):
        place = place.removesuffix(REST_PORT) + GRPC_PORT
    return f"{GRPC[scheme]}{separator}{place}{slash}{path}"


if __name__ == "__main__":
    sys.exit(main())
