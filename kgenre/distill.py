"""Teaches a small network to give what a larger model, or a mixture of several, gives: on any music, without labels.

    kgenre distill --teacher fcn-msd --data ~/Music --out models/student
    kgenre distill --teacher fcn-msd,crnn-msd,fcn-jamendo --data ~/Music --arch bandattn --out models/student
    kgenre distill --resume --out models/student

Each train song is learnt in several renditions, altered in pitch, tempo and equaliser or with another song mixed to it,
and the teacher is asked for each. The run folder is one as `kgenre train` makes: predict, embed, explore and export
take it. In it are also renditions/, which may be removed afterwards, teacher/ (its answers) and agreement.csv: how well
the student agrees with its teacher on test songs, by kind of music and by tag.
"""

import argparse
import sys

from kgenre import cli
from kgenre.cli.wording import MODEL
from kgenre.core.packages import check_installed
from kgenre.training.distillation.settings import DISTILLATION


def main(argv=None) -> int:
    early = cli.Parser(add_help=False)
    cli.add_run_flags(early)
    parser = cli.make_parser("distill", __doc__, parents=[early])
    parser.add_argument("--teacher", metavar="MODEL[,MODEL...]", help=f"{MODEL}; required, unless --resume")
    return cli.run_applicable(_distill, parser, early, DISTILLATION.selectors, argv, _applicable)


def _applicable(args: argparse.Namespace, selected: dict):
    return DISTILLATION.applicable(cli.resumed_values(args), selected)


def _distill(args: argparse.Namespace, given: dict) -> int:
    check_installed("tensorflow")  # before the music is read
    from kgenre.evaluation.agreement import measure_agreement
    from kgenre.training.distillation.start import distill, new_distillation, resumed_distillation
    from kgenre.training.run import Run

    progress = cli.BarProgress()
    run = Run(cli.run_to_resume(args)) if args.resume else None
    if run and run.begun:
        work = resumed_distillation(run, given, args.teacher)
        print(f"resuming {run.folder}")
    else:
        work = new_distillation(given, args.teacher, args.out, args.resume, progress)
    if not work.run.finished:
        distill(work, progress)
        # Of the exported model: the figures are those of the very model that is served.
        measure_agreement(work.run, progress)
    print((work.run / "report.txt").read_text(encoding="utf-8", errors="surrogateescape"))
    print(f"run folder   {work.run.folder}")
    print(f"next         kgenre predict --model {work.run.folder} SONG.mp3")
    return 0


if __name__ == "__main__":
    sys.exit(main())
