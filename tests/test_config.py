"""Config: where values come from, what is refused, and the command line that is made of it."""

import argparse
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kgenre import cli
from kgenre.__main__ import COMMANDS, main
from kgenre.archs import ARCHS
from kgenre.core.errors import KgenreError
from kgenre.model.settings import _RANGES, Config, config_json, field_type, make_config, normalize, read_config

FIELDS = {row.name: row for row in dataclasses.fields(Config)}
# A value of each field that is neither its default nor an architecture's.
OTHER = {
    "data": "songs.csv", "arch": "convconvpool", "sample_rate_hz": 16000, "slice_seconds": 4.5, "slice_overlap": 0.25,
    "feature": "logmel", "n_fft": 1024, "hop_length": 256, "n_mels": 96, "fmin_hz": 30.0, "fmax_hz": 7500.0,
    "top_db": 60.0, "image_height": 200, "image_width": 1024, "image_channels": 2, "frame_scaling": True,
    "dropout": 0.2, "bn_momentum": 0.7, "weights": "none", "unfreeze": 20, "pooling": "flatten", "scaling": "unit",
    "block": "densenet", "block_at": "all", "rnn": "lstm", "bidirectional": True, "pool": "concat",
    "augment": ("mixup", "noise"), "tempo_range": 0.2, "pitch_semitones": 1.0, "mixup_alpha": 0.4, "gain_db": 3.0,
    "shift_share": 0.1, "noise_std": 0.02, "mask_share": 0.3,
    "zoom_range": 0.1, "epochs": 7, "patience": 3, "batch_size": 5, "crops_per_track": 2, "balanced": True,
    "learning_rate": 1e-4, "schedule": "constant", "precision": "mixed_float16", "seed": 12, "cache_gib": 0.5,
    "workers": 1, "max_bad_share": 0.3,
}  # fmt: skip
KNOWN_ARCHS = ", ".join(sorted(ARCHS))


def parsed(*arguments: str) -> dict:
    """The config's values that a command line gives."""
    parser = argparse.ArgumentParser()
    cli.add_config_flags(parser)
    return cli.config_flags(parser.parse_args(arguments))


def refusal(call, *arguments) -> str:
    with pytest.raises(KgenreError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


# Precedence
def test_defaults_come_from_the_fields():
    assert make_config({}, {}) == Config()
    assert {name: getattr(Config(), name) for name in FIELDS} == {name: row.default for name, row in FIELDS.items()}


def test_file_beats_default_and_flag_beats_file():
    config = make_config({"epochs": 5, "dropout": 0.1}, {"dropout": 0.2, "seed": 9})
    assert (config.epochs, config.dropout, config.seed) == (5, 0.2, 9)
    assert config == dataclasses.replace(Config(), epochs=5, dropout=0.2, seed=9)


def test_architecture_beats_default_and_file_beats_architecture():
    own = ARCHS["resnet50"].defaults
    assert own["image_channels"] != Config.image_channels and own["zoom_range"] != Config.zoom_range
    chosen = {"arch": "resnet50"}
    for file_values, flags in ((chosen, {}), ({}, chosen), ({"arch": "convpool"}, chosen)):
        assert make_config(file_values, flags) == Config(**chosen, **own)
    config = make_config({"arch": "resnet50", "zoom_range": 0.05}, {"learning_rate": 0.5})
    assert (config.zoom_range, config.learning_rate, config.image_channels) == (0.05, 0.5, own["image_channels"])


# Files
def test_toml_and_json_give_the_same(tmp_path):
    (tmp_path / "a.toml").write_text('arch = "convconvpool"\nepochs = 3\nframe_scaling = true\nfmax_hz = 8000\n')
    (tmp_path / "a.json").write_text('{"arch": "convconvpool", "epochs": 3, "frame_scaling": true, "fmax_hz": 8000}')
    expected = {"arch": "convconvpool", "epochs": 3, "frame_scaling": True, "fmax_hz": 8000}
    assert read_config(tmp_path / "a.toml") == read_config(tmp_path / "a.json") == expected
    assert make_config(expected, {}) == dataclasses.replace(
        Config(), arch="convconvpool", epochs=3, frame_scaling=True, fmax_hz=8000
    )


def test_every_field_survives_json(tmp_path):
    assert set(OTHER) == set(FIELDS)
    config = Config(**OTHER)
    as_before = {name for name in FIELDS if getattr(config, name) == FIELDS[name].default}
    assert as_before == {"feature"}  # it has one choice
    for each in (config, Config(), make_config({}, {"arch": "resnet50"})):
        (tmp_path / "config.json").write_text(config_json(each))
        assert make_config(read_config(tmp_path / "config.json"), {}) == each


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[1].glob("recipes/*.toml")), ids=lambda path: path.name)
def test_recipes_load(path):
    values = read_config(path)
    config = make_config(values, {})
    assert values and all(getattr(config, name) == normalize(name, value) for name, value in values.items())


