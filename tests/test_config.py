"""Settings: where values come from, what is refused, and the command line that is made of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kgenre import cli
from kgenre.__main__ import COMMANDS, command_module, main
from kgenre.archs import ARCHS
from kgenre.augment import AUGMENTS
from kgenre.core.errors import KgenreError
from kgenre.core.settings import fields_of, settings_json
from kgenre.features import FEATURES
from kgenre.model.settings import ModelSettings
from kgenre.training.applicable import SELECTORS, applicable
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings, every_class, read_config

CLASSES = every_class()
FIELDS = {name: field for settings in CLASSES for name, field in fields_of(settings).items()}
RANGED = [(settings, field) for settings in CLASSES for field in fields_of(settings).values() if field.low is not None]
KNOWN_ARCHS = ", ".join(sorted(ARCHS))
# A value of each setting that is no class's default, nor any row's.
OTHER = {
    "data": "songs.csv", "task": "multi", "level": "all", "min_tracks_per_genre": 4, "artists": "artists.csv",
    "sample_rate_hz": 15000, "slice_seconds": 4.5, "slice_overlap": 0.25,
    "n_fft": 1024, "hop_length": 300, "n_mels": 50, "n_frequencies": 60, "fmin_hz": 30.0, "fmax_hz": 7000.0,
    "slice_frames": 64, "n_bins": 96, "frames_per_second": 4.3, "value_low": -60.0, "value_high": 3.0,
    "top_db": 60.0, "image_height": 200, "image_width": 1024, "image_channels": 2, "frame_scaling": True,
    "dropout": 0.2, "weights": "none", "unfreeze": 20, "pooling": "flatten", "scaling": "unit",
    "block": "densenet", "block_at": "all", "rnn": "lstm", "bidirectional": True, "pool": "concat",
    "tempo_range": 0.2, "pitch_semitones": 1.0, "mixup_alpha": 0.4, "gain_db": 3.0,
    "shift_share": 0.1, "noise_std": 0.02, "mask_share": 0.3,
    "equalizer_db": 2.0, "embedding_size": 24,
    "zoom_range": 0.1, "epochs": 7, "patience": 3, "batch_size": 5, "crops_per_track": 3, "balanced": True,
    "learning_rate": 1e-5, "schedule": "constant", "precision": "mixed_float16", "seed": 12, "cache_gib": 0.5,
    "workers": 1, "max_bad_share": 0.3, "decoder": "ffmpeg", "deterministic": True, "devices": 5,
    "positive_weights": True, "protocol": "album", "allow_leak": True, "steps_per_epoch": 18, "unsure_below": 0.4,
    "accumulate": 3, "momentum": 0.5, "weight_decay": 5e-3,
    "label_share": 0.3,
}  # fmt: skip
# Between them, all settings that there are.
RUNS = [
    {"arch": "crnn_parallel", "feature": "logmel", "augment": tuple(AUGMENTS)},
    {"arch": "resnet50", "feature": "cqt", "augment": ()},
    {"arch": "homebrew", "feature": "logstft", "augment": ()},
    {"arch": "vggish", "augment": ("zoom",), "crops": "fixed", "optimizer": "sgd"},
    {"arch": "convpool", "input": "spectrogram", "augment": ("mixup", "noise")},
]
SELECTED = {"arch", "input", "feature", "augment", "crops", "optimizer"}  # what says which other settings there are


def parsed(*arguments: str) -> dict:
    """The settings that the flags of `kgenre train` give."""
    parser, early = cli.make_parser("train", ""), cli.Parser(add_help=False)
    _, given = cli.parse_applicable(parser, early, SELECTORS, arguments, lambda args, chosen: applicable({}, chosen))
    return given


def help_of(capsys, *arguments: str) -> str:
    """What `kgenre train ... --help` prints, on one line."""
    with pytest.raises(SystemExit) as caught:
        main(["train", *arguments, "--help"])
    assert caught.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(KgenreError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def other_values(selectors: dict) -> dict:
    """Every setting of a run at its value in OTHER."""
    names = RunSettings.compose(selectors).values()
    return {**{name: OTHER[name] for name in names if name in OTHER}, **selectors}


def python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


# Declarations
def test_other_has_a_value_for_every_setting():
    assert set(OTHER) == set(FIELDS) - SELECTED - {"init"}  # which names a run, whose settings are read
    assert {name for selectors in RUNS for name in other_values(selectors)} == set(FIELDS) - {"init"}


@pytest.mark.parametrize("settings", CLASSES, ids=lambda settings: settings.__name__)
def test_class_describes_every_field_and_accepts_its_defaults(settings):
    for name, field in fields_of(settings).items():
        assert field.description and field.kind in (int, float, bool, str, tuple)
        assert (field.low is None) == (field.high is None)
        assert field.choices is None or field.kind in (str, tuple)
        assert getattr(settings(**{name: field.default}), name) == field.default


def test_name_has_one_owner_among_the_components_of_a_run():
    for arch in ARCHS:
        for feature in ARCHS[arch].features or FEATURES:
            run = RunSettings.compose({"arch": arch, "feature": feature, "augment": list(AUGMENTS)})
            parts = [run.collection, run.audio, *run.features.values(), run.image, run.network, run.cropping]
            parts += [run.optimization, run.training, run.reader]
            names = [name for part in [*parts, *run.augmentations.values()] for name, _ in part]
            assert len(names) == len(set(names)) and not {"data", "init", *SELECTED} & set(names)


# Precedence
def test_defaults_come_from_the_classes():
    run = RunSettings.compose({})
    assert (run.data, run.arch, run.feature, tuple(run.augmentations)) == ("demo", "convpool", "logmel", ("zoom",))
    assert (run.crops, run.optimizer) == ("random", "adam")
    parts = [run.collection, run.audio, *run.features.values(), run.image, run.network, run.training, run.reader]
    parts += [run.cropping, run.optimization]
    assert all(part == type(part)() for part in [*parts, *run.augmentations.values()])


def test_file_beats_default_and_flag_beats_file():
    run = RunSettings.compose({"epochs": 5, "dropout": 0.1}, {"dropout": 0.2, "seed": 9})
    assert (run.training.epochs, run.network.dropout, run.training.seed) == (5, 0.2, 9)
    assert run == RunSettings.compose({}).replace(epochs=5, dropout=0.2, seed=9)


def test_architecture_beats_default_and_file_beats_architecture():
    own = ARCHS["resnet50"].defaults
    assert (
        own["image_channels"] != FIELDS["image_channels"].default and own["zoom_range"] != FIELDS["zoom_range"].default
    )
    chosen = {"arch": "resnet50"}
    for file_values, flags in ((chosen, {}), ({}, chosen), ({"arch": "convpool"}, chosen)):
        values = RunSettings.compose(file_values, flags).values()
        assert values == {**values, **own}
    run = RunSettings.compose({"arch": "resnet50", "zoom_range": 0.05}, {"learning_rate": 0.5})
    assert (run.augmentations["zoom"].zoom_range, run.optimization.learning_rate) == (0.05, 0.5)
    assert run.image.image_channels == own["image_channels"]


def test_architecture_beats_feature_and_a_default_of_another_choice_is_left_out():
    assert FEATURES["logmel"].settings().hop_length == 512
    assert RunSettings.compose({"arch": "crnn", "feature": "logmel"}).features["logmel"].hop_length == 1024
    assert "n_mels" in ARCHS["bandattn"].defaults  # which a constant-Q transform does not have
    assert "n_mels" not in RunSettings.compose({"arch": "bandattn", "feature": "cqt"}).values()
    assert "zoom_range" not in RunSettings.compose({"arch": "resnet50", "augment": []}).values()
    assert RunSettings.compose({"feature": "vggish_mel"}).audio.sample_rate_hz == 16000


# What applies
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rnn": "gru"}, "`rnn` is not a setting of convpool, which has: dropout, embedding_size. "
         "It is one of crnn, crnn_parallel."),
        ({"arch": "crnn", "pooling": "flatten"}, "`pooling` is not a setting of crnn, which has: dropout, "
         "embedding_size, block, block_at, rnn, bidirectional. It is one of resnet50."),
        ({"feature": "cqt", "fmax_hz": 8000.0}, "`fmax_hz` is not a setting of cqt, which has: hop_length, top_db. "
         "It is one of logmel, logstft, vggish_mel, musicnn_mel, tagger_mel."),
        ({"noise_std": 0.1}, "`noise_std` is not a setting of zoom, which has: zoom_range. It is one of noise."),
        ({"augment": ["noise", "gain"], "zoom_range": 0.1},
         "`zoom_range` is not a setting of gain and noise, which have: gain_db, noise_std. It is one of zoom."),
        ({"augment": [], "zoom_range": 0.1}, "`zoom_range` is not a setting of the empty list of augmentations. "
         "It is one of zoom."),
        ({"momentum": 0.5}, "`momentum` is not a setting of adam, which has: learning_rate. It is one of sgd."),
        ({"optimizer": "adam", "weight_decay": 0.1},
         "`weight_decay` is not a setting of adam, which has: learning_rate. It is one of adamw, sgd."),
        ({"crops": "fixed", "crops_per_track": 2}, "`crops_per_track` is not a setting of fixed crops. "
         "It is one of random."),
        ({"epoch": 3}, "unknown setting 'epoch'. Did you mean epochs? Known: accumulate, allow_leak, "),
    ],
    ids=str,
)  # fmt: skip
def test_setting_that_nothing_chosen_has_is_refused(values, text, tmp_path, capsys):
    assert refusal(RunSettings.compose, values).startswith(text)
    assert refusal(RunSettings.compose, {}, values).startswith(text)
    if "epoch" not in values:  # a file's unknown names are refused when it is read
        (tmp_path / "a.json").write_text(json.dumps(values))
        assert main(["train", "--config", str(tmp_path / "a.json"), "--out", str(tmp_path / "run")]) == 2
        assert capsys.readouterr().err == f"kgenre: {text}\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--rnn", "lstm"],
            "`rnn` is not a setting of convpool, which has: dropout, embedding_size. It is one of crnn, ",
        ),
        (["--no-bidirectional"], "`bidirectional` is not a setting of convpool"),
        (["--n-mels", "40", "--feature", "cqt"], "`n_mels` is not a setting of cqt, which has: hop_length, top_db."),
        (["--augment", "--zoom-range", "0.1"], "`zoom_range` is not a setting of the empty list of augmentations."),
        (["--arch", "vggish", "--block=double"], "`block` is not a setting of vggish, which has: dropout, "),
    ],
    ids=str,
)
def test_flag_of_another_choice_is_one_line_and_2(arguments, text, tmp_path, capsys):
    assert main(["train", *arguments, "--out", str(tmp_path / "run")]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1 and err.startswith(f"kgenre: {text}")
    assert not (tmp_path / "run").exists()


def test_model_has_no_setting_of_training():
    assert refusal(ModelSettings.compose, {"epochs": 3}).startswith("unknown setting 'epochs'.")
    run = RunSettings.compose({"arch": "crnn"})
    assert set(ModelSettings.compose({"arch": "crnn"}).values()) < set(run.values())


# Files
def test_toml_and_json_give_the_same(tmp_path):
    (tmp_path / "a.toml").write_text('arch = "convconvpool"\nepochs = 3\nframe_scaling = true\nfmax_hz = 8000\n')
    (tmp_path / "a.json").write_text('{"arch": "convconvpool", "epochs": 3, "frame_scaling": true, "fmax_hz": 8000}')
    expected = {"arch": "convconvpool", "epochs": 3, "frame_scaling": True, "fmax_hz": 8000}
    assert read_config(tmp_path / "a.toml") == read_config(tmp_path / "a.json") == expected
    run = RunSettings.compose(expected)
    assert run == RunSettings.compose({"arch": "convconvpool"}).replace(epochs=3, frame_scaling=True, fmax_hz=8000)


@pytest.mark.parametrize("selectors", RUNS, ids=lambda selectors: selectors["arch"])
def test_every_setting_survives_json(selectors, tmp_path):
    run, default = RunSettings.compose(other_values(selectors)), RunSettings.compose(selectors)
    as_before = {name for name, value in run.values().items() if value == default.values()[name]}
    assert as_before == {"init"} | (SELECTED & set(default.values()))
    for each in (run, default):
        (tmp_path / "config.json").write_text(settings_json(each.values()))
        assert RunSettings.compose(read_config(tmp_path / "config.json")) == each


def test_config_json_is_for_people():
    values = RunSettings.compose({}).values()
    text = settings_json(values)
    assert text.endswith("}\n") and json.loads(text) == {**values, "augment": ["zoom"]}
    assert text.splitlines()[1] == '  "data": "demo",'
    assert not {"rnn", "pooling", "noise_std"} & set(values)  # what does not apply is not there


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.toml", b"epochs = ", "a.toml: not a readable .toml or .json config ("),
        ("a.json", b'{"epochs": ', "a.json: not a readable .toml or .json config ("),
        ("a.toml", b"data = '\xff\xfe'", "a.toml: not a readable .toml or .json config ("),
        ("a.json", b"[1, 2]", "a.json: a config is a table of settings. Received: list."),
        (
            "a.toml",
            b"epoch = 3",
            "a.toml: unknown setting 'epoch'. Did you mean epochs? Known: accumulate, allow_leak, ",
        ),
        ("a.json", b'{"zzz": 3}', "a.json: unknown setting 'zzz'. Known: accumulate, allow_leak, "),
        ("a.toml", b"[training]\nepochs = 3", "a.toml: unknown setting 'training.epochs'. "),
    ],
)
def test_faulty_files_are_told(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    assert refusal(read_config, tmp_path / name).startswith(f"{tmp_path}/{text}")


def test_missing_file_is_told(tmp_path):
    text = refusal(read_config, tmp_path / "none.toml")
    assert text.startswith(f"{tmp_path}/none.toml: not a readable .toml or .json config (")
    assert "No such file" in text


# Values
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"arch": "convpol"}, f"unknown arch 'convpol'. Did you mean convpool? Known: {KNOWN_ARCHS}."),
        ({"arch": 3}, f"unknown arch 3. Known: {KNOWN_ARCHS}."),
        ({"feature": "logmell"}, "unknown feature 'logmell'. Did you mean logmel? Known: chroma_cens, "),
        ({"pooling": "max"}, "unknown pooling 'max'. Known: average, flatten."),
        ({"precision": "float64"}, "unknown precision 'float64'. Did you mean float32? Known: float32, mixed_"),
        ({"epochs": "3"}, "`epochs` must be int. Received: epochs='3'."),
        ({"epochs": 3.0}, "`epochs` must be int. Received: epochs=3.0."),
        ({"epochs": True}, "`epochs` must be int. Received: epochs=True."),
        ({"epochs": None}, "`epochs` must be int. Received: epochs=None."),
        ({"dropout": "much"}, "`dropout` must be float. Received: dropout='much'."),
        ({"dropout": False}, "`dropout` must be float. Received: dropout=False."),
        ({"fmax_hz": "high"}, "`fmax_hz` must be float. Received: fmax_hz='high'."),
        ({"frame_scaling": 1}, "`frame_scaling` must be bool. Received: frame_scaling=1."),
        ({"data": 7}, "`data` must be str. Received: data=7."),
        ({"augment": ["zom"]}, "unknown augment 'zom'. Did you mean zoom? Known: equalizer, gain, mixup, noise, "),
        ({"augment": "zoom"}, "`augment` must be a list of names. Received: augment='zoom'."),
        ({"augment": [1]}, "`augment` must be a list of names. Received: augment=(1,)."),
        ({"augment": None}, "`augment` must be a list of names. Received: augment=None."),
        ({"augment": ["none", "zoom"]}, "`augment`: none stands alone. Received: none zoom."),
        ({"pooling": ["average"]}, "`pooling` must be str. Received: pooling=['average']."),
        ({"learning_rate": float("nan")}, "`learning_rate` must be from 1e-09 to 10. Received: learning_rate=nan."),
        (
            {"slice_seconds": 0.1, "n_fft": 4096},
            "`slice_seconds` must hold at least one frame of `n_fft` samples. "
            "Received: slice_seconds=0.1, n_fft=4096, sample_rate_hz=22050.",
        ),
    ],
    ids=str,
)
def test_wrong_values_are_told(values, text):
    chosen = {"arch": "resnet50"} if "pooling" in values else {}
    assert refusal(RunSettings.compose, {**chosen, **values}).startswith(text)
    assert refusal(RunSettings.compose, chosen, values).startswith(text)


@pytest.mark.parametrize(
    ("settings", "field"), RANGED, ids=[f"{settings.__name__}-{field.name}" for settings, field in RANGED]
)
def test_range_includes_its_ends_and_nothing_beyond(settings, field):
    name = field.name
    for value in (field.low, field.high):
        assert getattr(settings(**{name: field.kind(value)}), name) == value
    below_and_above = (field.low - 1, field.high + 1) if field.kind is int else (field.low - 1e-3, field.high * 1.001)
    for value in below_and_above:
        text = refusal(settings, **{name: value})
        assert text == f"`{name}` must be from {field.low:g} to {field.high:g}. Received: {name}={value}."
    if field.default is None:
        assert getattr(settings(**{name: None}), name) is None


def test_whole_numbers_are_taken_for_floats():
    run = RunSettings.compose({"dropout": 0, "fmax_hz": 8000, "slice_seconds": 6})
    assert run.audio.slice_samples == 6 * 22050


def test_samples_of_a_slice_and_of_its_hop():
    spec = RunSettings.compose(
        {"sample_rate_hz": 16000, "slice_seconds": 0.99998, "slice_overlap": 0.75}
    ).audio.slice_spec
    assert (spec.sample_rate, spec.slice_samples, spec.hop_samples) == (16000, 16000, 4000)  # of 15999.68
    spec = RunSettings.compose({}).audio.slice_spec
    assert spec.hop_samples == spec.slice_samples == round(5.94 * 22050)


def test_settings_cannot_be_changed():
    run = RunSettings.compose({})
    for part, name in ((run.training, "epochs"), (run, "data")):
        with pytest.raises((AttributeError, ValueError)):
            setattr(part, name, 3)


@pytest.mark.parametrize(
    ("names", "held"),
    [
        ([], ()),
        (["none"], ()),
        (["zoom"], ("zoom",)),
        (["specaugment", "zoom", "mixup", "zoom"], ("mixup", "zoom", "specaugment")),
    ],
    ids=str,
)
def test_augment_is_a_list_in_the_order_of_the_table(names, held, tmp_path):
    assert FIELDS["augment"].default == ("zoom",)
    (tmp_path / "a.toml").write_text(f"augment = {json.dumps(names)}")
    from_flags = RunSettings.compose({"augment": ["gain"]}, parsed("--augment", *names))
    from_file = RunSettings.compose(read_config(tmp_path / "a.toml"))
    for run in (from_flags, from_file, RunSettings.compose({"augment": tuple(names)})):
        assert tuple(run.augmentations) == run.values()["augment"] == held
        (tmp_path / "config.json").write_text(settings_json(run.values()))
        assert json.loads((tmp_path / "config.json").read_text())["augment"] == list(held)
        assert RunSettings.compose(read_config(tmp_path / "config.json")) == run


# Flags
@pytest.mark.parametrize("selectors", RUNS, ids=lambda selectors: selectors["arch"])
def test_every_setting_has_a_flag(selectors):
    values = other_values({"feature": "vggish_mel", **selectors} if selectors["arch"] == "vggish" else selectors)
    arguments = []
    for name, value in values.items():
        arguments.append("--" + name.replace("_", "-"))
        if value is not True:
            arguments += map(str, value) if isinstance(value, tuple) else [str(value)]
    given = parsed(*arguments)
    assert RunSettings.compose(given) == RunSettings.compose(values)
    assert {name: type(value) for name, value in given.items()} == {
        name: list if name == "augment" else FIELDS[name].kind for name in values
    }


def test_flags_not_given_leave_the_file_alone():
    assert parsed() == {}
    assert parsed("--no-frame-scaling") == {"frame_scaling": False}
    run = RunSettings.compose({"frame_scaling": True, "epochs": 2}, parsed("--no-frame-scaling"))
    assert run.image.frame_scaling is False


@pytest.mark.parametrize(
    "arguments",
    [["--epochs", "x"], ["--arch", "x"], ["--fmax-hz", "x"], ["--frame-scaling=1"], ["--arch", "crnn", "--rnn", "x"]],
)
def test_faulty_flags_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed(*arguments)
    assert caught.value.code == 2
    assert f"argument {arguments[-1 if '=' in arguments[-1] else -2].split('=')[0]}" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_abbreviated_help_is_refused(name, capsys):
    with pytest.raises(SystemExit) as caught:
        command_module(name).main(["--hel"])
    assert caught.value.code == 2 and not capsys.readouterr().out


def test_abbreviated_flag_is_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("--epoch", "3")
    assert caught.value.code == 2 and "unrecognized arguments: --epoch 3" in capsys.readouterr().err


@pytest.mark.parametrize("arch", ARCHS)
def test_help_lists_what_applies_with_its_default_and_nothing_else(arch, capsys):
    words, effective = help_of(capsys, "--arch", arch), RunSettings.compose({"arch": arch}).values()
    for name in FIELDS:
        assert (f"--{name.replace('_', '-')} " in words) == (name in effective), name
    for name, value in effective.items():
        default = {"arch": "convpool"}.get(name, value)
        if isinstance(default, tuple):
            default = " ".join(default) or "none"
        assert default is None or f"(default: {default})" in words
    assert "(default: None)" not in words
    assert "--arch crnn --feature cqt --augment mixup --help" in words  # how to see the others


def test_help_shows_the_defaults_of_the_file(tmp_path, capsys):
    (tmp_path / "a.toml").write_text('arch = "crnn"\nepochs = 77\n')
    words = help_of(capsys, "--config", str(tmp_path / "a.toml"))
    assert "(default: 77)" in words and "--rnn" in words and "network (default: crnn)" in words


@pytest.mark.parametrize(
    "version, text", [("99.1.0", "made by kgenre 99.1.0, .* Update"), ("0.1.0", "unknown setting")]
)
def test_settings_of_a_run_of_a_newer_version_say_so(version, text, tmp_path):
    (tmp_path / "config.json").write_text('{"arch": "convpool", "flavour": 1}')
    (tmp_path / "run.json").write_text(json.dumps({"kgenre": version}))
    with pytest.raises(KgenreError, match=text):
        Run(tmp_path).load_settings()


def test_flags_of_a_run_that_is_resumed_are_those_of_its_network(tmp_path, capsys):
    (tmp_path / "config.json").write_text(settings_json(RunSettings.compose({"arch": "crnn"}).values()))
    words = help_of(capsys, "--resume", "--out", str(tmp_path))
    assert "--rnn" in words and "--zoom-range" in words


# Rows
NEW_FILES = {
    "archs/tiny.py": """
