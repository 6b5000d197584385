"""fma_small, fma_medium, fma_large, fma_full: the Free Music Archive, four editions of one set of tracks.

The archives are those of https://github.com/mdeff/fma, with the SHA-1 of its README. Each is unpacked to a folder of
its name; the four editions lie in one folder beside fma_metadata, which has tracks.csv and genres.csv of all.

Reference: Defferrard, Benzi, Vandergheynst, Bresson, "FMA: A Dataset for Music Analysis", ISMIR 2017.
"""

from functools import partial
from pathlib import Path
from shlex import quote

from kgenre.collections.datasets.dataset import Dataset, Remote, Tracks
from kgenre.core.errors import KgenreError
from kgenre.core.progress import Progress

HOME = "fma"
METADATA = "fma_metadata"
URL = "https://os.unil.cloud.switch.ch/fma/"
GIB = 1 << 30

CITATION = (
    "M. Defferrard, K. Benzi, P. Vandergheynst, X. Bresson: FMA: A Dataset for Music Analysis. ISMIR 2017. "
    "arXiv:1612.01840"
)
LICENCE = "Creative Commons, each track its own; metadata CC BY 4.0"

# SHA-1 and the rounded sizes (GiB) are of mdeff/fma's README. It gives no bytes: those here are lengths that the server
# announced to several others; where only one told it, or none, the size is left to the SHA-1.
REMOTES = {
    METADATA: Remote(
        f"{URL}fma_metadata.zip", 358412441, sha1="f0df49ffe5f2a6008d7dc83c6915b31835dfe733", space=1_600_000_000,
        shared=True,
    ),
    "fma_small": Remote(
        f"{URL}fma_small.zip", 7679594875, sha1="ade154f733639d52e35e32f5593efe5be76c6d70", space=7_750_000_000
    ),
    "fma_medium": Remote(
        f"{URL}fma_medium.zip", sha1="c67b69ea232021025fca9231fc1c7c1a063ab50b", space=int(22.5 * GIB)
    ),
    "fma_large": Remote(
        f"{URL}fma_large.zip", 100306112191, sha1="497109f4dd721066b5ce5e5f250ec604dc78939e", space=94 * GIB
    ),
    "fma_full": Remote(
        f"{URL}fma_full.zip", sha1="0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab", space=880 * GIB
    ),
}  # fmt: skip

SMALL_GENRES = (
    "Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock",
)  # fmt: skip
TOP_GENRES = (
    "Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk", "Hip-Hop",
    "Instrumental", "International", "Jazz", "Old-Time / Historic", "Pop", "Rock", "Soul-RnB", "Spoken",
)  # fmt: skip

# Clips were cut from the middle of a length that the archive reported wrongly (mdeff/fma, issues 4, 8 and 41, and its
# wiki): of some, nothing or a few seconds are left. The 27.4 s of 108924 are kept.
NO_AUDIO = "no audio: the clip was cut behind the track's end"
SHORT = "less than 10 s of audio: the clip was cut at the track's end"
SMALL_FAULTS = {
    "098565": SHORT, "098567": SHORT, "098569": SHORT,  # 1.6, 0.5 and 1.5 s
    "099134": NO_AUDIO, "108925": NO_AUDIO, "133297": NO_AUDIO,
}  # fmt: skip
CLIP_FAULTS = {
    **SMALL_FAULTS,
    "098566": SHORT, "098568": SHORT,  # 6.2 and 6.6 s
    **dict.fromkeys(
        ("001486", "005574", "065753", "080391", "098558", "098559", "098560", "098571", "105247", "126981", "127336",
         "143992"),
        NO_AUDIO,
    ),
}  # fmt: skip


def load(name: str, folder: Path, progress: Progress) -> Tracks:
    """The tracks of an edition.

    Args:
        name: of the edition.
        folder: that holds NAME and fma_metadata; or NAME itself, beside fma_metadata.

    Raises:
        KgenreError: not there, or another form; the line says what to type.
    """
    from kgenre.collections.datasets.fma_tables import read_fma

    audio = folder / name
    if not audio.is_dir() and folder.name == name and any(folder.glob("[0-9][0-9][0-9]")):
        audio = folder
    if not audio.is_dir():
        raise _missing(name, folder, f"no folder {name} in {folder}")
    return read_fma(name, audio, _metadata(name, folder), SUBSETS[name], FAULTS[name])


def _metadata(name: str, folder: Path) -> Path:
    found = REMOTES[METADATA].find(folder)
    if found is None:
        raise _missing(name, folder, f"no folder {METADATA} in {folder} or beside it")
    return found


def _missing(name: str, folder: Path, cause: str) -> KgenreError:
    to = "" if folder == Path("data") / HOME else f" --to {quote(str(folder))}"
    return KgenreError(
        f"{name}: {cause}. Type `kgenre datasets {name} --download{to}` ({SIZES[name]}), or name the folder that has "
        f"it: --data {name}:DIR."
    )


def features_csv(name: str, folder: Path) -> Path:
    """The file of the authors' features; of full-length tracks in every edition."""
    path = _metadata(name, folder) / "features.csv"
    if not path.is_file():
        raise _missing(name, folder, f"no file {path}")
    return path


def _edition(name: str, description: str, tracks: int, labels: tuple[str, ...]) -> Dataset:
    return Dataset(
        description=description,
        citation=CITATION,
        licence=LICENCE,
        tracks=tracks,
        size=SIZES[name],
        remotes=(REMOTES[METADATA], REMOTES[name]),
        known_faults=FAULTS[name],
        labels=labels,
        load=partial(load, name),
        home=HOME,
        features_csv=partial(features_csv, name),
    )


SIZES = {"fma_small": "7.5 GiB", "fma_medium": "22 GiB", "fma_large": "93 GiB", "fma_full": "879 GiB"}
SUBSETS = {
    "fma_small": ("small",),
    "fma_medium": ("small", "medium"),
    "fma_large": ("small", "medium", "large"),
    "fma_full": ("small", "medium", "large"),
}
FAULTS = {"fma_small": SMALL_FAULTS, "fma_medium": CLIP_FAULTS, "fma_large": CLIP_FAULTS, "fma_full": {}}

FMA_SMALL = _edition("fma_small", "8 genres of 1000 clips of 30 s", 8000, SMALL_GENRES)
FMA_MEDIUM = _edition("fma_medium", "16 unbalanced genres, clips of 30 s", 25000, TOP_GENRES)
FMA_LARGE = _edition("fma_large", "161 genres in a tree, several a track, clips of 30 s", 106574, TOP_GENRES)
FMA_FULL = _edition("fma_full", "161 genres in a tree, several a track, whole tracks", 106574, TOP_GENRES)