def test_recipes_of_r1_see_1024_frames_at_200_rows():
    for arch in ("convpool", "convconvpool", "resnet50"):
        config = make_config(read_config(Path(__file__).parents[1] / "recipes" / f"r1_{arch}.toml"), {})
        assert config.arch == arch and config.frame_scaling
        assert 1 + config.slice_samples // config.hop_length == 1024
        assert (config.image_height, config.image_width, config.image_channels) == (200, 1024, 3)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.toml", b"epochs = ", "a.toml: not a readable .toml or .json config ("),
        ("a.json", b'{"epochs": ', "a.json: not a readable .toml or .json config ("),
        ("a.toml", b"data = '\xff\xfe'", "a.toml: not a readable .toml or .json config ("),
        ("a.json", b"[1, 2]", "a.json: a config is a table of settings. Received: list."),
        ("a.toml", b"epoch = 3", "a.toml: unknown setting 'epoch'. Did you mean epochs? Known: arch, augment, "),
        ("a.json", b'{"zzz": 3}', "a.json: unknown setting 'zzz'. Known: arch, augment, "),
        ("a.toml", b"[training]\nepochs = 3", "a.toml: unknown setting 'training'. "),
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
        ({"augment": ["zom"]}, "unknown augment 'zom'. Did you mean zoom? Known: gain, mixup, noise, "),
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
    assert refusal(make_config, values, {}).startswith(text)
    assert refusal(make_config, {}, values).startswith(text)


@pytest.mark.parametrize(("name", "low", "high"), _RANGES)
def test_ranges(name, low, high):
    plain, optional = field_type(FIELDS[name])
    roomy = {"slice_seconds": 600, "sample_rate_hz": 384000}  # so that a frame of any `n_fft` fits
    for value in (low, high):
        values = {**roomy, name: plain(value)} if name not in roomy else {"n_fft": 16, name: plain(value)}
        assert getattr(Config(**values), name) == value
    beyond = (low - 1, high + 1) if plain is int else (low - 1e-3, high * 1.001)
    for value in beyond:
        text = refusal(make_config, {name: value}, {})
        assert text == f"`{name}` must be from {low:g} to {high:g}. Received: {name}={value}."
    if optional:
        assert getattr(Config(**{name: None}), name) is None


def test_whole_numbers_are_taken_for_floats():
    assert Config(dropout=0, fmax_hz=8000, slice_seconds=6).clip_samples == 6 * 22050


def test_samples_of_a_slice_and_of_its_hop():
    config = Config(sample_rate_hz=16000, slice_seconds=0.99998, n_fft=512, slice_overlap=0.75)
    assert (config.slice_samples, config.hop_samples) == (16000, 4000)  # of 15999.68
    assert Config().hop_samples == Config().clip_samples == round(5.94 * 22050)


@pytest.mark.parametrize(
    ("listed", "held"),
    [
        ([], ()),
        (["none"], ()),
        (["zoom"], ("zoom",)),
        (["specaugment", "zoom", "mixup", "zoom"], ("mixup", "zoom", "specaugment")),
    ],
    ids=str,
)
def test_augment_is_a_list_in_the_order_of_the_table(listed, held, tmp_path):
    assert Config.augment == ("zoom",)
    (tmp_path / "a.toml").write_text(f"augment = {json.dumps(listed)}")
    from_flags = make_config({"augment": ["gain"]}, parsed("--augment", *listed))
    for config in (from_flags, make_config(read_config(tmp_path / "a.toml"), {}), Config(augment=tuple(listed))):
        assert config.augment == held
        (tmp_path / "config.json").write_text(config_json(config))
        assert json.loads((tmp_path / "config.json").read_text())["augment"] == list(held)
        assert make_config(read_config(tmp_path / "config.json"), {}) == config


# Flags
@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_flag(name):
    flag = "--" + name.replace("_", "-")
    values = OTHER[name] if isinstance(OTHER[name], tuple) else [OTHER[name]]
    arguments = [flag] if OTHER[name] is True else [flag, *map(str, values)]
    assert {key: normalize(key, value) for key, value in parsed(*arguments).items()} == {name: OTHER[name]}
    assert type(normalize(name, parsed(*arguments)[name])) is field_type(FIELDS[name])[0]


def test_flags_not_given_leave_the_file_alone():
    assert parsed() == {}
    assert parsed("--no-frame-scaling") == {"frame_scaling": False}
    assert make_config({"frame_scaling": True, "epochs": 2}, parsed("--no-frame-scaling")).frame_scaling is False


@pytest.mark.parametrize("arguments", [["--epochs", "x"], ["--arch", "x"], ["--fmax-hz", "x"], ["--frame-scaling=1"]])
def test_faulty_flags_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed(*arguments)
    assert caught.value.code == 2
    assert f"argument {arguments[0].split('=')[0]}" in capsys.readouterr().err


def test_help_names_every_default():
    parser = argparse.ArgumentParser()
    cli.add_config_flags(parser)
    words = " ".join(parser.format_help().split())
    for name, row in FIELDS.items():
        assert f"--{name.replace('_', '-')}" in words
        default = "its own" if row.default is None else row.default
        assert f"(default: {' '.join(default) if isinstance(default, tuple) else default})" in words
        assert " ".join(row.metadata["help"].split()[:4]) in words


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
    imports = "from kgenre import cli\nfrom kgenre.errors import KgenreError\n"
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


def test_config_json_is_for_people():
    text = config_json(Config())
    assert text.endswith("}\n") and json.loads(text) == {**dataclasses.asdict(Config()), "augment": ["zoom"]}
    assert text.splitlines()[1] == '  "data": "demo",'