from pydantic import Field

from kgenre.archs.arch import Arch, NetworkSettings


class TinySettings(NetworkSettings):
    tiny_units: int = Field(4, ge=1, le=64, description="units of the dense layer")


def tiny(image, tiny_units):
    from keras import layers

    return layers.Dense(tiny_units)(layers.GlobalAveragePooling2D()(image))


TINY = Arch(TinySettings, tiny, "one dense layer", "a test")
""",
    "features/level.py": """
from pydantic import Field

from kgenre.features.feature import Feature, FeatureSettings


class LevelSettings(FeatureSettings):
    level_db: float = Field(60.0, ge=1, le=300, description="range of the level")


TINY = Feature(LevelSettings, None, "level", lambda settings: (0, 1), lambda rate, settings: ["level"], "dB")
""",
    "augment/echo.py": """
from pydantic import Field

from kgenre.augment.augmentation import Augmentation
from kgenre.core.settings import Settings


class EchoSettings(Settings):
    echo_seconds: float = Field(0.2, ge=0, le=1, description="delay at most")


TINY = Augmentation(EchoSettings, None, "waveform", "an echo", "a test")
""",
    "training/optimizers/sign.py": """
from pydantic import Field

from kgenre.training.optimizers.optimizer import Optimizer, OptimizerSettings


