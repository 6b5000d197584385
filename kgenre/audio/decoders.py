"""What opens an audio file: the table of decoders, and the choice among them.

libsndfile reads first (mp3, ogg, opus, flac, wav, aiff; exact seeks), FFmpeg through PyAV reads what it cannot
(m4a/AAC, WMA, ...). An optional decoder is used only where it is asked for by name. docs/decoding.md compares them.
"""

import functools
import importlib.metadata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kgenre.audio.errors import AudioError
from kgenre.audio.inputs import is_in_shard, is_spectrogram
from kgenre.audio.policy import AUTO
from kgenre.core.errors import UNREACHABLE, check_known

BETWEEN = "; "  # versions of which some samples are of each


@dataclass(frozen=True)
class Decoder:
    """One row of DECODERS.

    Attributes:
        open: path -> source, as sources.SoundfileSource.
        errors: () -> the exceptions that a source raises at a file that it cannot read.
        components: what determines the samples: "libsndfile" and names of installed distributions.
        reads: for the help text.
        endings: of the names of the files that it reads, lower case; None for any.
        optional: True if it is used only where it is asked for by name.
        check: () -> None; raises KgenreError where it does not work in this environment.
    """

    open: Callable
    errors: Callable[[], tuple[type[Exception], ...]]
    components: tuple[str, ...]
    reads: str
    endings: tuple[str, ...] | None = None
    optional: bool = False
    check: Callable[[], object] = lambda: None


# What decoders bring is imported when a file is opened: `--help` lists them without.


def _open_soundfile(path):
    from kgenre.audio.sources import SoundfileSource

    return SoundfileSource(path)


def _soundfile_errors() -> tuple[type[Exception], ...]:
    import soundfile

    return (soundfile.LibsndfileError, RuntimeError)


def _open_av(path):
    from kgenre.audio.sources import AvSource

    return AvSource(path)


def _av_errors() -> tuple[type[Exception], ...]:
    import av

    return (av.error.FFmpegError, OSError, ValueError)


def _open_tfio(path):
    from kgenre.audio import tfio

    return tfio.open_source(path)


def _tfio_errors() -> tuple[type[Exception], ...]:
    from kgenre.audio import tfio

    return (tfio.TfioError,)


def _check_tfio() -> None:
    from kgenre.audio import tfio

    tfio.tfio_ops()


def _open_shard(path):
    from kgenre.audio.shards import ShardSource

    return ShardSource(path)


SHARD_SOURCE = "shard"  # no row: it is never chosen
# Those that are not optional are tried in this order.
DECODERS = {
    "libsndfile": Decoder(
        _open_soundfile,
        _soundfile_errors,
        ("libsndfile", "soundfile"),
        "mp3, ogg, opus, flac, wav, aiff",
    ),
    "ffmpeg": Decoder(_open_av, _av_errors, ("av",), "also m4a/AAC and WMA"),
    "tfio": Decoder(
        _open_tfio,
        _tfio_errors,
        ("tensorflow-io",),
        "mp3, flac, ogg, wav by tensorflow-io, which needs TensorFlow 2.16 or 2.17",
        (".mp3", ".flac", ".ogg", ".wav"),
        optional=True,
        check=_check_tfio,
    ),
}
DECODER_CHOICES = (AUTO, *DECODERS)
DECODER_HELP = "; ".join(
    [f"{AUTO}: " + ", then ".join(name for name, row in DECODERS.items() if not row.optional)]
    + [f"{name}: {row.reads}" for name, row in DECODERS.items()]
)


def check_decoder(decoder: str) -> None:
    """Raises KgenreError where the name is unknown or the decoder does not work here. Imports what it needs."""
    for row in chosen(decoder).values():
        row.check()


def chosen(decoder: str = AUTO) -> dict[str, Decoder]:
    """The rows to try, in order: of "auto" those that are not optional, of a name its own.

    Raises:
        KgenreError: unknown name.
    """
    check_known("decoder", decoder, DECODER_CHOICES)
    if decoder != AUTO:
        return {decoder: DECODERS[decoder]}
    return {name: row for name, row in DECODERS.items() if not row.optional}


@functools.cache
def decoder_versions(decoder: str = AUTO) -> str:
    """Decoders and resampler with their versions: decoded samples are comparable only if this agrees.

    Raises:
        KgenreError: as `check_decoder`.
    """
    check_decoder(decoder)
    components = [name for row in chosen(decoder).values() for name in row.components]
    return ", ".join(f"{name} {_version(name)}" for name in [*components, "soxr"])


def united_versions(versions: Iterable[str]) -> str:
    """What `decoder_versions` said at several times, each once: what is stored for arrays of several decoders."""
    return BETWEEN.join(dict.fromkeys(one for text in versions for one in text.split(BETWEEN)))


def _version(component: str) -> str:
    if component == "libsndfile":  # the C library inside the distribution "soundfile"
        import soundfile

        return soundfile.__libsndfile_version__
    return importlib.metadata.version(component)


def errors_of(name: str) -> tuple[type[Exception], ...]:
    """What a source raises in the middle of a file, by the name that `open_source` gave."""
    return DECODERS[name].errors() if name in DECODERS else ()


def open_source(path, decoder: str = AUTO):
    """The open source of the first of the chosen decoders that reads the file, and that decoder's name.

    A track of a shard is decoded already, whatever is chosen: its source is named "shard".
    """
    rows = chosen(decoder)
    if is_in_shard(path):
        return _open_shard(path), SHARD_SOURCE
    if is_spectrogram(path):
        raise AudioError(path, "an image or array, which is read as a spectrogram, where audio is wanted. Name a song.")
    path = Path(path)
    try:
        size = path.stat().st_size
        path.open("rb").close()
    except OSError as error:
        raise AudioError(path, f"{UNREACHABLE}: {error.strerror}.") from error
    if not path.is_file():
        raise AudioError(path, "is not a file.")
    if size == 0:
        raise AudioError(path, "empty file: 0 bytes. Replace the file.")
    causes = []
    for name, row in rows.items():
        if row.endings is not None and path.suffix.lower() not in row.endings:
            causes.append(f"{name}: reads {' '.join(row.endings)} only, --decoder {AUTO} reads more")
            continue
        try:
            return row.open(path), name
        except row.errors() as error:
            causes.append(f"{name}: {first_line(error)}")
    raise AudioError(path, f"not an audio file that can be read ({'; '.join(causes)}).")


def first_line(error: Exception) -> str:
    words = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    text = (words or type(error).__name__).splitlines()[0].removeprefix("Error : ").rstrip(".")
    # libsndfile's words for an .mp3 in which it finds no frame; the file does exist.
    return "no mp3 frame found" if text.startswith("File does not exist or is not a regular") else text
