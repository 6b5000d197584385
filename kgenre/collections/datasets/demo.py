"""The table of datasets by name, and the one way from `--data` to a table of tracks."""

from pathlib import Path


def _demo(folder: Path) -> Path:
    from kgenre.cli.progress import progress
    from kgenre.collections.demo.files import make_demo

    with progress() as bar:
        task = bar.add_task("composing the demo collection", total=None, unit="songs")
        make_demo(folder / "demo", progress=lambda done, total: bar.update(task, completed=done, total=total))
    return folder / "demo" / "manifest.csv"