class SignSettings(OptimizerSettings):
    sign_share: float = Field(0.9, ge=0, le=1, description="share of the last update")


TINY = Optimizer(SignSettings, None, "steps of one size", "a test")
""",
}
ROWS = """
import sys
from kgenre.training.settings import RunSettings
from kgenre.core.errors import KgenreError
selector, name, setting, value = sys.argv[1:]
chosen = {selector: [name] if selector == "augment" else name}
print(RunSettings.compose(chosen, {setting: float(value) if "." in value else int(value)}).values()[setting])
try:
    RunSettings.compose({setting: 1})
except KgenreError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("file", "table", "selector", "setting", "value"),
    [
        ("archs/tiny.py", "ARCHS: dict[str, Arch] = {", "arch", "tiny_units", "8"),
        ("features/level.py", "FEATURES: dict[str, Feature] = {", "feature", "level_db", "40.5"),
        ("augment/echo.py", "AUGMENTS: dict[str, Augmentation] = {", "augment", "echo_seconds", "0.5"),
        ("training/optimizers/sign.py", "OPTIMIZERS: dict[str, Optimizer] = {", "optimizer", "sign_share", "0.5"),
    ],
)
def test_row_with_a_setting_of_its_own_needs_a_file_and_a_line(file, table, selector, setting, value, tmp_path):
    package = Path(cli.__file__).parents[1]
    shutil.copytree(package, tmp_path / "kgenre", ignore=shutil.ignore_patterns("__pycache__", "web"))
    (tmp_path / "kgenre" / file).write_text(NEW_FILES[file])
    folder, name = file.removesuffix(".py").rsplit("/", 1)
    listing = tmp_path / "kgenre" / folder / "__init__.py"
    text = listing.read_text(encoding="utf-8")
    assert text.count(table) == 1
    text = text.replace(
        table, f"from kgenre.{folder.replace('/', '.')}.{name} import TINY\n\n{table}\n    {name!r}: TINY,"
    )
    listing.write_text(text, encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment
        )

    done = run("-c", ROWS, selector, name, setting, value)
    assert done.returncode == 0, done.stderr
    effective, refused = done.stdout.splitlines()
    assert effective == value and f"It is one of {name}." in refused
    flag = "--" + setting.replace("_", "-")
    assert flag in run("-m", "kgenre.train", f"--{selector}", name, "--help").stdout
    assert flag not in run("-m", "kgenre.train", "--help").stdout


