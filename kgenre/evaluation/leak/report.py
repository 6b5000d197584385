"""The ladder as table, JSON, text and picture."""

import statistics
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgenre.core.files import write_json, write_text
from kgenre.core.metrics import wilson_interval
from kgenre.evaluation.leak.rungs import RUNGS
from kgenre.training.settings import RunSettings

COLUMNS = ("track", "slice")


@dataclass(frozen=True)
class Ladder:
    """What was measured.

    settings: of all runs, but for the seed.
    runs: a row for each rung and seed: rung, seed, leaky (as of its run), and the values of Measured.
    left_out: {rung: cause} of those that could not be made of the collection.
    """

    settings: RunSettings
    runs: list[dict]
    left_out: dict[str, str]

    @property
    def chance(self) -> float:
        """Of one genre drawn at random, which may be any of a track's."""
        # A run that was measured before tracks could have several genres does not say how many.
        return self.runs[0].get("genres_per_track", 1) / self.runs[0]["genres"] if self.runs else 0.0

    def table(self) -> pd.DataFrame:
        """A row for each rung, in the order of RUNGS; means over the seeds.

        The interval is that of one test set at the mean accuracy: test sets of several seeds share tracks, so that
        more seeds do not narrow it.
        """
        by_rung = {name: [run for run in self.runs if run["rung"] == name] for name in RUNGS}
        return pd.DataFrame([_row(name, runs) for name, runs in by_rung.items() if runs])


def _row(name: str, runs: list[dict]) -> dict:
    def mean(column: str) -> float | None:
        known = [run[column] for run in runs if run[column] is not None]
        return statistics.fmean(known) if known else None

    leaks = RUNGS[name].leaks or ("recordings on two sides of the given split" if runs[0]["leaky"] else "")
    row = {"rung": name, "leaky": bool(leaks), "leaks": leaks, "seeds": len(runs)}
    row |= {"train_rows": round(mean("train_rows")), "tracks": round(mean("tracks")), "slices": round(mean("slices"))}
    for unit in COLUMNS:
        shares = [run[f"{unit}_hits"] / run[f"{unit}s"] for run in runs]
        n, share = row[f"{unit}s"], statistics.fmean(shares)
        low, high = wilson_interval(round(share * n), n)
        row |= {f"{unit}_accuracy": share, f"{unit}_low": low, f"{unit}_high": high}
        row[f"{unit}_sd"] = statistics.stdev(shares) if len(shares) > 1 else None
    return {
        **row,
        "artist_overlap": mean("artist_overlap"),
        "track_overlap": mean("track_overlap"),
        "protocol": runs[0]["protocol"],
    }


def write_ladder(ladder: Ladder, out: Path) -> None:
    """Writes leak.csv, leak.json, leak.png and report.txt."""
    from kgenre.evaluation.leak.plot import draw_ladder

    table = ladder.table()
    values = {
        "settings": ladder.settings.values(),
        "chance": ladder.chance,
        "rungs": [{name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")],
        "left_out": ladder.left_out,
        "runs": ladder.runs,
    }
    write_text(out / "leak.csv", table.to_csv(index=False))
    write_text(out / "report.txt", ladder_text(ladder) + "\n")
    if len(table):
        draw_ladder(table, ladder.chance, _title(ladder), out / "leak.png")
    write_json(out / "leak.json", values)


def ladder_text(ladder: Ladder) -> str:
    """The ladder as text: what is printed, and written to report.txt."""
    lines = [_title(ladder), ""]
    if ladder.runs:
        lines.append(
            f"  {'protocol':<17} {'':<6} tracks  accuracy of tracks         of slices                  overlap"
        )
    for row in ladder.table().to_dict("records"):
        mark = "LEAKY" if row["leaky"] else ""
        shares = "  ".join(f"{_share(row, unit):<25}" for unit in COLUMNS)
        lines.append(f"  {row['rung']:<17} {mark:<6} {row['tracks']:>6}  {shares}  {_overlap(row)}")
    lines += [f"  {name:<17} left out: {cause}" for name, cause in ladder.left_out.items()]
    return "\n".join([*lines, "", *_notes(ladder)])


def _share(row: dict, unit: str) -> str:
    spread = "" if pd.isna(row[f"{unit}_sd"]) else f" ± {100 * row[f'{unit}_sd']:.1f}"
    low, high = 100 * row[f"{unit}_low"], 100 * row[f"{unit}_high"]
    return f"{100 * row[f'{unit}_accuracy']:.1f}{spread} ({low:.1f} to {high:.1f})"


def _overlap(row: dict) -> str:
    artists = "artists unknown" if pd.isna(row["artist_overlap"]) else f"artists {row['artist_overlap']:.0%}"
    return artists + (f", tracks {row['track_overlap']:.0%}" if row["track_overlap"] else "")


def _title(ladder: Ladder) -> str:
    settings, seeds = ladder.settings, len({run["seed"] for run in ladder.runs})
    many = f"{seeds} seeds" if seeds > 1 else f"seed {settings.training.seed}"
    data = "/".join(Path(settings.data).parts[-2:])
    return f"{settings.arch} on {data}: {settings.training.epochs} epochs, {many}"


def _notes(ladder: Ladder) -> list[str]:
    rows = ladder.table().to_dict("records")
    notes = [
        f"  {row['rung']}: {row['protocol']}" + (f". Leaks: {row['leaks']}" if row["leaky"] else "") for row in rows
    ]
    spread = ", ± the standard deviation over the seeds" if any(row["seeds"] > 1 for row in rows) else ""
    return [
        *notes,
        "",
        "  In %, with the 95 % interval of one test set" + spread + f"; chance is {ladder.chance:.1%}. Slices of a",
        "  track are alike, so the interval of slices is too narrow. Overlap: the share of the reported tracks whose",
        "  artist, or other parts or copies of which, were trained on.",
    ]


def _plain(value):
    return None if not isinstance(value, str) and pd.isna(value) else value
