"""Asks every signature of a SavedModel, as a server would: it imports TensorFlow and nothing of this package.

python ask.py FOLDER CASES ANSWERS: the program that `Exporter.ANSWER` of a row of EXPORTERS is. Answers of another
signature than `serving_default` are named SIGNATURE:NAME.
"""

import io
import sys
import wave

import numpy as np
import tensorflow as tf


def serving_default(serve, cases: dict, rate) -> dict:
    (name,) = serve.structured_input_signature[1]
    return {case: serve(**{name: tf.constant(tracks)}) for case, tracks in cases.items()}


def masked(serve, cases: dict, rate) -> dict:
    """All tracks of all lengths in one request, with ones behind their ends."""
    tracks, lengths = serve.structured_input_signature[1]
    if tracks.startswith("num_"):
        tracks, lengths = lengths, tracks
    rows = [track for batch in cases.values() for track in batch]
    counts = np.array([len(row) for row in rows], "int32")
    padded = np.ones((len(rows), counts.max(), *rows[0].shape[1:]), "float32")
    for row, track in zip(padded, rows):
        row[: len(track)] = track
    return split(serve(**{tracks: tf.constant(padded), lengths: tf.constant(counts)}), cases)


def wav_bytes(serve, cases: dict, rate) -> dict:
    """All tracks in one request, as files at the model's own rate."""
    files = [wav_file(track, rate) for batch in cases.values() for track in batch]
    return split(serve(wav_bytes=tf.constant(files)), cases)


def split(answer: dict, cases: dict) -> dict:
    """The answer to all tracks in one request, by case; of the slices, those that a track has."""
    answers, first = {}, 0
    slices = answer["num_slices"].numpy()
    for case, batch in cases.items():
        rows = slice(first, first + len(batch))
        first = rows.stop
        answers[case] = {
            name: value[rows, : slices[rows.start]] if name.startswith("slice_") else value[rows]
            for name, value in answer.items()
            if name != "num_slices"
        }
    return answers


def wav_file(track, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, int(rate), 0, "NONE", ""))
        out.writeframes(np.round(track * 32768).astype("<i2").tobytes())
    return file.getvalue()


def about(serve, cases: dict, rate) -> dict:
    return {"about": serve()}


def about_rows(serve, cases: dict, rate) -> dict:
    return {"about": {name: value[1] for name, value in serve(row=tf.zeros(2, tf.int32)).items()}}


ASK = {
    "serving_default": serving_default,
    "waveform_masked": masked,
    "spectrogram_masked": masked,
    "wav_bytes": wav_bytes,
    "embed": serving_default,
    "about": about,
    "about_rows": about_rows,
}


def main(folder: str, cases: str, answers: str) -> None:
    signatures, found = tf.saved_model.load(folder).signatures, {}
    rate = signatures["about"]()["sample_rate"].numpy()
    tracks = dict(np.load(cases))
    for signature, serve in signatures.items():
        way = "" if signature == "serving_default" else f"{signature}:"
        for case, values in ASK[signature](serve, tracks, rate).items():
            found |= {f"{way}{case}/{name}": plain(value) for name, value in values.items()}
    np.savez(answers, **found)


def plain(value):
    """Texts as NumPy's own strings, which a file takes without pickling."""
    return np.char.decode(np.asarray(value.numpy(), "S"), "utf-8") if value.dtype == tf.string else value.numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
