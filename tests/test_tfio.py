"""The choice of a decoder, everywhere; tensorflow-io as one, where an environment with it has been made.

`tests/tfio_environment.sh` makes it, in .venv-tfio; KGENRE_TFIO_PYTHON names the Python of another one.
"""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_files import AV_SONGS, SONGS, cut_short, music, write_sound

from kgenre.audio import tfio
from kgenre.audio.decode import decode, probe, stream
from kgenre.audio.decoders import (
    AUTO,
    DECODER_CHOICES,
    DECODER_HELP,
    DECODERS,
    AudioError,
    check_decoder,
    chosen,
    decoder_versions,
)
from kgenre.audio.sources import BLOCK_FRAMES
from kgenre.core.errors import KgenreError

RATE = 22050
ROOT = Path(__file__).parent.parent
PYTHON = Path(os.environ.get("KGENRE_TFIO_PYTHON") or ROOT / ".venv-tfio/bin/python")
# Two float32 decoders of the same mp3 at a level of 1 differ by 1e-6, as measured; a sample of delay by 0.1 and more.
EXACT = 1e-5
TFIO_SONGS = tuple(name for name in SONGS if name.endswith(DECODERS["tfio"].endings))
MONO = ("mono.mp3", "mono.flac", "mono.ogg", "mono22k.wav")  # 22.05 kHz, where nothing is resampled
WAVS = {
    "pcm32.wav": ("WAV", "PCM_32"),
    "extensible16.wav": ("WAVEX", "PCM_16"),
    "extensible32.wav": ("WAVEX", "PCM_32"),
    "extensible_float.wav": ("WAVEX", "FLOAT"),
}
ODD_WAVS = ("odd_before.wav", "odd_behind.wav")  # a chunk of odd length before or behind the samples
GOOD = (*TFIO_SONGS, *MONO, *WAVS, *ODD_WAVS)
FAULTS = {
    "half_cbr.mp3": "broken in the middle: read 262144 from 131072 failed: 0",
    "half_pcm16.flac": "broken in the middle: unable to read at: 151552",
    "text.mp3": "not an audio file that can be read (tfio: unknown file type).",
    "header_song.ogg": "not an audio file that can be read (tfio: could not open input as an OggVorbis file: -132).",
    "m4a_named.mp3": "not an audio file that can be read (tfio: mp4(aac) is not supported in AudioIOTensor or "
    "AudioIODataset).",
    "nan.wav": "5 NaN or infinite samples. Write the file again from its source.",
    "no_samples.wav": "holds no audio: the file has a header and nothing after it. Replace the file.",
    "ulaw.wav": "not an audio file that can be read (tfio: WAV format 7 with 8 bits).",
    "no_length.flac": "not an audio file that can be read (tfio: its header does not tell its length).",
}


# --- the choice -----------------------------------------------------------------------------------


def test_decoders_auto_tries_libsndfile_then_ffmpeg():
    assert list(chosen()) == list(chosen(AUTO)) == ["libsndfile", "ffmpeg"]
    assert DECODER_CHOICES == ("auto", "libsndfile", "ffmpeg", "tfio")
    assert [name for name, row in DECODERS.items() if row.optional] == ["tfio"]


@pytest.mark.parametrize("name", DECODERS)
def test_decoder_help_describes_each_row(name):
    assert f"; {name}: {DECODERS[name].reads}" in DECODER_HELP
    assert list(chosen(name)) == [name]


@pytest.mark.parametrize(
    "call",
    [lambda path: probe(path, decoder="tfoi"), lambda path: list(stream(path, RATE, decoder="tfoi")),
     lambda path: decode(path, RATE, decoder="tfoi"), lambda path: check_decoder("tfoi"),
     lambda path: decoder_versions("tfoi")],
    ids=["probe", "stream", "decode", "check_decoder", "decoder_versions"],
)  # fmt: skip
def test_unknown_decoder_names_the_closest(songs, call):
    with pytest.raises(KgenreError) as caught:
        call(songs["cbr.mp3"])
    assert str(caught.value) == ("unknown decoder 'tfoi'. Did you mean tfio? Known: auto, ffmpeg, libsndfile, tfio.")