# Commands
HEAVY = "numpy keras tensorflow librosa pandas sklearn matplotlib".split()
HELP = """
import sys
from kgenre.__main__ import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("loaded:", *sorted(set(sys.modules) & set({heavy})))
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=str
)
def test_help_loads_nothing_heavy(arguments):
    done = python(HELP.format(heavy=HEAVY), *arguments)
    assert done.returncode == 0 and not done.stderr
    *text, loaded = done.stdout.splitlines()
    assert loaded.strip() == "loaded:"
    assert len(text) >= 1
    if arguments and arguments[0] in COMMANDS:
        assert f"usage: kgenre {arguments[0]}" in text[0]
    if arguments in ([], ["--help"]):
        assert all(any(line.split()[:1] == [command] for line in text) for command in COMMANDS)


def test_unknown_command_is_one_line(capsys):
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == (
        f"kgenre: unknown command 'trian'. Did you mean train? Known: {', '.join(sorted(COMMANDS))}.\n"
    )


def test_users_error_is_one_line_and_2(tmp_path):
    (tmp_path / "my.toml").write_text("epoch = 3")
    done = subprocess.run(
        [sys.executable, "-m", "kgenre.train", "--config", "my.toml", "--out", "run"],
        **{"cwd": tmp_path, "capture_output": True, "text": True, "check": False},
    )
    assert done.returncode == 2 and not done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("kgenre: my.toml: unknown setting 'epoch'. Did you mean epochs?")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("raise KgenreError('`x` must be 1. Received: x=2.')", 2, "kgenre: `x` must be 1. Received: x=2."),
        ("raise KeyboardInterrupt", 130, "kgenre: stopped"),
        ("return 0", 0, None),
    ],
)
def test_ends_of_a_command(body, code, line):
    imports = "from kgenre import cli\nfrom kgenre.core.errors import KgenreError\n"
    done = python(f"{imports}def command(args):\n    {body}\n\nraise SystemExit(cli.run(command, None))")
    assert (done.returncode, done.stderr.splitlines()) == (code, [line] if line else [])


def test_error_of_the_program_keeps_its_traceback():
    done = python("from kgenre import cli\ncli.run(lambda args: 1 / 0, None)")
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_reader_that_goes_away_ends_the_command_quietly():
    code = "import sys\nfrom kgenre import cli\nsys.exit(cli.run(lambda args: print('x' * 10**6), None))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.read(1) == b"x"
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (128 + 13, b"")  # as a shell says of SIGPIPE
