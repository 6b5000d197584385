"""Excerpts: the sound of the slice that decided, as an MP3 file in a data: URL."""

import base64

import numpy as np

from kgenre.audio.decode import decode
from kgenre.audio.decoders import AudioError
from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.mp3 import encode_mp3
from kgenre.audio.policy import AUTO
from kgenre.core.parallel import map_in_order
from kgenre.evaluation.errors import ranked_mistakes
from kgenre.reporting.section import LeftOut, Output
from kgenre.reporting.subject import Subject

RATE, KBIT = 24000, 64  # mono: 6 s are 48 kB, 64 kB in the page
MOST_SECONDS = 6.0
MOST = 20  # excerpts of a page: 1.3 MB


def most_confident_mistakes(subject: Subject, n: int = MOST) -> list[int]:
    """Numbers of the wrongly answered tracks that have slices, the most probable answer first."""
    paths = subject.rows["path"]
    return [int(i) for i in ranked_mistakes(subject.predictions) if paths.iloc[i] in subject.tracks][:n]


def deciding_slice(probabilities: np.ndarray, label: int) -> int:
    """The number of the slice in which a label is most probable: probabilities (slices, labels)."""
    return int(np.argmax(probabilities[:, label]))


def deciding_start(subject: Subject, number: int) -> float:
    """Where in a track of a report, in seconds, the slice begins that decided its answer."""
    track = subject.tracks[subject.rows["path"].iloc[number]]
    return float(track.starts[deciding_slice(track.probabilities, subject.main[number])])


def excerpt_url(path: str, start: float, seconds: float, decoder: str = AUTO, most: float = MOST_SECONDS) -> str:
    """Part of an audio file, at most `most` seconds of it, as a data: URL of an MP3 file.

    Raises:
        AudioError: the file cannot be read.
    """
    audio = decode(path, RATE, start, min(seconds, most), decoder)
    return f"data:audio/mpeg;base64,{base64.b64encode(encode_mp3(audio.samples, RATE, KBIT)).decode()}"


def add_excerpts(subject: Subject, output: Output) -> None:
    """Puts the sound of the most confident mistakes into `output.excerpts`.

    Raises:
        LeftOut: there is no audio, or it is not wanted; or, with the others in place, some files are gone.
    """
    if not output.options.audio:
        raise LeftOut("--no-audio")
    if subject.model is None or not subject.tracks:
        raise LeftOut("the tracks were answered without slices, of which one could be played")
    if subject.model.slice_spec.input != WAVEFORM:
        raise LeftOut("the tracks are spectrograms")
    numbers, seconds = most_confident_mistakes(subject), subject.model.slice_spec.slice_seconds

    def url(number: int) -> str | None:
        try:
            path = subject.rows["path"].iloc[number]
            return excerpt_url(path, deciding_start(subject, number), seconds, output.options.decoder)
        except AudioError:
            return None

    found = dict(zip(numbers, map_in_order(url, numbers, output.options.workers)))
    output.excerpts |= {number: sound for number, sound in found.items() if sound is not None}
    gone = len(found) - len(output.excerpts)
    if gone:
        raise LeftOut(f"{gone} of {len(found)} audio files cannot be read any more")
