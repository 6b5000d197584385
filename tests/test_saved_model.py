"""The signatures of an exported model against the Keras model; what TF Serving reads, parsed with its own messages."""

import dataclasses
import math

import numpy as np
import pytest
import tf_serving_messages
import yaml
from google.protobuf import text_format
from google.protobuf.unknown_fields import UnknownFieldSet

from kgenre.audio.slicing import SliceSpec, cut_slices
from kgenre.core.errors import KgenreError
from kgenre.model.aggregate import aggregate
from kgenre.model.build import build_model
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks import make_task
from kgenre.serving.exporters import EXPORTERS, export_model
from kgenre.serving.exporters.saved_model import signatures as table
from kgenre.serving.exporters.saved_model.warmup import prediction_log, warmup_requests
from kgenre.serving.exporters.tf_serving import FILES, model_name, write_server_files
from kgenre.serving.keras_model import KerasModel
from kgenre.serving.revisions import revisions
from kgenre.serving.saved_model import SavedModel

TOLERANCE = 1e-5
LABELS = ("blues", "jazz", "metal")
SETTINGS = {"arch": "convpool", "slice_seconds": 1.5, "hop_length": 256}
LENGTHS = (0, 1, 400, 33075, 40000, 66150, 99999)  # a slice has 33075 samples
FRAMES = (0, 1, 7, 32, 77)


@dataclasses.dataclass
class Exported:
    network: object
    task: object
    spec: SliceSpec
    folder: object

    def __post_init__(self):
        self.keras = KerasModel(self.network, self.task, self.spec)
        self.signatures = SavedModel(self.folder).module.signatures

    def expected(self, track) -> dict[str, np.ndarray]:
        """The Keras model's answer to one track; of an empty one, to one sample of zeros."""
        track = track if len(track) else np.zeros((1, *track.shape[1:]), "float32")
        outputs = self.keras(cut_slices(track, self.spec))
        return {
            "probabilities": aggregate(outputs.probabilities),
            "slice_probabilities": outputs.probabilities,
            "embedding": aggregate(outputs.embeddings),
            "slice_embeddings": outputs.embeddings,
        }


def network(**changes):
    """An untrained network whose answers differ from track to track."""
    model = build_model(ModelSettings.compose({**SETTINGS, **changes}), len(LABELS))
    model.get_layer("logits").set_weights([30 * weight for weight in model.get_layer("logits").get_weights()])
    return model


def exported(model, spec, folder) -> Exported:
    task = make_task("single", LABELS)
    export_model(model, task, spec, folder)
    return Exported(model, task, spec, folder)


@pytest.fixture(scope="module")
def waveforms(tmp_path_factory) -> Exported:
    spec = ModelSettings.compose(SETTINGS).slice_spec
    return exported(network(), spec, tmp_path_factory.mktemp("waveforms") / "1")


@pytest.fixture(scope="module")
def spectrograms(tmp_path_factory) -> Exported:
    """Of spectrograms (frames, 12) between -80 and 0, 32 frames a slice."""
    import keras
    from keras import layers

    from kgenre.model.image import SpectrogramImage

    keras.utils.set_random_seed(0)
    spec = SliceSpec(4.0, 32, 24, bins=12)
    frames = keras.Input(spec.shape, name="spectrogram")
    image = SpectrogramImage(-80.0, 0.0, name="spectrogram_image")(frames)
    x = layers.GlobalAveragePooling2D(name="embedding")(layers.Conv2D(8, 5, activation="relu")(image))
    model = keras.Model(frames, layers.Dense(len(LABELS), name="logits")(x))
    return exported(model, spec, tmp_path_factory.mktemp("spectrograms") / "1")


def tracks(lengths, seed=0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.uniform(0.01, 0.2) * rng.standard_normal(n)).astype("float32") for n in lengths]


def frames(lengths) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.uniform(-80, 0, (n, 12)).astype("float32") for n in lengths]


def padded(parts, filling: float) -> np.ndarray:
    batch = np.full((len(parts), max(map(len, parts)), *parts[0].shape[1:]), filling, "float32")
    for row, part in zip(batch, parts):
        row[: len(part)] = part
    return batch


def values(answer) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in answer.items()}


def check(answer, expected, names) -> None:
    for name in names:
        scale = max(1.0, np.abs(expected[name]).max())  # an embedding has no natural range
        np.testing.assert_allclose(answer[name], expected[name], rtol=0, atol=TOLERANCE * scale, err_msg=name)


