"""Decodes a collection once, to files that training reads at random: a prepared set, for `--data DIR` of every command.

    kgenre prepare --data NAME|DIR|MANIFEST --out DIR [--sample-rate-hz N]
    kgenre prepare --out DIR
    kgenre prepare --out DIR --verify

DIR then holds shards of 16-bit mono samples at one rate, 160 MB an hour at 22 050 Hz; tracks.csv, where each track
is and which file it was; manifest.json, with settings, versions, split and checksums; and left_out.csv, the files
that could not be used, with the reason. A run that was stopped, or killed, goes on with --out alone, and so does one
of which a shard is missing; with --verify every shard is read, and what is damaged is written again.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import AudioSettings, ReaderSettings
from kgenre.preparation.settings import ShardSettings
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("prepare", __doc__)
    cli.add_data_flag(parser, default="that of the set in --out")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the set")
    parser.add_argument("--verify", action="store_true", help="read every shard; write damaged ones again")
    cli.add_settings_flags(parser, AudioSettings, "sample_rate_hz")
    cli.add_settings_flags(parser, ShardSettings, "shard_mb", "workers")
    cli.add_settings_flags(parser, ReaderSettings, "decoder", "max_bad_share")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    cli.add_collection_flags(parser)
    cli.add_engine_flags(parser)
    return cli.run(_prepare, parser.parse_args(argv))


def _prepare(args: argparse.Namespace) -> int:
    from kgenre.audio.decoders import check_decoder
    from kgenre.preparation.prepare import prepare
    from kgenre.preparation.request import Request

    reader, shards = cli.settings_from(ReaderSettings, args), cli.settings_from(ShardSettings, args)
    check_decoder(reader.decoder)
    cli.check_local(args.out, "--out")
    values = {
        "seed": cli.settings_from(TrainingSettings, args).seed,
        "sample_rate_hz": cli.settings_from(AudioSettings, args).sample_rate_hz,
        "shard_mb": shards.shard_mb,
        "decoder": reader.decoder,
        **cli.collection_options(args).model_dump(),
    }
    share = reader.max_bad_share if "max_bad_share" in args else None
    given = {name: value for name, value in vars(args).items() if name in (*values, "data") and value is not None}
    progress, workers, engine = cli.BarProgress(), shards.workers or os.cpu_count() or 1, cli.engine_settings(args)
    with cli.stoppable(engine, args.out, args.out):
        request = Request(values, given, share)
        done = prepare(request, args.out, workers, args.verify, progress, engine)
    if not engine.is_whole:
        cli.print_part(engine, args.out, done, "shards")
        return 0
    progress.failures(done.failures)
    print(
        f"{args.out}: {done.tracks} tracks, {done.seconds / 3600:.2f} hours, {done.bytes / 1e6:.0f} MB in "
        f"{done.shards} shards; {len(done.failures)} files cannot be used"
    )
    print(f"next: kgenre train --data {shlex.quote(str(args.out))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
