"""Classic classifiers on embeddings or statistics of whole tracks, chosen without a look at the test tracks.

    kgenre baseline --on stats --data DIR|MANIFEST --classifier all
    kgenre baseline --on models/RUN --data DIR --classifier svc_rbf --pca 128
    kgenre baseline --on embeddings.npz --data DIR --classifier all --choose cv
    kgenre baseline --on fma_metadata/features.csv --data FMA_MANIFEST --classifier all

Each classifier is tuned on valid, or by cross-validation that keeps an artist on one side; the best one
is fitted again on train and valid, and reported on test once. Scaler and PCA are fitted together with
the classifier, on the same tracks. What was computed of the tracks is kept in the folder of the results.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.core.errors import KgenreError, check_known
from kgenre.training.settings import TrainingSettings

POOLS = ("mean", "max", "concat")


def main(argv=None) -> int:
    parser = cli.make_parser("baseline", __doc__)
    parser.add_argument(
        "--on",
        required=True,
        help="stats (518 statistics of librosa features), fma_features or FMA's features.csv itself, a file that "
        "`kgenre embed` wrote, or a model whose embeddings to take",
    )
    parser.add_argument("--data", required=True, help=cli.DATA_HELP)
    rows = "; ".join(f"{name}: {row.says}" for name, row in CLASSIFIERS.items())
    parser.add_argument("--classifier", default="svc_rbf", metavar="NAME|all", help=f"{rows} (default: svc_rbf)")
    parser.add_argument(
        "--pca", default="none", metavar="N", help="components that PCA leaves, or none (default: none)"
    )
    parser.add_argument("--pool", choices=POOLS, help="over the slices of a track (default: mean)")
    parser.add_argument("--choose", choices=("valid", "cv"), default="valid", help="tracks to tune on (default: valid)")
    parser.add_argument("--fma-features", metavar="FILE", help="features.csv of FMA's metadata, for fma_features")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the results (default: models/baseline-NAME)")
    cli.add_settings_flags(parser, ReaderSettings, "workers", "max_bad_share")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    return cli.run(_baseline, parser.parse_args(argv))


def _baseline(args: argparse.Namespace) -> int:
    from kgenre.audio.reader import check_bad_share
    from kgenre.baselines.model_selection import baseline, ranking
    from kgenre.baselines.vectors import Request, track_vectors
    from kgenre.collections import load_collection
    from kgenre.evaluation.evaluate import check_writable
    from kgenre.evaluation.report import summary

    if args.classifier != "all":
        check_known("classifier", args.classifier, [*CLASSIFIERS, "all"])
    reading, pca = cli.settings_from(ReaderSettings, args), pca_components(args.pca)
    seed = cli.settings_from(TrainingSettings, args, **seed_of(args.on)).seed
    out = args.out or default_folder(args.on, args.data)
    check_writable(out)
    collection = load_collection(args.data, seed=seed)
    progress = cli.BarProgress()
    request = Request(args.on, collection.table, out, args.pool, reading.workers, args.fma_features, progress)
    vectors = track_vectors(request)
    check_bad_share(vectors.failures, len(collection.table), reading.max_bad_share)
    names = list(CLASSIFIERS) if args.classifier == "all" else [args.classifier]
    metrics = baseline(vectors, collection, names, args.choose, pca, seed, reading.workers, out, progress)
    print(ranking(metrics["choosing"]))
    print(summary(metrics))
    print(f"written to {out}")
    return 0


def seed_of(on: str) -> dict:
    """The seed of a run, so that a collection without a split of its own is split as the network saw it."""
    from kgenre.training.run import Run

    run = Run(on)
    return {"seed": run.load_settings().training.seed} if run.begun else {}


def default_folder(on: str, data: str) -> Path:
    """models/baseline-VECTORS-DATA, each by the last part of its name that tells something."""
    names = [part for part in Path(on).parts if part not in ("saved_model", "1", "models")]
    told = Path(data).parent.name if Path(data).stem == "manifest" else Path(data).stem
    return Path("models") / f"baseline-{Path(names[-1] if names else on).stem}-{told}"


def pca_components(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise KgenreError(f"`--pca` must be none or a number of components from 1. Received: {text}.")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
