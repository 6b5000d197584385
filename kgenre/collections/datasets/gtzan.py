"""gtzan: Tzanetakis' 1000 clips of ten genres, a folder or an archive that the user has, on the fault-filtered split.

The split is by Kereliuk, Sturm and Larsen, "Deep Learning and Music Adversaries" (2015): their lists leave out
repeated, mislabelled and distorted clips, and keep artists apart. The lists are facts, in gtzan_fault_filtered.txt.
"""

import importlib.resources
import re
from pathlib import Path

from kgenre.collections.datasets.dataset import Dataset, Remote, Tracks
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress

LABELS = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
# blues.00000.wav; copies of the set write hip-hop, hip_hop and blues_00000, too.
CLIP = re.compile(rf"({'|'.join(LABELS).replace('hiphop', 'hip[-_ ]?hop')})[._-](\d{{5}})\.(\w+)", re.IGNORECASE)
INDEX = Remote(  # as it is published beside GTZAN-Rhythm's annotations; Sturm's own page at Aalborg is gone
    url="https://raw.githubusercontent.com/seungheondoh/gtzan-bind/3f05b847d73cc26623733369b52359975b2f1639/"
    "dataset/rhythm/marchand2015swing/GTZANindex.txt",
    size=56038,
    sha256="7bc7140f082cccd72046ec7c6e9b9c211a7491f6e7ede38fddafc63058559833",
)
# Truncated or with a damaged header in the copies that are passed round, sound in the first one: so it is tried.
OFTEN_DAMAGED = ("jazz.00054",)
UNLISTED = "in none of the lists of the fault-filtered split"


def load(folder: Path, progress: Progress) -> Tracks:
    """The clips in a folder or an archive, each with its place in the fault-filtered split."""
    import pandas as pd

    from kgenre.collections.artists import with_artists
    from kgenre.collections.tables import COLUMNS, finish_table

    splits = fault_filtered()
    clips, left_out = _clips(folder, progress)
    rows = [
        {"path": path, "genre": track_id.split(".")[0], "split": splits[track_id], "track_id": track_id}
        for track_id, path in clips.items()
        if track_id in splits
    ]
    left_out |= dict.fromkeys((path for track_id, path in clips.items() if track_id not in splits), UNLISTED)
    left_out |= dict.fromkeys(sorted(set(splits) - set(clips)), "in the lists, but not among the files")
    left_out |= {row["path"]: cause for row in rows if (cause := _damage(row))}
    table = pd.DataFrame(rows).reindex(columns=COLUMNS).astype("string").fillna("")
    table = table[~table["path"].isin(left_out)].reset_index(drop=True)
    table = finish_table(table, f"gtzan in {folder}")
    index = next((path for path in (folder / INDEX.file, folder.parent / INDEX.file) if path.is_file()), None)
    if index:
        table = with_artists(table, index, "gtzan", progress)
    return Tracks(table, left_out=left_out, given_split="fault-filtered (Kereliuk, Sturm, Larsen 2015)")


def fault_filtered() -> dict[str, str]:
    """{track id: split} of the 930 tracks of the lists: 443 train, 197 valid, 290 test."""
    lists = importlib.resources.files("kgenre.collections.datasets") / "gtzan_fault_filtered.txt"
    splits = {}
    for line in lists.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        split, genre, *runs = line.split()
        for first, last in (run.split("-") if "-" in run else (run, run) for run in runs):
            splits |= {f"{genre}.{number:05d}": split for number in range(int(first), int(last) + 1)}
    return splits


def _clips(folder: Path, progress: Progress) -> tuple[dict[str, str], dict[str, str]]:
    """What `_find` gives of the folder, or of what the archive that it is or holds is unpacked into.

    Raises:
        KgenreError: there are no clips.
    """
    from kgenre.collections.archives import is_archive, unpack

    found = _find(folder)
    if not found[0]:
        archives = [folder] if is_archive(folder) else sorted(path for path in folder.glob("*") if is_archive(path))
        found = _find(unpack(archives[0], _place, progress)) if archives else found
    if not found[0]:
        raise KgenreError(
            f"{folder}: no clips of GTZAN (blues/blues.00000.wav and so on) and no archive of them. "
            "Name the folder or the archive that has them as --data gtzan:DIR."
        )
    return found


def _place(name: str) -> str | None:
    """Where a file of an archive belongs, blues/blues.00000.au; None if it is no clip."""
    from kgenre.audio.walk import AUDIO_SUFFIXES

    track_id, suffix = _track_id(name), Path(name).suffix.lower()
    return f"{track_id.split('.')[0]}/{track_id}{suffix}" if track_id and suffix in AUDIO_SUFFIXES else None


def _track_id(name: str) -> str | None:
    """blues.00000 for any spelling of a clip's file name."""
    clip = CLIP.fullmatch(name.rsplit("/", 1)[-1])
    return f"{re.sub('[-_ ]', '', clip[1].lower())}.{clip[2]}" if clip else None


def _find(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """{track id: path} of the clips in a folder, and what else is there: {path: cause}."""
    from kgenre.audio.walk import find_audio_files

    clips, left_out = {}, {}
    for path in map(str, find_audio_files(folder.resolve()) if folder.is_dir() else ()):
        track_id = _track_id(path)
        if track_id is None:
            left_out[path] = "not named as a clip of GTZAN"
        elif track_id in clips:
            left_out[path] = "a second copy of a clip"
        else:
            clips[track_id] = path
    return clips, left_out


def _damage(row: dict[str, str]) -> str | None:
    """Why a clip that is damaged in many copies cannot be used; None if it can."""
    from kgenre.audio.decode import decode
    from kgenre.audio.decoders import AudioError

    if row["track_id"] not in OFTEN_DAMAGED:
        return None
    try:
        decode(row["path"], 16000)
    except AudioError as error:
        return error.cause
    return None


DATASET = Dataset(
    description="1 000 clips of 30 s, 10 genres, 2002; yours: a folder or an archive",
    citation="G. Tzanetakis, P. Cook: Musical Genre Classification of Audio Signals. IEEE TSAP 10(5), 2002. Split: "
    "C. Kereliuk, B. L. Sturm, J. Larsen: Deep Learning and Music Adversaries. IEEE TMM 17(11), 2015. Artists: "
    "B. L. Sturm: An Analysis of the GTZAN Music Genre Dataset. MIRUM 2012",
    licence="none: copyrighted recordings, collected without permission",
    tracks=1000,
    size="1.2 GB, not downloaded: you have it; the index of artists is 56 kB",
    remotes=(INDEX,),
    labels=LABELS,
    load=load,
    user_has_it=True,
)
