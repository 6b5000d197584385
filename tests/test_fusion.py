"""Several features in one network: its branches and their join by hand, settings, draws, round trips."""

import argparse
import json

import exported_models
import keras
import numpy as np
import pytest

from kgenre import cli, leak, train
from kgenre.archs import ARCHS
from kgenre.core.errors import KgenreError
from kgenre.core.settings import settings_json
from kgenre.features import FEATURES
from kgenre.features.several import every_name, expanded, owned_names
from kgenre.model.build import build_model, front_ends, load_model, reseed
from kgenre.model.settings import ModelSettings
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.serving.revisions import front_end_layers, revisions
from kgenre.training.applicable import SELECTORS, applicable
from kgenre.training.fit import compiled_model
from kgenre.training.run import Run, network_of
from kgenre.training.settings import RunSettings, read_config
from kgenre.training.start import resumed_settings

JOINING = [name for name, row in ARCHS.items() if row.head]
RATE, SAMPLES = 8000, 10240
# 65 frames of hop 160: short for the networks that pool over 384 of them, which see an image that is stretched.
SMALL = {"sample_rate_hz": RATE, "slice_seconds": SAMPLES / RATE, "hop_length": 160, "n_fft": 512, "n_mels": 48}
SIZES = {
    name: {"image_height": 64, "image_width": 384} for name in ("freqcnn", "tempcnn", "squarecnn", "crnn_parallel")
}
FRAMES = {"crnn": {"hop_length": 40}}  # four steps of its recurrent layer
SIZES["convpool"] = {"image_height": 118, "image_width": 118}
SIZES["homebrew"] = {"image_height": 80, "image_width": 64}
SIZES["melcrop"] = SIZES["convconvpool"] = {"image_height": 32}


def config_of(arch: str, feature: str, **values) -> RunSettings:
    own = {name: value for name, value in SMALL.items() if name in ("sample_rate_hz", "slice_seconds")}
    owned = {field for _, field in owned_names(feature.split(",")).values()}
    own |= {name: value for name, value in SMALL.items() if name in owned}
    return RunSettings.compose({"arch": arch, "feature": feature, "augment": [], **own, **SIZES.get(arch, {})}, values)


def noise(batch: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(1).standard_normal((batch, SAMPLES))).astype("float32")


def array(x) -> np.ndarray:
    return keras.ops.convert_to_numpy(x)


def image_by_hand(config: RunSettings, feature: str, waveform: np.ndarray) -> np.ndarray:
    """(batch, bins, frames, 1) of one feature that keeps its size, without the layer that makes images."""
    row, own = FEATURES[feature], config.features[feature]
    low, high = row.value_range(own)
    spectrogram = array(row.build(RATE, own)(waveform))
    return ((spectrogram - low) / (high - low)).transpose(0, 2, 1)[..., None]


def joined_by_hand(config: RunSettings, model: keras.Model, waveform: np.ndarray) -> np.ndarray:
    """What each feature's branch gives, side by side: branches are networks of their own, with the model's weights."""
    row, maps = ARCHS[config.arch], []
    join = next(layer for layer in model.layers if isinstance(layer, keras.layers.Concatenate))
    options = {name: value for name, value in config.network if name not in ("dropout", "embedding_size")}
    for feature, tensor in zip(config.features, join.input, strict=True):
        image = image_by_hand(config, feature, waveform)
        branch = keras.Model(model.get_layer(f"spectrogram_image_{feature}").output, tensor)
        inputs = keras.Input(image.shape[1:])
        alone = keras.Model(inputs, row.front(inputs, **options))
        alone.set_weights(branch.get_weights())
        one = array(alone(image))
        maps.append(one.reshape(len(one), -1) if one.ndim == 4 else one)
    return np.concatenate(maps, axis=-1)


def relu(x):
    return np.maximum(x, 0)


def dense(layer, x):
    kernel, *bias = (array(weight) for weight in layer.weights)
    return x @ kernel + (bias[0] if bias else 0)


def of_kind(model, kind) -> list:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def attention_by_hand(x: np.ndarray, hidden, scores) -> np.ndarray:
    weights = np.exp(dense(scores, np.tanh(dense(hidden, x))))  # (batch, moments, 1)
    return (x * weights / weights.sum(axis=1, keepdims=True)).sum(axis=1)


