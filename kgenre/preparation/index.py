"""The index of a prepared set: tracks.csv, left_out.csv and manifest.json, made of the plan and of what was written."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kgenre.audio.decoders import united_versions
from kgenre.audio.fragments import whole_file
from kgenre.audio.reader import check_bad_share
from kgenre.collections.datasets.dataset import Tracks
from kgenre.collections.feature_names import utf8
from kgenre.collections.left_out import write_left_out
from kgenre.collections.prepared import FORMAT, LEFT_OUT, MANIFEST, TRACKS, VERSION
from kgenre.collections.splits import Collection
from kgenre.collections.tables import COLUMNS
from kgenre.core.files import write_json, write_text
from kgenre.preparation.plan import Plan, ShardPlan


@dataclass(frozen=True)
class PreparedSet:
    """What was prepared: numbers of tracks and shards, seconds of audio, bytes of shards, and {file: cause}."""

    tracks: int
    shards: int
    seconds: float
    bytes: int
    failures: dict[str, str]


def write_index(
    folder: Path, plan: Plan, facts: dict[int, dict], tracks: Tracks, collection: Collection
) -> PreparedSet:
    """Writes the files beside the shards, the manifest last.

    Args:
        facts: {number of the shard: what `write_shard` returned}.
        tracks: as they were read, with all their genres.
        collection: the same tracks with their split.

    Raises:
        KgenreError: too many files cannot be used; the shards stay, for a higher --max-bad-share.
    """
    failures = _failures(plan, facts)
    check_bad_share(failures, len(plan.sources), plan.max_bad_share)
    shards = {shard.number: shard for shard in plan.shards(folder)}
    table = _table(plan, facts, shards, tracks, collection)
    write_text(folder / TRACKS, table.to_csv(index=False))
    (folder / LEFT_OUT).unlink(missing_ok=True)
    write_left_out(folder / LEFT_OUT, {**collection.left_out, **failures})
    manifest = _manifest(plan, facts, shards, table, tracks, collection)
    write_json(folder / MANIFEST, manifest)
    return what_is_prepared(plan, facts, manifest)


def what_is_prepared(plan: Plan, facts: dict[int, dict], manifest: dict) -> PreparedSet:
    """What `write_index` returned; `manifest` is what it wrote."""
    total = sum(own["bytes"] for own in facts.values())
    return PreparedSet(manifest["tracks"], len(facts), manifest["seconds"], total, _failures(plan, facts))


def _failures(plan: Plan, facts: dict[int, dict]) -> dict[str, str]:
    failed = {source.file: source.cause for source in plan.sources if source.shard < 0}
    for _, own in sorted(facts.items()):
        failed |= {plan.sources[int(number)].file: cause for number, cause in own["failures"].items()}
    return failed


def _table(
    plan: Plan, facts: dict[int, dict], shards: dict[int, ShardPlan], tracks: Tracks, collection: Collection
) -> pd.DataFrame:
    """A row for each track: COLUMNS, then the file that it was, where it lies in its shard, what was odd."""
    places = {
        plan.sources[number].file: (f"{shards[shard].file.name}#{index}", first, samples, own["notes"].get(str(number)))
        for shard, own in sorted(facts.items())
        for index, (number, first, samples) in enumerate(own["tracks"])
    }
    genres = tracks.table.set_index("path")[["genre", "genres"]]
    table = collection.table
    files = table["path"].map(whole_file)
    table = table.assign(**{name: genres.loc[table["path"], name].to_numpy() for name in genres}, file=files)
    table["track_id"] = _track_ids(table)
    table = table[table["file"].isin(places)]
    found = [places[file] for file in table["file"]]
    # What stands behind the file's name, as #t=0,3, names a part of it.
    names = [place + path[len(file) :] for (place, *_), path, file in zip(found, table["path"], table["file"])]
    rows = {"path": names, **{column: utf8(table[column]) for column in [*COLUMNS[1:], "file"]}}
    rows |= {"first_sample": [first for _, first, _, _ in found], "samples": [count for _, _, count, _ in found]}
    return pd.DataFrame({**rows, "note": [note or "" for *_, note in found]})


def _track_ids(table: pd.DataFrame) -> list[str]:
    """The ids; those that are no more than the names of several files have their folder before them.

    Two songs "01 - Intro" are not one recording, and a set has no file names that tell.
    """
    stems = table["file"].map(lambda file: Path(file).stem)
    files = table["file"].groupby(table["track_id"]).transform("nunique")
    folders = table["file"].map(lambda file: Path(file).parent.name)
    by_name = {}
    for file, track_id, stem, n_files, folder in zip(table["file"], table["track_id"], stems, files, folders):
        own = track_id if track_id != stem or n_files == 1 else f"{folder}/{stem}"
        by_name.setdefault(file, own)
    counts = Counter(by_name.values())
    return [
        file if counts[by_name[file]] > 1 and track_id == stem else by_name[file]
        for file, track_id, stem in zip(table["file"], table["track_id"], stems)
    ]


def _manifest(plan: Plan, facts, shards, table: pd.DataFrame, tracks: Tracks, collection: Collection) -> dict:
    samples = sum(own["samples"] for own in facts.values())
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": plan.request,
        "set": plan.set_id.hex(),
        "decoder_versions": united_versions(sorted(own["decoder_versions"] for own in facts.values())),
        "protocol": collection.protocol,
        "leaky": collection.leaky,
        "parents": dict(tracks.parents),
        "tracks": len(table),
        "files": len(plan.sources),
        "left_out": len(plan.sources) - table["file"].nunique(),
        "splits": {name: int(count) for name, count in sorted(table["split"].value_counts().items())},
        "seconds": samples / plan.request["sample_rate_hz"],
        "shards": [
            {
                "file": shards[number].file.name,
                "bytes": own["bytes"],
                "sha256": own["sha256"],
                "tracks": len(own["tracks"]),
                "samples": own["samples"],
            }
            for number, own in sorted(facts.items())
        ],
    }
