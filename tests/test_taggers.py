"""The taggers of Won et al. 2020 against PyTorch, on drawn weights and on the published files; as models; mixed."""

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

import audio_files
import keras
import numpy as np
import pytest

from kgenre.archs import ARCHS
from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.open_reader import open_reader
from kgenre.audio.policy import ReadPolicy
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.model.settings import ModelSettings
from kgenre.serving.catalogue import TAGGERS, model_input, open_model
from kgenre.serving.mixture import Mixture, alignment
from kgenre.serving.predict import predict_track, predict_tracks
from kgenre.serving.taggers import Tagger
from kgenre.training.fit import untrained_model
from kgenre.training.settings import RunSettings
from kgenre.weights import WEIGHTS, load
from kgenre.weights.taggers import JAMENDO_KINDS, TAGS

torch = pytest.importorskip("torch", reason="PyTorch, in which the reference taggers are written, is not installed")

import taggers_reference as reference  # noqa: E402  it imports PyTorch

ARCH_NAMES = ("fcn", "tagger_crnn")
ROWS = [name for name, row in WEIGHTS.items() if row.arch in ARCH_NAMES]
PUBLISHED = os.environ.get("KGENRE_TEST_WEIGHTS")  # a folder that holds the published files
# Float32 through five convolutions; filters that torchaudio computed in float32 differ from ours by 1e-5.
TOLERANCE = 1e-4


def music(seconds: float, rate: int = reference.RATE) -> np.ndarray:
    """A rising tone in noise bursts, and the same 40 dB below: float32 (2, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    y = 0.3 * np.sin(2 * np.pi * (200 * time + 40 * time**2))
    y += 0.2 * np.random.default_rng(0).standard_normal(len(time)) * (0.05 + (time % 0.5 < 0.1))
    return np.stack([y, 0.01 * y]).astype("float32")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def drawn_files(tmp_path, monkeypatch):
    """A cache directory with drawn state dicts under the names of all published files; {row: its network}."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, networks = tmp_path / "kgenre", {}
    folder.mkdir()
    for seed, name in enumerate(ROWS):
        row = WEIGHTS[name]
        networks[name], path = reference.drawn(row.arch, seed), folder / row.file
        torch.save(networks[name].state_dict(), path, _use_new_zipfile_serialization=False)
        content = path.read_bytes()
        published = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(row, **published))
    return networks