@pytest.mark.parametrize("name", ["cbr.mp3", "song.ogg", "pcm16.flac", "pcm16.wav"])
def test_decode_with_ffmpeg_agrees_with_libsndfile(songs, name):
    assert probe(songs[name], decoder="ffmpeg").decoder == "ffmpeg"
    assert probe(songs[name]).decoder == "libsndfile"
    samples = decode(songs[name], RATE, 1.0, 2.0, decoder="ffmpeg").samples
    expected = decode(songs[name], RATE, 1.0, 2.0, decoder="libsndfile").samples
    np.testing.assert_array_equal(decode(songs[name], RATE, 1.0, 2.0).samples, expected)
    np.testing.assert_allclose(samples, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", AV_SONGS)
def test_named_decoder_that_cannot_read_a_file_is_not_replaced_by_another(songs, name):
    with pytest.raises(AudioError, match=r"can be read \(libsndfile: [^;]+\)\.$"):
        decode(songs[name], RATE, decoder="libsndfile")


@pytest.mark.parametrize("name", ["song.m4a", "song.opus", "song.aiff"])
def test_tfio_refuses_other_file_endings(songs, name):
    with pytest.raises(AudioError) as caught:
        probe(songs[name], decoder="tfio")
    assert caught.value.cause == (
        "not an audio file that can be read (tfio: reads .mp3 .flac .ogg .wav only, --decoder auto reads more)."
    )


def test_decoder_versions_name_the_decoder_in_use():
    soxr = decoder_versions().split(", ")[-1]
    assert decoder_versions("libsndfile") == (
        f"libsndfile {soundfile.__libsndfile_version__}, soundfile {soundfile.__version__}, {soxr}"
    )
    assert decoder_versions("ffmpeg").startswith("av ")
    assert decoder_versions("auto") == decoder_versions()
    assert decoder_versions() == decoder_versions("libsndfile").replace(soxr, decoder_versions("ffmpeg"))


def test_decode_by_default_does_not_import_tensorflow(songs):
    script = "import sys; from kgenre.audio.decode import decode; decode(sys.argv[1], 22050); "
    script += "sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", script, str(songs["cbr.mp3"])], check=True, cwd=ROOT)


@pytest.fixture
def broken_tensorflow_io(monkeypatch):
    """As tensorflow-io beside TensorFlow 2.18 and later: the import succeeds, the first call does not."""

    def call(*_):
        raise NotImplementedError("unable to open file: libtensorflow_io.so\ncaused by: undefined symbol: _ZN3tsl")

    core_ops = types.SimpleNamespace(io_audio_decode_wav=call)
    ops = types.ModuleType("tensorflow_io.python.ops")
    ops.core_ops = core_ops
    for name in ("tensorflow_io", "tensorflow_io.python"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "tensorflow_io.python.ops", ops)
    tfio.tfio_ops.cache_clear()
    yield
    tfio.tfio_ops.cache_clear()


@pytest.mark.parametrize(
    "call",
    [lambda path: probe(path, decoder="tfio"), lambda path: decode(path, RATE, decoder="tfio"),
     lambda path: check_decoder("tfio"), lambda path: decoder_versions("tfio")],
    ids=["probe", "decode", "check_decoder", "decoder_versions"],
)  # fmt: skip
def test_tfio_whose_ops_do_not_load_raises_one_line(songs, broken_tensorflow_io, call):
    with pytest.raises(KgenreError) as caught:
        call(songs["cbr.mp3"])
    assert not isinstance(caught.value, AudioError)  # not a fault of the file
    line = str(caught.value)
    assert line.startswith(
        "`decoder` tfio needs tensorflow-io 0.37.1 with TensorFlow 2.16 or 2.17, on Python 3.11 or 3.12. Received: "
    )
    assert line.endswith(
        "Use the default, `decoder` auto, which is faster, or see docs/decoding.md for an environment with it."
    )
    assert len(line.splitlines()) == 1


def test_tfio_not_installed_says_so(songs):
    try:
        import tensorflow_io  # noqa: F401
    except ImportError:
        with pytest.raises(KgenreError, match=r"Received: no tensorflow-io, tensorflow \d"):
            decode(songs["cbr.mp3"], RATE, decoder="tfio")
    else:
        pytest.skip("tensorflow-io is installed here")


def test_cause_keeps_the_words_of_the_op():
    message = "{{function_node __wrapped__IO>AudioReadableInit}} unknown file type: /a/b c.mp3 [Op:IO>Init] name: "
    assert tfio._cause(message, "/a/b c.mp3") == "unknown file type"
    assert tfio._cause("{{function_node}} /a/b.mp3", "/a/b.mp3") == "cannot be decoded"


def test_wav_chunks_of_odd_length_are_padded(songs, wavs):
    for name in ODD_WAVS:
        with open(wavs[name], "rb") as file:
            layout, start, size = tfio._wav_chunks(file)
        data = wavs[name].read_bytes()
        assert (data[start - 8 : start - 4], len(layout), size) == (b"data", 16, 2 * RATE * 7)


