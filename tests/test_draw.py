"""Plots of features: what stands where on their axes, and the command that draws them."""

import subprocess
import sys

import audio_files
import matplotlib.image
import numpy as np
import pytest

from kgenre.__main__ import main
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.features import plot as draw
from kgenre.model.settings import ModelSettings

HZ = ("logmel", "logstft", "cqt", "vggish_mel", "musicnn_mel", "tagger_mel")
CHROMA = ("chroma_stft", "chroma_cqt", "chroma_cens")


def config_of(feature: str, **values):
    """Settings of the feature, and those of `values` that it has."""
    own = FEATURES[feature].settings.model_fields
    return ModelSettings.compose({"feature": feature, **{name: values[name] for name in values if name in own}})


def parts(config: ModelSettings) -> tuple:
    """What `compute` and `draw` take after the data."""
    return FEATURES[config.feature], config.audio.sample_rate_hz, config.features[config.feature]


def bins_of(config: ModelSettings):
    return FEATURES[config.feature].bins(config.audio.sample_rate_hz, config.features[config.feature])


def of_tone(hz: float, config) -> np.ndarray:
    """The feature in the middle of 2 s of a sine: (bins,)."""
    tone = audio_files.tone(hz, 2.0, config.audio.sample_rate_hz)[:, 0]
    spectrogram = draw.compute(tone, *parts(config))
    return spectrogram[len(spectrogram) // 2]


# Axes
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("values", [{}, {"n_mels": 40, "fmax_hz": 6000.0}], ids=str)
def test_every_bin_has_its_place_on_the_axis(feature, values):
    config = config_of(feature, **values)
    bins = bins_of(config)
    assert (
        len(bins)
        == FEATURES[feature]
        .build(config.audio.sample_rate_hz, config.features[feature])
        .compute_output_shape((1, 30000))[-1]
    )
    assert len(set(bins)) == len(bins)
    if feature in HZ:
        assert (np.diff(bins) > 0).all() and bins[0] > 0 and bins[-1] <= config.audio.sample_rate_hz / 2


@pytest.mark.parametrize("feature", HZ)
@pytest.mark.parametrize("values", [{}, {"n_mels": 50, "fmin_hz": 60.0, "fmax_hz": 7000.0}], ids=str)
def test_a_tone_of_1_khz_stands_at_1_khz(feature, values):
    config = config_of(feature, **values)
    bins, brightest = bins_of(config), of_tone(1000.0, config).argmax()
    step = bins[brightest + 1] - bins[brightest]
    assert abs(bins[brightest] - 1000) <= step / 2 * 1.1
    places, labels = draw.ticks(bins)
    assert abs(places[labels.index("1000")] - brightest) <= 0.6


@pytest.mark.parametrize("feature", CHROMA)
@pytest.mark.parametrize(("hz", "name"), [(440.0, "A"), (261.63, "C"), (369.99, "F♯"), (493.88, "B")])
def test_a_note_stands_in_its_row(feature, hz, name):
    config = config_of(feature)
    assert bins_of(config)[of_tone(hz, config).argmax()] == name


def test_coefficients_are_numbered_with_their_slopes():
    bins = bins_of(config_of("mfcc"))
    assert (bins[0], bins[19], bins[20], bins[59]) == ("0", "19", "\u03940", "\u0394\u039419")


def test_ticks_between_bins_and_ticks_that_crowd():
    places, labels = draw.ticks([100.0, 150.0, 250.0, 1000.0])
    assert dict(zip(labels, places)) == {"100": 0, "200": 1.5, "500": pytest.approx(2 + 250 / 750), "1000": 3}
    places, labels = draw.ticks(np.arange(1, 2001) * 5.0)  # Hz in equal steps: the low ones stand together
    assert labels == ["10000", "5000", "2000", "1000", "500", "20"] and min(-np.diff(places)) >= 2000 / draw.LABELS
    assert draw.ticks([61.0, 63.0]) == ([0.0], ["61"])  # no round frequency between


# Plots
def test_frequency_goes_up_and_time_to_the_right(tmp_path):
    config = config_of("logstft")
    low, high = (audio_files.tone(hz, 1.0, config.audio.sample_rate_hz)[:, 0] for hz in (100.0, 5000.0))
    spectrogram = draw.compute(np.concatenate([low, high]), *parts(config))
    draw.draw([draw.Panel("a\nb", spectrogram, *parts(config))], tmp_path / "a.png")
    plot = matplotlib.image.imread(tmp_path / "a.png")[..., :3].sum(axis=-1)
    height, width = plot.shape
    inside = plot[height // 6 : -height // 6, width // 8 : width * 3 // 4]
    left, right = inside[:, : width // 8].mean(axis=1), inside[:, -width // 8 :].mean(axis=1)
    assert left.argmax() > 0.6 * len(inside) > 0.4 * len(inside) > right.argmax()


def test_axes_are_in_seconds_of_the_song(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr("kgenre.core.figures.save_figure", lambda figure, path: kept.append(figure))
    config = config_of("chroma_cqt")
    spectrogram = draw.compute(np.ones(2 * config.audio.sample_rate_hz, "float32"), *parts(config))
    panel = draw.Panel("Ke$ha - 100 $ _x^", spectrogram, *parts(config))
    draw.draw([panel], tmp_path / "a.png", start=60.0, seconds=2.0)
    axes, bar = kept[0].axes
    assert axes.get_xlim() == (60.0, 62.0) and axes.get_xlabel() == "time in s"
    left, right, bottom, top = axes.images[0].get_extent()
    hop = 1024 / 22050
    assert (left, bottom, top) == (60.0 - hop / 2, -0.5, 11.5)
    assert right == pytest.approx(60.0 + (2 * 22050 // 1024 + 0.5) * hop)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(bins_of(config))
    assert bar.get_ylabel() == FEATURES["chroma_cqt"].unit
    assert axes.get_title(loc="left") == "Ke$ha - 100 $ _x^"  # and its dollars are not set as mathematics
    kept[0].savefig(tmp_path / "b.png")


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_can_be_drawn(feature, songs, tmp_path, capsys):
    png = tmp_path / "out.png"
    song = str(songs["song.ogg"])
    assert main(["features", song, "--feature", feature, "--out", str(png), "--start", "1", "--seconds", "2.5"]) == 0
    assert capsys.readouterr().out == f"{png}: {feature} of 2.5 s from 1.0 s\n"
    plot = matplotlib.image.imread(png)
    assert plot.shape[0] > 400 and plot.shape[1] > 1000
    assert len(np.unique(plot[100:-100, 200:-300].reshape(-1, 4), axis=0)) > 20


def test_plot_is_named_after_the_song(songs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["features", str(songs["mono.wav"]), "--n-mels", "20"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mono-logmel.png"]
    assert capsys.readouterr().out == f"mono-logmel.png: logmel of {audio_files.SONG_SECONDS:.1f} s from 0.0 s\n"


# Faults
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nowhere.mp3"], "nowhere.mp3: cannot be opened: No such file or directory."),
        (["{faulty}/text.mp3"], "{faulty}/text.mp3: not an audio file that can be read ("),
        (["{song}", "--start", "100"], "{song}: too short: 0.00000 s of audio after 100.0 s"),
        (["{song}", "--start", "-1"], "`--start` must be 0 s or more. Received: -1.0."),
        (["{song}", "--start", "nan"], "`--start` must be 0 s or more. Received: nan."),
        (["{song}", "--seconds", "0"], "`--seconds` must be from 0.1 to 300. Received: 0.0."),
        (["{song}", "--out", "nowhere/a.png"], "nowhere/a.png: no such folder: nowhere. Name a file in a folder that"),
        (["{song}", "--out", "a.jpg"], "a.jpg: the file's name must end in .png. Received: .jpg."),
        (["{song}", "--n-mels", "0"], "`n_mels` must be from 1 to 1024. Received: n_mels=0."),
        (["{song}", "--feature", "cqt", "--sample-rate-hz", "6000"], "The highest bin must be below half the sample"),
    ],
    ids=str,
)
def test_faults_are_one_line(arguments, text, songs, faulty, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    places = {"song": songs["song.ogg"], "faulty": faulty}
    assert main(["features", *(argument.format(**places) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1
    assert err.startswith("kgenre: " + text.format(**places))
    assert not list(tmp_path.iterdir())


def test_unknown_feature_is_one_line(capsys):
    assert main(["features", "a.mp3", "--feature", "cqtt"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("kgenre: unknown feature 'cqtt'. Did you mean cqt? Known: chroma_cens, ")


def test_several_features_stand_one_below_the_other(songs, tmp_path, monkeypatch, capsys):
    from kgenre.core.figures import save_figure

    kept = []
    monkeypatch.setattr("kgenre.core.figures.save_figure", lambda *saved: (kept.append(saved[0]), save_figure(*saved)))
    monkeypatch.chdir(tmp_path)
    arguments = ["--feature", "logmel,mfcc", "--n-fft", "1024", "--mfcc.hop-length", "256", "--seconds", "1"]
    assert main(["features", str(songs["mono.wav"]), *arguments]) == 0
    assert capsys.readouterr().out == "mono-logmel+mfcc.png: logmel+mfcc of 1.0 s from 0.0 s\n"
    upper, lower = (axes for axes in kept[0].axes if axes.images)
    assert [axes.images[0].get_array().shape for axes in (upper, lower)] == [
        (128, 1 + 22050 // 512),
        (60, 1 + 22050 // 256),
    ]
    assert upper.get_xlim() == lower.get_xlim() and upper.get_position().y0 > lower.get_position().y1
    assert lower.get_title(loc="left").endswith("\nmfcc: " + FEATURES["mfcc"].description)


def test_spectrograms_of_a_collection_are_of_one_feature(tmp_path, capsys):
    assert main(["features", str(tmp_path), "--feature", "logmel,cqt", "--out", str(tmp_path / "out")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("kgenre: Spectrograms of a collection are of one feature. Received: --feature logmel,cqt. ")
    assert not list(tmp_path.iterdir())


def test_folder_that_may_not_be_written_is_told(tmp_path, monkeypatch):
    from kgenre import cli

    monkeypatch.setattr("os.access", lambda path, mode: False)  # the superuser may write anywhere
    with pytest.raises(KgenreError, match="a.png: may not be written. Name another file with --out."):
        cli.check_file(tmp_path / "a.png", "--out")


# The package that is a command
def test_module_and_command_are_the_same(capsys):
    done = subprocess.run([sys.executable, "-m", "kgenre.features", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    with pytest.raises(SystemExit):
        main(["features", "--help"])
    assert " ".join(capsys.readouterr().out.split()) == " ".join(done.stdout.split())


def test_importing_the_features_brings_no_keras():
    code = "import sys, kgenre.features; print(sorted(set(sys.modules) & {'keras', 'tensorflow', 'numpy', 'librosa'}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
