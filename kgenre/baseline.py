"""Classic classifiers on embeddings or statistics of whole tracks, selected without the test tracks.

    kgenre baseline --on stats --data NAME|DIR|MANIFEST --classifier all
    kgenre baseline --on models/RUN --layer dense --data DIR --classifier svc_rbf
    kgenre baseline --on embeddings.npz --data DIR --classifier all --selection cv
    kgenre baseline --on fma_features --data fma_small --classifier all
    kgenre baseline --on fma_metadata/features.csv --data FMA_MANIFEST --classifier all
    kgenre baseline --config genre_pred/embeddings_pca/svc_rbf --data fma_small

Each classifier is tuned on the valid tracks, or by cross-validation that keeps an artist in one fold. The best
one is fitted again on train and valid, and evaluated once on test. Scaler and PCA are fitted together with the
classifier, on the same tracks. Computed vectors are kept in the folder of the results, or in that of --vectors.
"""

import argparse
import sys
from pathlib import Path

from kgenre import cli
from kgenre.audio.settings import ReaderSettings
from kgenre.baselines.classifiers import CLASSIFIERS
from kgenre.baselines.config import baseline_values
from kgenre.embeddings import POOLS
from kgenre.training.settings import TrainingSettings


def main(argv=None) -> int:
    parser = cli.make_parser("baseline", __doc__)
    text = "a recipe of classifiers to begin with (`kgenre recipes` lists them), or a .toml file"
    parser.add_argument("--config", metavar="NAME|FILE", help=text)
    parser.add_argument(
        "--on",
        metavar="VECTORS",
        help="stats (518 statistics of librosa features; of spectrograms mean and deviation of bins and of their "
        "changes), fma_features or the path of FMA's features.csv, a file that `kgenre embed` wrote, or a model whose "
        "embeddings to compute",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="the output of this layer of the run that --on names, rather than its embedding: dense is the last dense "
        "layer before the classifier; an unknown name lists those that there are",
    )
    cli.add_data_flag(parser, required=True)
    rows = "; ".join(f"{name}: {row.description}" for name, row in CLASSIFIERS.items())
    parser.add_argument("--classifier", metavar="NAME,...|all", help=f"{rows} (default: svc_rbf)")
    parser.add_argument("--pca", metavar="N", help="reduce the vectors to N components, or none (default: none)")
    parser.add_argument("--pool", choices=POOLS, help="from slices to a track's vector (default: mean)")
    parser.add_argument(
        "--selection",
        choices=("valid", "cv"),
        help="select classifier and hyper-parameters on the valid tracks, or by cross-validation (default: valid)",
    )
    parser.add_argument(
        "--fma-features",
        metavar="FILE",
        help="features.csv of FMA's metadata, for --on fma_features (default: that of a dataset of FMA)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the results (default: models/baseline-VECTORS-DATA)"
    )
    parser.add_argument(
        "--vectors", type=Path, metavar="DIR", help="folder in which computed vectors are kept (default: that of --out)"
    )
    cli.add_collection_flags(parser)
    cli.add_settings_flags(parser, ReaderSettings, "workers", "max_bad_share", "decoder")
    cli.add_settings_flags(parser, TrainingSettings, "seed")
    cli.add_engine_flags(parser)
    return cli.run(_baseline, parser.parse_args(argv))


def _baseline(args: argparse.Namespace) -> int:
    from kgenre.baselines.baseline import BaselineSettings, vectors_file
    from kgenre.baselines.hyperparameters import TuningSettings, parse_pca
    from kgenre.baselines.vectors import run_seed

    asked = baseline_values(args.config, args.data, vars(args))
    engine, reading = cli.engine_settings(args), cli.settings_from(ReaderSettings, args)
    seed = cli.settings_from(TrainingSettings, args, **run_seed(asked["on"])).seed
    settings = BaselineSettings(
        on=asked["on"],
        data=args.data,
        options=cli.collection_options(args),
        classifier=asked["classifier"],
        selection=asked["selection"],
        pool=asked["pool"],
        fma_features=args.fma_features,
        max_bad_share=reading.max_bad_share,
        decoder=reading.decoder,
        tuning=TuningSettings(parse_pca(asked["pca"]), seed, reading.workers),
        vectors=args.vectors,
        engine=engine,
        layer=asked["layer"],
    )
    with cli.stoppable(engine, vectors_file(settings, args.out)):
        return _tune(settings, args.out) if engine.is_whole else _compute_part(settings, args.out)


def _compute_part(settings, out: Path | None) -> int:
    from kgenre.baselines.baseline import run_part, vectors_file

    failures, n_tracks = run_part(settings, out, cli.BarProgress())
    cli.print_part(settings.engine, vectors_file(settings, out), n_tracks)
    return 1 if failures else 0


def _tune(settings, out: Path | None) -> int:
    from kgenre.baselines.baseline import run_baseline
    from kgenre.baselines.model_selection import format_ranking
    from kgenre.evaluation.report import summary

    metrics, out = run_baseline(settings, out, cli.BarProgress())
    print(format_ranking(metrics["selection"]))
    print(summary(metrics))
    print(f"results written to {out}\nnext         kgenre report --model {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