# --- in the environment ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wavs(tmp_path_factory):
    """{name: path} of MONO, WAVS and ODD_WAVS, two files that tensorflow-io must refuse, a long one and a cut one."""
    folder = tmp_path_factory.mktemp("wavs")
    mono = music(7.0, RATE, 1)
    for name in MONO:
        write_sound(folder / name, mono, RATE)
    for name, (container, subtype) in WAVS.items():
        write_sound(folder / name, music(7.0, 44100), 44100, format=container, subtype=subtype)
    riff = (folder / "mono22k.wav").read_bytes()
    odd = b"note\x03\x00\x00\x00abc\x00"
    bodies = {"odd_before.wav": riff[12:36] + odd + riff[36:], "odd_behind.wav": riff[12:] + odd}
    for name, body in bodies.items():
        (folder / name).write_bytes(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WAVE" + body)
    write_sound(folder / "ulaw.wav", mono, RATE, subtype="ULAW")
    flac = bytearray((folder / "mono.flac").read_bytes())
    flac[21] &= 0xF0  # the 36 bits of the number of samples: 0 where FLAC was written to a pipe
    flac[22:26] = bytes(4)
    (folder / "no_length.flac").write_bytes(flac)
    with soundfile.SoundFile(folder / "long.flac", "w", RATE, 1) as file:
        for _ in range(30):
            file.write(np.zeros(60 * RATE, "int16"))
    write_sound(folder / "whole_long.mp3", music(20.0, 44100), 44100)
    cut_short(folder / "whole_long.mp3", folder / "half_long.mp3")
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def files(songs, faulty, wavs):
    """{name: path} of GOOD and of FAULTS."""
    return {name: songs.get(name) or wavs.get(name) or faulty / name for name in (*GOOD, *FAULTS)}


@pytest.fixture(scope="module")
def answers(files, wavs, tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip(f"no environment with tensorflow-io at {PYTHON}; tests/tfio_environment.sh makes it")
    folder = tmp_path_factory.mktemp("answers")
    listed, out = folder / "files.json", folder / "answers.npz"
    paths = {
        "good": {name: str(files[name]) for name in GOOD},
        "faulty": {name: str(files[name]) for name in FAULTS},
        "long": str(wavs["long.flac"]),
        "breaks": str(wavs["half_long.mp3"]),
    }
    listed.write_text(json.dumps(paths))
    command = [str(PYTHON), str(Path(__file__).parent / "tfio_answers.py"), str(listed), str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(command, check=True, env=environment)
    with np.load(out) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", GOOD)
def test_tfio_agrees_with_libsndfile(answers, files, name):
    expected = decode(files[name], RATE, decoder="libsndfile")
    np.testing.assert_allclose(answers[f"{name}: whole"], expected.samples, rtol=0, atol=EXACT)
    assert answers[f"{name}: flags"] == ""
    info = probe(files[name], decoder="libsndfile")
    assert answers[f"{name}: probe"].tolist() == [info.seconds, info.sample_rate, info.channels]


@pytest.mark.parametrize("name", GOOD)
def test_tfio_excerpt_is_a_part_of_the_whole(answers, name):
    whole = answers[f"{name}: whole"]
    excerpts = {key: value for key, value in answers.items() if key.startswith(f"{name}: from ")}
    assert len(excerpts) == 4
    for key, excerpt in excerpts.items():
        start = round(float(key.rsplit(" ", 1)[1]) * RATE)
        np.testing.assert_allclose(excerpt, whole[start:][:RATE], rtol=0, atol=EXACT, err_msg=key)


@pytest.mark.parametrize("name", GOOD)
def test_tfio_files_open_at_once_keep_apart(answers, name):
    """Eager TensorFlow would give all of them one resource, and each the samples of the last that was opened."""
    np.testing.assert_array_equal(answers[f"{name}: in turns"], answers[f"{name}: whole"])


@pytest.mark.parametrize("name", FAULTS)
def test_tfio_fault_is_named_by_its_cause(answers, files, name):
    assert answers[f"{name}: error"] == f"{files[name]}: {FAULTS[name]}"


def test_tfio_file_that_breaks_gives_the_blocks_before(answers, wavs):
    beginning, rate = answers["beginning"], 44100
    # Half of 20 s is three blocks and a broken one; which block is the last is known only with the next.
    assert len(beginning) > 2 * BLOCK_FRAMES / rate * RATE - RATE // 10
    expected = decode(wavs["half_long.mp3"], RATE, decoder="libsndfile").samples
    np.testing.assert_allclose(beginning, expected[: len(beginning)], rtol=0, atol=EXACT)


def test_tfio_holds_no_more_files_than_were_open_at_once(answers):
    before, after = answers["descriptors"]
    assert after <= before
    made, open_at_once = answers["slots"]
    assert made <= open_at_once


def test_tfio_long_file_streams_in_flat_memory(answers):
    assert answers["megabytes"] < 50  # half an hour is 159 MB as float32; 0 to 10 seen


def test_tfio_versions_name_it(answers):
    assert str(answers["versions"]).startswith("tensorflow-io 0.37.1, soxr ")