def test_signatures_of_waveforms_have_the_documented_tensors(waveforms):
    found = {
        name: {key: (spec.dtype.name, spec.shape.rank) for key, spec in serve.structured_input_signature[1].items()}
        for name, serve in waveforms.signatures.items()
    }
    waveform = {"waveform": ("float32", 2)}
    assert found == {
        "serving_default": waveform,
        "waveform_masked": {**waveform, "num_samples": ("int32", 1)},
        "wav_bytes": {"wav_bytes": ("string", 1)},
        "embed": waveform,
        "about": {},
        "about_rows": {"row": ("int32", 1)},
    }


@pytest.mark.parametrize("samples", LENGTHS)
def test_serving_default_and_embed_equal_the_keras_model(waveforms, samples):
    batch = np.stack(tracks([samples, samples], seed=samples))
    served = values(waveforms.signatures["serving_default"](waveform=batch))
    embedded = values(waveforms.signatures["embed"](waveform=batch))
    assert set(served) == {"probabilities", "slice_probabilities", "embedding"}
    assert set(embedded) == {"embedding", "slice_embeddings"}
    for row, track in enumerate(batch):
        expected = waveforms.expected(track)
        check({name: value[row] for name, value in served.items()}, expected, served)
        check({name: value[row] for name, value in embedded.items()}, expected, embedded)


@pytest.mark.parametrize("filling", [0.0, 1.0, math.nan, -math.inf, 1e30])
def test_masked_answers_for_each_track_as_if_alone_whatever_is_behind_it(waveforms, filling):
    parts = tracks(LENGTHS)
    batch, lengths = padded(parts, filling), np.array(LENGTHS, "int32")
    answer = values(waveforms.signatures["waveform_masked"](waveform=batch, num_samples=lengths))
    for row, part in enumerate(parts):
        expected, n = waveforms.expected(part), int(answer["num_slices"][row])
        assert n == len(expected["slice_probabilities"])
        found = {name: value[row] for name, value in answer.items()}
        assert not found["slice_probabilities"][n:].any()
        found["slice_probabilities"] = found["slice_probabilities"][:n]
        check(found, expected, ("probabilities", "slice_probabilities", "embedding"))
    # Tracks differ by more than what is tolerated, or agreement would mean nothing.
    assert np.ptp(answer["probabilities"], axis=0).max() > 1000 * TOLERANCE


def test_masked_answer_is_the_same_in_any_batch_and_order(waveforms):
    parts = tracks([99999, 40000, 12345, 70000], seed=3)
    loud = np.sign(tracks([90000], seed=4)[0])
    serve, alone = waveforms.signatures["waveform_masked"], []
    for part in parts:
        alone.append(serve(waveform=part[None], num_samples=np.array([len(part)], "int32"))["probabilities"][0])
    for order in ([0, 1, 2, 3], [3, 1], [2, 0, 3]):
        batch = [loud, *(parts[number] for number in order)]
        lengths = np.array([len(part) for part in batch], "int32")
        found = serve(waveform=padded(batch, 0.5), num_samples=lengths)["probabilities"][1:]
        np.testing.assert_allclose(found, [alone[number] for number in order], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("lengths", [[5, 5], [-1, 5, 5], [5, 11, 5], [5, 5, 5, 5], []])
def test_masked_refuses_lengths_that_are_not_those_of_the_batch(waveforms, lengths):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError, match="`num_samples` must have one number from 0 to"):
        waveforms.signatures["waveform_masked"](
            waveform=np.zeros((3, 10), "float32"), num_samples=np.array(lengths, "int32")
        )


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_samples_that_are_not_finite_count_as_silence(waveforms, value):
    bad, good = tracks([50000]), tracks([50000])
    bad[0][1000:1100], good[0][1000:1100] = value, 0.0
    answers = [
        values(waveforms.signatures["serving_default"](waveform=part[0][None]))["probabilities"] for part in (bad, good)
    ]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, -3e38, 1e-40, 0.0, 32767.0])