def answers(network, slices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embedding and probabilities by PyTorch."""
    with torch.no_grad():
        return tuple(part.numpy() for part in network(torch.from_numpy(slices)))


def assert_same(model, network, slices: np.ndarray) -> None:
    embeddings, probabilities = answers(network, slices)
    found = model(slices)
    assert found.embeddings.shape == embeddings.shape == (len(slices), 32 if network.recurrent else 64)
    assert np.ptp(embeddings, axis=0).max() > 0.05 * np.abs(embeddings).max()  # the two sound different
    np.testing.assert_allclose(found.embeddings, embeddings, rtol=0, atol=TOLERANCE * np.abs(embeddings).max())
    np.testing.assert_allclose(found.probabilities, probabilities, rtol=0, atol=TOLERANCE)


# --- parity -------------------------------------------------------------------------------------------


def test_front_end_equals_torch_at_every_length():
    config = ModelSettings.compose({"feature": "tagger_mel"})
    layer = FEATURES["tagger_mel"].build(config.audio.sample_rate_hz, config.features[config.feature])
    for samples in (257, 5000, 48000):
        y = music(3.0)[:, :samples]
        expected = reference.mel_db(torch.from_numpy(np.float64(y))).numpy().transpose(0, 2, 1)
        found = keras.ops.convert_to_numpy(layer(y))
        audible = expected > -60  # below, float32 rounding of the transform beside the loudest bin
        assert audible.mean() > 0.9
        np.testing.assert_allclose(found[audible], expected[audible], rtol=0, atol=0.01)


def test_front_end_of_less_than_half_a_frame_is_mirrored_again_and_again():
    from kgenre.features.layers.logmel import mirrored

    y = np.float32([[1, 2, 3]])
    np.testing.assert_array_equal(mirrored(y, 5), np.pad(y, ((0, 0), (5, 5)), mode="reflect"))


@pytest.mark.parametrize("name", ["fcn-jamendo", "tagger_crnn-msd"])
def test_drawn_weights_answer_as_pytorch(name, drawn_files):
    assert_same(Tagger(WEIGHTS[name], name), drawn_files[name], music(29.0))


@pytest.mark.soak
@pytest.mark.parametrize("name", ROWS)
def test_published_weights_answer_as_pytorch(name, tmp_path, monkeypatch):
    row = WEIGHTS[name]
    if not PUBLISHED or not (Path(PUBLISHED) / row.file).is_file():
        pytest.skip(f"KGENRE_TEST_WEIGHTS names no folder with {row.file}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "kgenre").mkdir()
    path = shutil.copy(Path(PUBLISHED) / row.file, tmp_path / "kgenre")
    state = torch.load(path, map_location="cpu", weights_only=True)
    np.testing.assert_allclose(state["spec.mel_scale.fb"].T, reference.filters(), atol=2e-5)  # theirs is float32
    np.testing.assert_allclose(state["spec.spectrogram.window"], torch.hann_window(512), atol=1e-6)
    network = reference.Tagger(row.arch)
    network.load_state_dict({key: value for key, value in state.items() if not key.startswith("spec.")})
    assert_same(Tagger(row, name), network.eval(), music(29.0))


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_slices_of_other_lengths_answer_as_pytorch(arch, drawn_files):
    seconds = {"fcn": 21.0, "tagger_crnn": 2.0}[arch]
    config = RunSettings.compose({"arch": arch, "weights": "msd", "slice_seconds": seconds})
    model = untrained_model(config, 10)
    embed = keras.Model(model.input, model.get_layer("embedding").output)
    expected, _ = answers(drawn_files[f"{arch}-msd"], music(seconds))
    found = keras.ops.convert_to_numpy(embed(music(seconds)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


# --- weights and tags ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_pretrained_network_is_frozen_and_a_random_one_trains(arch, drawn_files):
    row = ARCHS[arch]
    model = untrained_model(RunSettings.compose({"arch": arch}), 10)
    assert [variable.path for variable in model.trainable_variables] == ["logits/kernel", "logits/bias"]
    assert row.resolve(row.settings(weights="none")) == {"unfreeze": -1} and row.resolve(row.settings()) == {}


def test_too_few_frames_name_what_to_set():
    with pytest.raises(KgenreError, match="at least 1280 frames. .*a larger --slice-seconds"):
        untrained_model(RunSettings.compose({"arch": "fcn", "weights": "none", "slice_seconds": 20.0}), 10)


def test_image_of_other_bands_is_refused():
    with pytest.raises(KgenreError, match="`fcn` needs 96 mel bands"):
        untrained_model(RunSettings.compose({"arch": "fcn", "weights": "none", "n_mels": 64}), 10)


def test_every_set_of_tags_has_fifty_different_names():
    assert all(len(set(tags)) == len(tags) == 50 for tags in TAGS.values())
    assert all(tags == sorted(tags) for tags in JAMENDO_KINDS.values())


def test_load_leaves_out_the_front_end_and_reads_the_gates(drawn_files):
    state, arrays = drawn_files["tagger_crnn-mtt"].state_dict(), load(WEIGHTS["tagger_crnn-mtt"])
    assert len(arrays) == 4 + 4 * 6 + 2 * 3 + 2
    reset, update, new = state["layer5.weight_ih_l0"].numpy().reshape(3, 32, 128)
    np.testing.assert_array_equal(arrays["gru_0/kernel"], np.concatenate([update, reset, new]).T)


# --- models -------------------------------------------------------------------------------------------


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.wav"
    audio_files.write_sound(path, music(65.0)[0], reference.RATE)
    return str(path)


def test_open_model_by_name_predicts_tags(drawn_files, song):
    model = open_model("crnn-jamendo")
    assert model.name == "crnn-jamendo" and list(model.labels) == TAGS["jamendo"] and model.task.several
    assert model.slice_spec == SliceSpec(16000, 464000, 464000)
    prediction = model.predict(song)
    assert prediction.facts.starts == (0.0, 29.0, 36.0)
    network = drawn_files["tagger_crnn-jamendo"]
    slices = np.stack([piece.samples for piece in open_reader(model.slice_spec).slices(song)])
    np.testing.assert_allclose(prediction.probabilities, answers(network, slices)[1].mean(0), atol=TOLERANCE)


def test_open_model_of_each_tagger_has_its_own_identity(drawn_files):
    names = [name for name in TAGGERS if name.startswith("crnn")]
    assert len({open_model(name).identity for name in names}) == len(names) == 3


def test_open_model_through_litert_is_refused(drawn_files):
    with pytest.raises(KgenreError, match="fcn-msd answers through TensorFlow only"):
        open_model("fcn-msd", "litert")


# --- mixtures -----------------------------------------------------------------------------------------


def test_mixture_of_one_length_joins_embeddings_and_means_shared_tags(drawn_files):
    assert model_input("mix:crnn-msd,crnn-jamendo") == WAVEFORM
    mixture = open_model("mix:crnn-msd,crnn-jamendo")
    slices = music(29.0)
    one, two = (open_model(name)(slices) for name in ("crnn-msd", "crnn-jamendo"))
    found = mixture(slices)
    np.testing.assert_array_equal(found.embeddings, np.concatenate([one.embeddings, two.embeddings], axis=1))
    np.testing.assert_array_equal(mixture.in_background()(slices).embeddings, found.embeddings)
    labels = list(mixture.labels)
    shared = set(TAGS["msd"]) & set(TAGS["jamendo"])
    assert len(labels) == 100 - len(shared) == found.probabilities.shape[1] and "rock" in shared
    rock = (one.probabilities[:, TAGS["msd"].index("rock")] + two.probabilities[:, TAGS["jamendo"].index("rock")]) / 2
    np.testing.assert_allclose(found.probabilities[:, labels.index("rock")], rock, atol=1e-6)
    alone = two.probabilities[:, TAGS["jamendo"].index("orchestral")]
    np.testing.assert_allclose(found.probabilities[:, labels.index("orchestral")], alone, atol=1e-6)


def test_mixture_of_two_lengths_answers_for_the_shorter_slices(drawn_files, song):
    members = [open_model(name) for name in ("crnn-msd", "default")]
    mixture = Mixture(members, "mix:crnn-msd,default")
    long, short = (predict_track(member, song) for member in members)
    found = predict_track(mixture, song)
    assert found.facts == short.facts and len(found.slices.embeddings) == len(short.facts.starts)
    np.testing.assert_allclose(found.slices.embeddings[:, 32:], short.slices.embeddings, atol=1e-5)
    middles = np.array(short.facts.starts) + members[1].slice_spec.slice_seconds / 2
    for middle, embedding in zip(middles, found.slices.embeddings[:, :32], strict=True):
        covering = [i for i, start in enumerate(long.facts.starts) if start <= middle <= start + 29]
        np.testing.assert_allclose(embedding, long.slices.embeddings[covering].mean(0), atol=1e-5)
    assert {middle > 36 and middle < 58 for middle in middles} == {False, True}  # two cover some slices, one the others


def test_mixture_of_two_lengths_reports_failures_and_short_songs(drawn_files, song, tmp_path):
    mixture = open_model("mix:default,crnn-msd")
    short, broken = str(tmp_path / "short.wav"), str(tmp_path / "broken.wav")
    audio_files.write_sound(short, music(2.0)[0], reference.RATE)
    Path(broken).write_bytes(b"RIFF")
    reader, steps = open_reader(mixture.slice_spec), []
    found = {p.path: p for p in predict_tracks(mixture, reader, [broken, short, song], advance=lambda: steps.append(1))}
    assert set(found) == {short, song} and set(reader.failures) == {broken} and len(steps) == 3
    [crnn] = predict_track(open_model("crnn-msd"), short).slices.embeddings
    np.testing.assert_allclose(found[short].slices.embeddings[0, -32:], crnn, atol=1e-5)
    few = predict_track(mixture, song, ReadPolicy(2))
    assert len(few.slices.embeddings) == 2


def test_mixture_of_two_lengths_refuses_slices(drawn_files):
    with pytest.raises(KgenreError, match="slices of several lengths.*`kgenre predict`"):
        open_model("mix:default,crnn-msd")(np.zeros((1, 47680), "float32"))


@pytest.mark.parametrize("name", ["mix:crnn-msd", "mix:crnn-msd,crnn-msd"])
def test_mixture_of_one_model_is_refused(name, drawn_files):
    with pytest.raises(KgenreError, match="a mixture needs two or more different models"):
        open_model(name)


def test_alignment_takes_covering_slices_else_the_nearest():
    fine, coarse = SliceSpec(10, 10, 10), SliceSpec(10, 40, 40)  # 1 s and 4 s
    shares = alignment((0.0, 3.0, 5.0, 20.0), fine, (0.0, 2.5), coarse)
    np.testing.assert_allclose(shares, [[1, 0], [0.5, 0.5], [0, 1], [0, 1]])