# The network
@pytest.mark.parametrize(
    ("arch", "feature"),
    [
        ("convconvpool", "logmel,mfcc"),
        ("crnn", "logmel,chroma_stft"),
        ("bandattn", "logmel,mfcc"),
        ("bandattn", "logstft,chroma_stft,mfcc"),
    ],
)
def test_answer_is_that_of_branches_side_by_side_and_the_dense_layers_by_hand(arch, feature):
    config, waveform = config_of(arch, feature, image_height=None, **FRAMES.get(arch, {})), noise(2)
    model = build_model(config, 4)
    rng = np.random.default_rng(0)
    for layer in of_kind(model, keras.layers.BatchNormalization):  # fresh ones would be the identity
        layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    x = joined_by_hand(config, model, waveform)
    dense_layers = [layer for layer in of_kind(model, keras.layers.Dense) if layer.name != "logits"]
    layers = sorted(dense_layers, key=lambda layer: int(layer.name.partition("_")[2] or 0))  # as they were made
    if arch == "convconvpool":
        norm = of_kind(model, keras.layers.BatchNormalization)[-1]
        gamma, beta, mean, variance = (array(weight) for weight in norm.weights)
        x = relu(gamma * (dense(layers[0], x) - mean) / np.sqrt(variance + norm.epsilon) + beta)
    elif arch == "crnn":
        x = relu(dense(layers[1], relu(dense(layers[0], x))))
    else:
        first, *pool = layers  # the score's layer is made before the one that it scores
        pool.sort(key=lambda layer: layer.units)
        x = attention_by_hand(relu(dense(first, x)), pool[1], pool[0])
    expected = dense(model.get_layer("logits"), x)
    np.testing.assert_allclose(array(model(waveform)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arch", JOINING)
def test_every_network_with_a_head_sees_both_features(arch):
    config = config_of(arch, "logmel,mfcc")
    images = [keras.Input(front_end(keras.Input((SAMPLES,))).shape[1:]) for front_end in front_ends(config)]
    network = keras.Model(images, ARCHS[arch].build(images, **dict(config.network)))
    rng = np.random.default_rng(0)
    given = [rng.uniform(0, 1, (1, *image.shape[1:])).astype("float32") for image in images]
    answer = array(network(given))
    assert answer.ndim == 2
    for number in (0, 1):
        other = [image if i != number else image[:, ::-1, ::-1] for i, image in enumerate(given)]
        assert np.abs(array(network(other)) - answer).max() > 1e-6


@pytest.mark.parametrize("arch", [name for name in ARCHS if name not in JOINING])
def test_network_without_a_head_refuses_several_features_and_names_those_that_join(arch):
    with pytest.raises(KgenreError) as caught:
        ModelSettings.compose({"arch": arch, "feature": "logmel,cqt"})
    assert str(caught.value) == (
        f"`{arch}` takes one feature. Received: feature=logmel,cqt. Name one with --feature, or choose an --arch that "
        f"joins several: {', '.join(JOINING)}."
    )


def test_columns_of_features_with_other_hops_are_the_same_moments():
    waveform = np.zeros((1, SAMPLES), "float32")
    waveform[0, 3 * SAMPLES // 4 : 3 * SAMPLES // 4 + 400] = noise(1)[0, :400]
    config = config_of("bandattn", "logmel,chroma_stft,vggish_mel", **{"logmel.hop_length": 80, "fmax_hz": 3900.0})
    images = [array(front_end(waveform))[0, ..., 0] for front_end in front_ends(config)]
    assert [image.shape for image in images] == [(48, 1 + SAMPLES // 80), (12, 129), (48, 129)]
    for image in (images[0], images[2]):
        assert abs(image.sum(axis=0).argmax() - 129 * (3 * SAMPLES // 4 + 200) / SAMPLES) < 129 * 256 / SAMPLES
    wider = config_of("bandattn", "logmel,chroma_stft", image_width=96)
    assert [array(front_end(waveform)).shape[2] for front_end in front_ends(wider)] == [96, 96]


def test_rows_of_features_agree_on_settings_of_other_components():
    for one in FEATURES.values():
        for other in FEATURES.values():
            both = one.defaults.keys() & other.defaults.keys()
            assert {name: one.defaults[name] for name in both} == {name: other.defaults[name] for name in both}


# Augmentation
def test_spectrograms_of_one_slice_are_augmented_by_the_same_draws():
    config = config_of("bandattn", "logmel,chroma_stft", augment=["shift", "zoom", "specaugment"], mask_share=0.4)
    model = build_model(config, 4, config.augmentations)
    reseed(model, 3, 1)
    rng, widths = np.random.default_rng(0), 65
    tall, flat = rng.uniform(0, 1, (4, 48, widths, 1)), rng.uniform(0, 1, (4, 12, widths, 1))
    for _ in range(2):  # they go on alike
        for name in ("shift", "zoom_range"):
            layers = [model.get_layer(f"{name}_{feature}") for feature in config.features]
            one, other = (array(layer(tall.astype("float32"), training=True)) for layer in layers)
            assert np.array_equal(one, other) and np.abs(one - tall).max() > 0.01
        masks = [model.get_layer(f"specaugment_{feature}") for feature in config.features]
        columns = [
            (array(layer(image.astype("float32"), training=True)).std(axis=1) < 1e-6)[..., 0]
            for layer, image in zip(masks, (tall, flat))
        ]
        assert np.array_equal(*columns) and columns[0].any()


def test_reseeding_of_a_network_of_one_feature_draws_for_every_layer_by_itself():
    config = config_of("melcrop", "logmel", augment=["shift", "zoom", "noise"])
    model = build_model(config, 4, config.augmentations)
    reseed(model, 3, 1)
    states = [tuple(array(one)) for one in model.variables if "seed_generator_state" in one.path]
    assert len(states) > 5 and len(set(states)) == len(states)


# Settings
def test_setting_of_several_features_is_that_of_each_unless_one_is_named():
    config = RunSettings.compose({"feature": "cqt,mfcc", "mfcc.hop_length": 400, "hop_length": 300, "n_mels": 50})
    assert {name: own.hop_length for name, own in config.features.items()} == {"cqt": 300, "mfcc": 400}
    values = config.values()
    assert (values["feature"], values["cqt.hop_length"], values["mfcc.hop_length"]) == ("cqt,mfcc", 300, 400)
    # Also what one of them has alone: another version may give it to the other, too.
    assert values["mfcc.n_mels"] == config.features["mfcc"].n_mels == 50 and not {"n_mels", "hop_length"} & set(values)
    own = RunSettings.compose({"feature": "cqt,logmel"}).features
    assert (own["cqt"].hop_length, own["logmel"].hop_length) == (1024, 512)
    of_arch = RunSettings.compose({"arch": "crnn", "feature": "cqt,logmel"}).features
    assert (of_arch["cqt"].hop_length, of_arch["logmel"].hop_length) == (1024, 1024)
    assert RunSettings.compose({"feature": "mfcc,tagger_mel"}).audio.sample_rate_hz == 16000


def test_later_table_beats_an_earlier_one_however_it_names_the_setting():
    file, flags = {"feature": "cqt,mfcc", "cqt.hop_length": 300}, {"hop_length": 400}
    assert {own.hop_length for own in RunSettings.compose(file, flags).features.values()} == {400}
    assert RunSettings.compose(flags, file).features["cqt"].hop_length == 300
    config = RunSettings.compose(file).replace(hop_length=500)
    assert {own.hop_length for own in config.features.values()} == {500}


def settings_that_begin(monkeypatch, command, engine: str, *flags: str) -> RunSettings:
    """What a command gives its engine, which is not run."""
    begun = []

    def begin(settings, *args):
        begun.append(settings)
        raise KgenreError("begun")

    monkeypatch.setattr(engine, begin)
    assert command.main([*flags]) == 2
    return begun[0]


COMMANDS = [(train, "kgenre.evaluation.finish.train_and_evaluate"), (leak, "kgenre.evaluation.leak.ladder.climb")]


@pytest.mark.parametrize(("command", "engine"), COMMANDS)
def test_flag_for_all_features_beats_the_file_that_names_one(command, engine, tmp_path, monkeypatch):
    (tmp_path / "a.toml").write_text('data = "demo"\nfeature = "cqt,mfcc"\ncqt.hop_length = 1024\n')
    flags = ["--image-height", "118", "--hop-length", "512", "--config", str(tmp_path / "a.toml")]
    settings = settings_that_begin(monkeypatch, command, engine, *flags, "--out", str(tmp_path / "out"))
    assert {name: own.hop_length for name, own in settings.features.items()} == {"cqt": 512, "mfcc": 512}


@pytest.mark.parametrize(("command", "engine"), COMMANDS)
def test_init_brings_the_network_of_its_run(command, engine, tmp_path, monkeypatch):
    other = Run(tmp_path / "other")
    other.folder.mkdir()
    other.save_settings(config_of("bandattn", "logmel,mfcc", image_height=40))
    (other / "run.json").write_text("{}")
    flags = ["--data", "demo", "--init", str(other.folder), "--out", str(tmp_path / "out")]
    settings = settings_that_begin(monkeypatch, command, engine, *flags, "--image-height", "41")
    expected = other.load_settings().replace(image_height=41)
    assert ModelSettings.values(settings) == ModelSettings.values(expected)


def test_init_with_the_same_features_in_another_order_is_refused(tmp_path):
    other = Run(tmp_path)
    other.save_settings(config_of("bbnn", "logmel,mfcc"))
    (other / "run.json").write_text("{}")
    with pytest.raises(KgenreError) as caught:
        network_of(str(tmp_path), {"feature": "mfcc,logmel"})
    assert str(caught.value) == (
        f"`init` needs the same --feature. Received: feature=mfcc,logmel, and {tmp_path} has feature=logmel,mfcc. "
        "Leave --feature out: it is then that of the run named by --init."
    )


def test_expanded_leaves_other_names_alone():
    assert expanded({"hop_length": 3, "seed": 1}, ()) == {"hop_length": 3, "seed": 1}
    assert expanded({"hop_length": 3, "seed": 1}, ("cqt",)) == {"hop_length": 3, "seed": 1}


def test_settings_of_several_features_survive_json_and_toml(tmp_path):
    config = RunSettings.compose({"arch": "crnn", "feature": "cqt,logmel", "cqt.hop_length": 300, "top_db": 60})
    (tmp_path / "config.json").write_text(settings_json(config.values()))
    assert json.loads((tmp_path / "config.json").read_text())["cqt.hop_length"] == 300
    assert RunSettings.compose(read_config(tmp_path / "config.json")) == config
    recipe = 'arch = "crnn"\nfeature = "cqt, logmel"\ntop_db = 60\ncqt.hop_length = 300\n'
    (tmp_path / "a.toml").write_text(recipe)
    assert RunSettings.compose(read_config(tmp_path / "a.toml")) == config


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"feature": "cqt,mfc"}, "unknown feature 'mfc'. Did you mean mfcc? Known: chroma_cens, "),
        ({"feature": "cqt,"}, "unknown feature ''. Known: "),
        ({"feature": "cqt,cqt"}, "`feature` must list each feature once. Received: feature=cqt,cqt."),
        ({"feature": ["cqt"]}, "`feature` must be names with commas between. Received: feature=['cqt']."),
        ({"feature": "cqt", "cqt.hop_length": 9},
         "`cqt.hop_length`: this network sees one feature. Received: feature=cqt. Write hop_length."),
        ({"feature": "cqt,mfcc", "logmel.top_db": 9.0},
         "`logmel.top_db` is a setting of logmel, which is not seen. Received: feature=cqt,mfcc. Leave it out."),
        ({"feature": "cqt,mfcc", "cqt.n_fft": 9}, "`n_fft` is not a setting of cqt, which has: hop_length, top_db. "),
        ({"feature": "cqt,mfcc", "fmin_hz": 9.0},
         "`fmin_hz` is not a setting of cqt and mfcc, which have: hop_length, top_db, n_fft, n_mels. It is one of "),
        ({"feature": "cqt,mfcc", "cqt.hop_length": 0}, "`hop_length` must be from 1 to 65536. Received: hop_length=0."),
        ({"input": "spectrogram", "cqt.hop_length": 9},
         "`cqt.hop_length` is a setting of cqt, which is not seen. Received: spectrograms as input. Leave it out."),
        ({"input": "spectrogram", "feature": "cqt,mfcc"},
         "`feature` is computed from audio, and the tracks are spectrograms. Received: feature=cqt,mfcc. "
         "Leave --feature out. `kgenre features DATA --feature cqt --out DIR` writes spectrograms of audio, "),
        ({"feature": "logmel,mfcc", "slice_seconds": 0.1, "mfcc.n_fft": 4096},
         "`slice_seconds` must hold at least one frame of `n_fft` samples. "),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_settings_of_several_features_are_told(values, text):
    with pytest.raises(KgenreError) as caught:
        RunSettings.compose(values)
    assert str(caught.value).startswith(text) and "\n" not in str(caught.value)


def parsed(*arguments: str) -> dict:
    parser, early = cli.make_parser("train", ""), cli.Parser(add_help=False)
    return cli.parse_applicable(parser, early, SELECTORS, arguments, lambda args, chosen: applicable({}, chosen))[1]


def test_flags_name_a_setting_for_all_features_or_for_one():
    given = parsed("--feature", "chroma_stft,mfcc", "--hop-length", "300", "--chroma-stft.n-fft", "1024")
    assert given == {"feature": "chroma_stft,mfcc", "hop_length": 300, "chroma_stft.n_fft": 1024}
    features = RunSettings.compose(given).features
    assert (features["chroma_stft"].n_fft, features["mfcc"].n_fft, features["mfcc"].hop_length) == (1024, 2048, 300)
    refused = parsed("--feature", "cqt", "--mfcc.n-fft", "1024")
    with pytest.raises(KgenreError, match="`mfcc.n_fft` is a setting of mfcc, which is not seen."):
        RunSettings.compose(refused)


def test_help_lists_what_each_feature_has_with_its_default():
    found = applicable({"cqt.hop_length": 300}, {"feature": "cqt,logmel"})
    own = {setting.name: setting for setting in found.sections["feature cqt,logmel"]}
    assert own["cqt.hop_length"].default == 300 and own["logmel.hop_length"].default == 512
    assert own["hop_length"].default is None and own["hop_length"].description.endswith("of each feature that has them")
    assert own["logmel.n_mels"].default == 128 and own["n_mels"].default is None
    hidden = {setting.name for setting in found.others}
    assert hidden & set(every_name()) == set(every_name()) - set(own) and "cqt.hop_length" not in hidden


# Round trips
@pytest.mark.parametrize(
    ("arch", "feature"), [("convconvpool", "logmel,mfcc"), ("crnn", "logstft,chroma_stft"), ("bandattn", "cqt,mfcc")]
)
def test_network_of_two_features_trains_and_survives_its_file(arch, feature, tmp_path):
    values = {"sample_rate_hz": 16000, "slice_seconds": 0.64} if "cqt" in feature else {}  # for its highest bin
    config = config_of(arch, feature, augment=["zoom", "noise"], **values, **FRAMES.get(arch, {}))
    model = compiled_model(config, SingleLabel(tuple("abcd")), steps=3)
    model.run_eagerly = True  # a trace takes ten times as long as a step
    waveform, before = noise(4), [array(weight) for weight in model.trainable_weights]
    assert np.isfinite(model.train_on_batch(waveform, np.arange(4))[0])
    still = [weight.path for weight, old in zip(model.trainable_weights, before) if np.array_equal(array(weight), old)]
    assert not still
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(array(load_model(tmp_path / "model.keras")(waveform)), array(model(waveform)), atol=1e-5)


def test_revisions_tell_each_feature_of_a_network():
    def made(**values):
        return build_model(config_of("bandattn", "logmel,mfcc", **values), 4)

    one = made()
    names = [layer.name for layer in front_end_layers(one)]
    assert sorted(names) == sorted(["waveform", "logmel", "mfcc", "spectrogram_image_logmel", "spectrogram_image_mfcc"])
    found = {revisions(model)["front_end_revision"] for model in (one, made(), made(**{"mfcc.hop_length": 80}))}
    assert len(found) == 2


@pytest.fixture(scope="module")
def run(collection, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("fusion") / "run"
    flags = ["--arch", "bandattn", "--feature", "logmel,mfcc", "--mfcc.hop-length", "512", "--hop-length", "256"]
    flags += ["--slice-seconds", "1.5", "--batch-size", "8", "--crops-per-track", "1", "--epochs", "1"]
    assert train.main(["--data", str(collection / "manifest.csv"), "--out", str(out), *flags]) == 0
    return Run(out)


@pytest.mark.soak
def test_run_of_two_features_is_trained_exported_and_answers(run, collection, capsys):
    from kgenre import predict

    values = json.loads((run / "config.json").read_text())
    assert (values["feature"], values["logmel.hop_length"], values["mfcc.hop_length"]) == ("logmel,mfcc", 256, 512)
    assert (run / "saved_model" / "1" / "saved_model.pb").is_file()  # which was checked against the Keras model
    song = next(collection.rglob("*.wav"), None) or next(collection.rglob("*.ogg"))
    capsys.readouterr()
    assert predict.main([str(song), "--model", str(run.folder)]) == 0
    assert song.name in capsys.readouterr().out


@pytest.mark.soak
def test_run_of_two_features_goes_on_with_its_own_settings_only(run):
    settings = run.load_settings()
    assert resumed_settings(run, {"hop_length": 256, "mfcc.hop_length": 512, "patience": 3}).training.patience == 3
    with pytest.raises(KgenreError, match="`mfcc.hop_length` of a run cannot change. Received: 256, begun with 512."):
        resumed_settings(run, {"hop_length": 256})
    with pytest.raises(KgenreError, match="`mfcc.hop_length` of a run cannot change. Received: 256, begun with 512."):
        resumed_settings(run, {"hop_length": 256}, file_values={"mfcc.hop_length": 512})
    run.save_settings(settings)


@pytest.mark.soak
def test_run_of_two_features_exports_to_litert(run, tmp_path):
    from kgenre.serving.exporters import export_model

    path = tmp_path / "model.tflite"
    model, task, spec = run.load_model(), run.load_task(), run.load_settings().slice_spec
    assert export_model(model, task, spec, path, "litert") < exported_models.TOLERANCE and path.is_file()


@pytest.mark.soak
def test_card_names_both_features(run):
    from kgenre.reporting.card_parts import input_lines

    assert "the features `logmel` and `mfcc` are computed in the model" in input_lines(run, {})[0]


# Comparison
def test_grid_has_a_row_of_a_network_that_sees_several_features():
    from kgenre.cli.grid import named_features
    from kgenre.comparison.rows import grid_rows

    args = argparse.Namespace(feature=[["cqt+mfcc", "logmel"]])
    rows = grid_rows({}, {"data": "demo"}, ["bandattn"], named_features(args), [], [], 1)
    assert [row.name for row in rows] == ["bandattn-cqt+mfcc-seed-0", "bandattn-logmel-seed-0"]
    assert rows[0].settings["feature"] == "cqt,mfcc"


def test_macs_of_a_network_of_two_features_are_those_of_its_branches_and_head():
    from kgenre.comparison.macs import count_macs

    def of(feature: str) -> int:
        return count_macs(config_of("melcrop", feature, image_height=48), 4)

    both = of("logmel,logstft")
    # Of each: its convolutions, 256 x 256 and 256 x 4; the head of both has twice the inputs.
    assert both == of("logmel") + of("logstft") - 256 * 4


def test_feature_that_is_too_low_for_the_network_is_told_before_the_collection_is_read(tmp_path, capsys):
    flags = ["--arch", "convpool", "--feature", "logmel,mfcc", "--data", str(tmp_path / "none.csv")]
    assert train.main([*flags, "--out", str(tmp_path / "run")]) == 2
    line = "`convpool` needs images of 118 rows at least. Received: 60 of mfcc. Set --image-height 118 or more."
    assert line in capsys.readouterr().err