def test_answers_are_finite_whatever_the_samples(waveforms, value):
    batch = np.full((2, 40000), value, "float32")
    batch[1, ::2] = 0.1
    lengths = np.array([40000, 39999], "int32")
    for name, inputs in {"serving_default": {}, "embed": {}, "waveform_masked": {"num_samples": lengths}}.items():
        answer = values(waveforms.signatures[name](waveform=batch, **inputs))
        assert all(np.isfinite(one).all() for one in answer.values()), name
        if "probabilities" in answer:
            np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=TOLERANCE)


def test_empty_batches_have_empty_answers(waveforms):
    serve = waveforms.signatures
    assert serve["waveform_masked"](waveform=np.zeros((0, 9), "float32"), num_samples=np.zeros(0, "int32"))[
        "probabilities"
    ].shape == (0, 3)
    assert serve["embed"](waveform=np.zeros((0, 9), "float32"))["embedding"].shape[0] == 0
    assert serve["wav_bytes"](wav_bytes=np.array([], "S1"))["probabilities"].shape == (0, 3)


@pytest.mark.parametrize("filling", [0.0, math.nan, 1e30])
def test_spectrograms_have_a_masked_signature_of_frames(spectrograms, filling):
    assert set(spectrograms.signatures) == {"serving_default", "spectrogram_masked", "embed", "about", "about_rows"}
    parts = frames(FRAMES)
    answer = values(
        spectrograms.signatures["spectrogram_masked"](
            spectrogram=padded(parts, filling), num_frames=np.array(FRAMES, "int32")
        )
    )
    for row, part in enumerate(parts):
        check({name: value[row] for name, value in answer.items()}, spectrograms.expected(part), ["probabilities"])
    whole = spectrograms.signatures["serving_default"](spectrogram=np.full((1, 40, 12), filling, "float32"))
    assert all(np.isfinite(value).all() for value in values(whole).values())


def test_about_has_what_a_client_needs_and_about_rows_the_same(waveforms):
    about = values(waveforms.signatures["about"]())
    assert [label.decode() for label in about["labels"]] == list(LABELS)
    spec = waveforms.spec
    assert (about["sample_rate"], about["clip_samples"], about["hop_samples"]) == (
        spec.sample_rate,
        spec.slice_samples,
        spec.hop_samples,
    )
    assert (about["task"], about["input"], about["temperature"]) == (b"single", b"waveform", 1.0)
    assert all(len(about[name]) == 16 for name in ("weights_revision", "front_end_revision"))
    rows = values(waveforms.signatures["about_rows"](row=np.zeros(2, "int32")))
    assert set(rows) == set(about)
    for name, value in about.items():
        assert np.array_equal(rows[name], np.stack([value, value])), name


def test_about_of_several_genres_has_their_thresholds(waveforms, tmp_path):
    task = make_task("multi", LABELS, {"thresholds": (0.1, 0.25, 0.5), "parents": (-1, 0, -1)})
    export_model(waveforms.network, task, waveforms.spec, tmp_path / "1")
    model = SavedModel(tmp_path / "1")
    about = values(model.module.signatures["about"]())
    np.testing.assert_allclose(about["thresholds"], task.thresholds)
    assert about["parents"].tolist() == [-1, 0, -1]
    assert model.metadata_of_graph()["thresholds"] == pytest.approx(task.thresholds)


def test_revisions_change_with_weights_and_front_end_and_with_nothing_else():
    one, again, wider = revisions(network()), revisions(network()), revisions(network(fmin_hz=50.0))
    assert one == again
    assert wider["front_end_revision"] != one["front_end_revision"]
    assert wider["weights_revision"] == one["weights_revision"]
    other = network()
    other.get_layer("logits").set_weights([weight + 1 for weight in other.get_layer("logits").get_weights()])
    assert revisions(other)["weights_revision"] != one["weights_revision"]
    assert revisions(other)["front_end_revision"] == one["front_end_revision"]


def wrong_masked(original):
    return lambda lengths, batch, spec: original(lengths, batch, spec) // 2


def wrong_files(original):
    def decoded(files, spec):
        batch, lengths = original(files, spec)
        return batch, lengths // 2

    return decoded


def wrong_labels(original):
    return lambda value: original(value[::-1] if isinstance(value, list) else value)


FAULTS = {"_checked": wrong_masked, "_decoded": wrong_files, "_constant": wrong_labels}


@pytest.mark.parametrize("function", FAULTS)
def test_export_of_a_signature_that_answers_otherwise_is_refused(waveforms, tmp_path, monkeypatch, function):
    monkeypatch.setattr(table, function, FAULTS[function](getattr(table, function)))
    with pytest.raises(KgenreError, match="differs from the trained one"):
        export_model(waveforms.network, waveforms.task, waveforms.spec, tmp_path / "1")
    assert not list(tmp_path.iterdir())


def test_warmup_requests_are_prediction_logs_that_the_signatures_answer(waveforms, spectrograms):
    """As TF Serving does: parse each, and run its signature; a request that fails would keep the model from loading."""
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    for model in (waveforms, spectrograms):
        file = model.folder / "assets.extra" / "tf_serving_warmup_requests"
        asked = []
        for record in tf.data.TFRecordDataset(str(file)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            assert log.WhichOneof("log_type") == "predict_log"
            request = log.predict_log.request
            for message in (log, log.predict_log, request, request.model_spec):
                assert not len(UnknownFieldSet(message))
            serve = model.signatures[request.model_spec.signature_name]
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            expected = serve.structured_input_signature[1]
            for name, spec in expected.items():
                assert spec.dtype == tf.as_dtype(request.inputs[name].dtype)
            assert set(inputs) == set(expected)
            first = inputs.get("waveform", inputs.get("spectrogram", np.zeros(0)))
            asked.append((request.model_spec.signature_name, first.shape))
            answer = serve(**{name: tf.constant(value) for name, value in inputs.items()})
            assert all(np.isfinite(value).all() for value in values(answer).values())
        rate = model.spec.sample_rate
        lengths = [shape[1] for name, shape in asked if name == "serving_default"]
        assert lengths == [model.spec.slice_samples, 30 * rate, 240 * rate]
        assert {name for name, _ in asked} == set(model.signatures) - {"about", "about_rows"}
        assert file.stat().st_size < 1e6


def test_warmup_messages_are_the_bytes_of_the_official_ones(waveforms):
    from tensorflow_serving.apis import prediction_log_pb2

    for signature, inputs in warmup_requests(waveforms.spec):
        ours = prediction_log(signature, inputs)
        official = prediction_log_pb2.PredictionLog.FromString(ours)
        assert official.SerializeToString(deterministic=True) == ours


def test_server_files_parse_and_name_one_model(tmp_path):
    from tensorflow_serving.config import model_server_config_pb2

    folder = tmp_path / "my genres: 2"
    folder.mkdir()
    assert [path.name for path in write_server_files(folder)] == list(FILES)
    name = "my_genres__2"
    config = text_format.Parse(
        (folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert [(one.name, one.base_path, one.model_platform) for one in config] == [
        (name, f"/models/{name}", "tensorflow")
    ]
    assert config[0].model_version_policy.latest.num_versions == 1
    batching = text_format.Parse((folder / "batching.config").read_text(), tf_serving_messages.batching_parameters())
    assert batching.pad_variable_length_inputs and batching.max_batch_size.value == 16
    service = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]["tensorflow-serving"]
    assert service["volumes"] == [f".:{config[0].base_path}:ro"]
    assert f"--model_config_file={config[0].base_path}/models.config" in service["command"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_models_config_with_two_versions_parses_as_its_comment_says(tmp_path):
    from tensorflow_serving.config import model_server_config_pb2

    write_server_files(tmp_path)
    text = (tmp_path / "models.config").read_text()
    before, commented = text.split("replace the policy by:\n")
    policy = before[before.index("model_version_policy {") : before.index("# To serve")]
    text = before.replace(policy, "") + "\n" + commented.replace("# ", "")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config[0]
    assert list(config.model_version_policy.specific.versions) == [1, 2]
    assert dict(config.version_labels) == {"stable": 1, "canary": 2}


def test_server_files_that_are_there_are_left_alone(tmp_path):
    (tmp_path / "models.config").write_text("mine")
    assert [path.name for path in write_server_files(tmp_path)] == ["batching.config", "docker-compose.yml"]
    assert (tmp_path / "models.config").read_text() == "mine"
    assert EXPORTERS["saved_model"].write_server_files(tmp_path) == []


@pytest.mark.parametrize(
    "folder, name", [("genres", "genres"), ("a b", "a_b"), ("v1.2-x_y", "v1.2-x_y"), ("é:/x", "x")]
)
def test_model_name_needs_no_quoting(tmp_path, folder, name):
    assert model_name(tmp_path / folder) == name
