"""Augmentation: every row of AUGMENTS, what each does by its definition, and the stream. Zoom: test_zoom.py."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from audio_files import music, tone, write_sound

from benchmarks import augmentations as augment_command
from kgenre.audio.reader import TrackReader
from kgenre.audio.slicing import SliceSpec
from kgenre.augment import AUGMENTS, PLACES, build_augmentations
from kgenre.augment.equalizer import Equalizer
from kgenre.augment.layers.random_layers import RandomGain, SpecAugment, SpectrogramNoise, TimeShift
from kgenre.augment.mixup import Mixup
from kgenre.augment.stretch import Pitch, Tempo, stretched
from kgenre.core.errors import KgenreError
from kgenre.core.settings import fields_of
from kgenre.model.build import load_model, reseed
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.training.batches import TrainingCrops
from kgenre.training.fit import compiled_model, untrained_model
from kgenre.training.loaders import training_batches
from kgenre.training.plan import TrainingPlan
from kgenre.training.run import Run
from kgenre.training.settings import RunSettings
from kgenre.training.start import resumed_settings

RATE = 8000
CLIP = 4000
SPEC = SliceSpec(RATE, CLIP, CLIP)
CLICKS_HZ = 4.0
LAYERS = [name for name, row in AUGMENTS.items() if row.place in ("waveform", "spectrogram")]
CROPS = [name for name, row in AUGMENTS.items() if row.place == "crop"]
SMALL = {
    "sample_rate_hz": RATE, "slice_seconds": CLIP / RATE, "n_fft": 512, "hop_length": 128, "n_mels": 32,
    "arch": "convconvpool", "image_height": 40, "image_width": 40,
}  # fmt: skip


def config_of(*names, **values) -> RunSettings:
    return RunSettings.compose({**SMALL, "augment": names, **values})


def layer_of(name: str, seed: int = 3, **values):
    return AUGMENTS[name].build(AUGMENTS[name].settings(**values), SPEC, seed)


def inputs_of(name: str, batch: int = 4) -> np.ndarray:
    shape = (batch, 600) if AUGMENTS[name].place == "waveform" else (batch, 24, 40, 1)
    return np.random.default_rng(batch).random(shape).astype("float32")


def drawn(layer, x) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(x, training=True))


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Five tracks; the first is shorter than a slice."""
    folder = tmp_path_factory.mktemp("tracks")
    for number in range(5):
        write_sound(folder / f"{number}.wav", music(0.3 + 0.5 * number, RATE, 1, seed=number), RATE)
    return [str(folder / f"{number}.wav") for number in range(5)]


def stream(tracks, config: RunSettings, plan: TrainingPlan, first_epoch: int = 0, workers: int = 2, epochs: int = 2):
    """Waveforms and labels of whole epochs, as `fit` has them."""
    of_crop, of_batch = (build_augmentations(config.augmentations, place, SPEC, 0) for place in ("crop", "batch"))
    labels = np.eye(len(tracks)) if of_batch else np.arange(len(tracks))
    reader = TrackReader(SPEC, 1 << 30)
    batches = training_batches(TrainingCrops(reader, tracks, labels, plan, first_epoch, of_crop, of_batch), workers)
    return tuple(map(np.concatenate, zip(*batches.take(epochs * plan.steps).as_numpy_iterator())))


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUGMENTS)
def test_row_is_whole(name):
    row = AUGMENTS[name]
    assert row.place in PLACES and row.description and row.source
    assert fields_of(row.settings)[row.setting].high is not None
    chosen = config_of(name).augmentations
    assert list(build_augmentations(chosen, row.place, SPEC, 0)) == [name]
    assert not any(build_augmentations(chosen, place, SPEC, 0) for place in PLACES if place != row.place)


def test_layers_stand_in_the_order_of_the_table():
    model = untrained_model(config_of(*reversed(AUGMENTS)), 3)
    names = [layer.name for layer in model.layers]
    order = ["waveform", "gain", "logmel", "spectrogram_image", "shift", "zoom_range", "noise", "specaugment"]
    assert names[: len(order)] == order
    assert not set(order[1:2] + order[4:]) & {layer.name for layer in untrained_model(config_of(), 3).layers}


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentation_at_the_ends_of_its_range_is_finite(name):
    row = AUGMENTS[name]
    field = fields_of(row.settings)[row.setting]
    for value in (field.low, field.high):
        made = row.build(row.settings(**{row.setting: value}), SPEC, 0)
        if name in LAYERS:
            assert np.isfinite(drawn(made, inputs_of(name))).all()
        else:
            amounts = made.draw(np.random.default_rng(0), 50)
            assert np.isfinite(amounts).all()
        if name in CROPS:
            wave = music(1.5, RATE, 1)[:, 0]
            for amount in (amounts.min(), amounts.max()):
                assert np.isfinite(made.apply(wave[: made.reads(CLIP, amount)], amount, CLIP)).all()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RandomGain(61), "`gain_db` must be from 0 to 60. Received: gain_db=61."),
        (lambda: TimeShift(0.6), "`shift_share` must be from 0 to 0.5. Received: shift_share=0.6."),
        (lambda: SpectrogramNoise(-0.1), "`noise_std` must be from 0 to 1. Received: noise_std=-0.1."),
        (lambda: SpecAugment(float("nan")), "`mask_share` must be from 0 to 1. Received: mask_share=nan."),
        (lambda: SpecAugment(0.1, masks=0), "`masks` must be at least 1. Received: masks=0."),
        (lambda: Mixup(0), "`alpha` must be positive. Received: alpha=0."),
        (lambda: Tempo(0.6, RATE), "`tempo_range` must be from 0 to 0.5. Received: tempo_range=0.6."),
        (lambda: Pitch(13, RATE), "`pitch_semitones` must be from 0 to 12. Received: pitch_semitones=13."),
    ],
)
def test_refuses(make, text):
    with pytest.raises(KgenreError) as caught:
        make()
    assert str(caught.value) == text


# --- layers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_off_at_inference_and_at_0(name):
    x = inputs_of(name)
    np.testing.assert_array_equal(layer_of(name)(x, training=False), x)
    np.testing.assert_array_equal(layer_of(name)(x), x)
    np.testing.assert_array_equal(drawn(layer_of(name, **{AUGMENTS[name].setting: 0}), x), x)
    assert np.abs(drawn(layer_of(name), x) - x).max() > 1e-3


@pytest.mark.parametrize("name", LAYERS)
def test_layer_draws_for_each_example_by_its_seed(name):
    x = np.repeat(inputs_of(name, 1), 8, axis=0)
    first = drawn(layer_of(name), x)
    assert all(np.abs(first[i] - first[j]).max() > 1e-4 for i in range(8) for j in range(i))
    layer = layer_of(name)
    np.testing.assert_array_equal(drawn(layer, x), first)
    assert np.abs(drawn(layer, x) - first).max() > 1e-3  # the next step draws anew
    assert np.abs(drawn(layer_of(name, seed=4), x) - first).max() > 1e-3
    louder = x.copy()
    louder[1:] *= 100
    np.testing.assert_array_equal(drawn(layer_of(name), louder)[0], first[0])


@pytest.mark.parametrize("name", LAYERS)
def test_layer_round_trips_and_keeps_shape_and_type(name, tmp_path):
    x, layer = inputs_of(name), layer_of(name)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.get_config()["dtype"]["config"]["name"] == "float32"
    inputs = keras.Input(x.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    assert model.output.shape[1:] == x.shape[1:]
    model.save(tmp_path / "layer.keras")
    expected = drawn(again, x)
    np.testing.assert_array_equal(load_model(tmp_path / "layer.keras")(x, training=True), expected)
    assert keras.backend.standardize_dtype(expected.dtype) == "float32"


def test_gain_is_uniform_in_decibels():
    x = np.ones((2000, 2), "float32")
    gains = 20 * np.log10(drawn(RandomGain(6.0, seed=0), x))
    np.testing.assert_array_equal(gains[:, 0], gains[:, 1])
    assert -6 - 1e-4 <= gains.min() < -5.9 and 5.9 < gains.max() <= 6 + 1e-4
    assert abs(gains.mean()) < 5 * 6 / np.sqrt(3 * 2000)  # five standard errors
    assert gains.std() == pytest.approx(6 / np.sqrt(3), rel=0.05)


def test_shift_turns_round_by_up_to_its_share():
    width = 20
    x = np.tile(np.arange(width, dtype="float32"), (500, 3, 1))[..., None]
    shifted = drawn(TimeShift(0.2, seed=1), x)[..., 0]
    starts = shifted[:, 0, 0].astype(int)
    for image, start in zip(shifted, starts):
        np.testing.assert_array_equal(image, np.tile(np.roll(np.arange(width), -start), (3, 1)))
    assert {int(start) for start in (starts + width // 2) % width - width // 2} == set(range(-4, 5))
    assert len({*drawn(TimeShift(seed=1), x)[:, 0, 0, 0]}) == width  # any place of the circle


def test_noise_has_its_standard_deviation_and_is_alike_in_the_channels():
    x = np.full((4, 64, 128, 3), 0.5, "float32")
    noise = drawn(SpectrogramNoise(0.05, seed=2), x) - 0.5
    np.testing.assert_array_equal(noise[..., 0], noise[..., 2])
    one = noise[..., 0]  # 32768 values: five standard errors
    assert abs(one.mean()) < 5 * 0.05 / np.sqrt(one.size)
    assert one.std() == pytest.approx(0.05, rel=5 / np.sqrt(2 * one.size))
    assert abs((one**4).mean() / one.var() ** 2 - 3) < 5 * np.sqrt(24 / one.size)  # a Gaussian's kurtosis


def test_masks_are_whole_bands_of_the_mean_and_take_their_share():
    height, width, share, n = 40, 80, 0.25, 600
    x = np.random.default_rng(0).random((n, height, width, 1)).astype("float32")
    out = drawn(SpecAugment(share, seed=3), x)[..., 0]
    masked = out != x[..., 0]
    rows, columns = masked.all(axis=2), masked.all(axis=1)
    np.testing.assert_array_equal(masked, rows[:, :, None] | columns[:, None, :])
    for image, mask, own in zip(out, masked, x):
        np.testing.assert_allclose(image[mask], own.mean(), rtol=1e-5)
    assert rows.sum(axis=1).max() <= 2 * share * height and columns.sum(axis=1).max() <= 2 * share * width
    # One mask: width uniform in 0..F, so E = F / 2 and with both E(union) = 1 - E[(1 - one)^2], simulated below.
    for lines, size in ((rows, height), (columns, width)):
        assert lines.mean() == pytest.approx(simulated_share(size, int(share * size)), abs=0.02)
        assert lines.mean(axis=0).min() > 0  # the edges too


def simulated_share(size: int, most: int, n: int = 4000) -> float:
    rng, covered = np.random.default_rng(9), np.zeros((n, size), bool)
    for mask in covered:
        for _ in range(2):
            wide = rng.integers(0, most + 1)
            start = rng.integers(0, size - wide + 1)
            mask[start : start + wide] = True
    return covered.mean()


# --- tempo and pitch ------------------------------------------------------------------------------


def loudest_hz(waveform: np.ndarray, rate: int) -> float:
    """The highest peak of the spectrum, between bins by a parabola through its logarithm."""
    level = np.log(np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))))
    top = int(level.argmax())
    left, middle, right = level[top - 1 : top + 2]
    return (top + 0.5 * (left - right) / (left - 2 * middle + right)) * rate / len(waveform)


@pytest.mark.parametrize("rate", [RATE, 22050])
@pytest.mark.parametrize("semitones", [-12.0, -2.0, 0.5, 2.0, 12.0])
def test_pitched_sine_lands_at_its_frequency(semitones, rate):
    pitch, samples = Pitch(12.0, rate), 2 * rate
    wave = tone(440, 3.0, rate)[: pitch.reads(samples, semitones), 0]
    out = pitch.apply(wave, semitones, samples)
    assert out.shape == (samples,) and out.dtype == np.float32
    assert loudest_hz(out, rate) == pytest.approx(440 * 2 ** (semitones / 12), rel=2e-3)  # 1/30 of a semitone
    assert out.std() == pytest.approx(wave.std(), rel=0.1)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 1.5])
def test_clicks_of_another_tempo_are_at_their_distance(factor):
    rate, tempo = 22050, Tempo(0.5, 22050)
    samples = 4 * rate
    wave = clicks(rate, tempo.reads(samples, factor))
    starts = onsets(tempo.apply(wave, factor, samples), rate, 1 / CLICKS_HZ / factor)
    distances = np.diff(starts) * CLICKS_HZ * factor
    assert len(distances) >= int(3.9 * CLICKS_HZ * factor) - 1
    assert np.abs(distances - 1).max() < CLICKS_HZ * factor / 24  # a click moves with its piece of 1/24 s
    assert distances.mean() == pytest.approx(1, abs=0.01)
    sine = tempo.apply(tone(440, 7.0, rate)[: tempo.reads(samples, factor), 0], factor, samples)
    assert loudest_hz(sine, rate) == pytest.approx(440, rel=2e-3)


def clicks(rate: int, samples: int) -> np.ndarray:
    """Decaying bursts of noise, CLICKS_HZ of them a second, the first after 0.1 s."""
    time = np.arange(samples) / rate - 0.1
    noise = np.random.default_rng(0).standard_normal(samples)
    return np.where(time >= 0, noise * np.exp(-60 * (time % (1 / CLICKS_HZ))), 0).astype("float32")


def onsets(wave: np.ndarray, rate: int, distance: float) -> np.ndarray:
    """Seconds of the loudest 100 samples in every `distance`, whose bounds lie in the middle between the clicks."""
    level = np.abs(wave[: len(wave) // 100 * 100]).reshape(-1, 100).mean(axis=1)
    first = np.argmax(level > 0.25)
    step = distance * rate / 100
    bounds = np.arange(first - step / 2, len(level), step).clip(0).round().astype(int)
    return np.array([begin + np.argmax(level[begin:end]) for begin, end in zip(bounds, bounds[1:])]) * 100 / rate


@pytest.mark.parametrize("name", CROPS)
def test_nothing_is_padded_and_silence_stays_silence(name):
    settings = AUGMENTS[name].settings
    most = fields_of(settings)[AUGMENTS[name].setting].high
    made = AUGMENTS[name].build(settings(**{AUGMENTS[name].setting: most}), SPEC, 0)
    noise = np.random.default_rng(1).standard_normal(5 * CLIP).astype("float32")
    for amount in made.draw(np.random.default_rng(2), 6):
        needs = made.reads(CLIP, amount)
        out = made.apply(noise[:needs], amount, CLIP)
        assert out.shape == (CLIP,)
        assert np.abs(out[-200:]).mean() > 0.3 * np.abs(out).mean()
        assert not np.array_equal(out[:200], out[-200:])
        assert not made.apply(np.zeros(needs, "float32"), amount, CLIP).any()


def test_stretch_gives_the_length_within_its_margin():
    wave = music(2.0, RATE, 1)[:, 0]
    for factor in (0.5, 0.7, 1.0, 1.3, 2.0):
        assert abs(len(stretched(wave, RATE, factor)) - len(wave) / factor) < RATE / 10 / factor


# --- the stream -----------------------------------------------------------------------------------


def test_mixed_labels_sum_to_1_and_match_the_waveforms(tracks):
    plan = TrainingPlan(len(tracks), 4, 5, seed=0)
    plain, numbers = stream(tracks, config_of(), plan)
    mixed, labels = stream(tracks, config_of("mixup", mixup_alpha=1.0), plan)
    assert numbers.dtype == np.int32 and labels.shape == (len(numbers), 5) and labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    shares = np.concatenate([np.random.default_rng([0, epoch, *b"mixup"]).beta(1, 1, 20) for epoch in (0, 1)])
    eye = np.eye(5)
    for start in range(0, len(numbers), plan.batch_size):
        for i in range(plan.batch_size):
            one, other, share = start + i, start + (i + 1) % plan.batch_size, shares[start + i]
            expected = share * plain[one] + (1 - share) * plain[other]
            np.testing.assert_allclose(mixed[one], expected, rtol=0, atol=1e-6)
            expected = share * eye[numbers[one]] + (1 - share) * eye[numbers[other]]
            np.testing.assert_allclose(labels[one], expected, rtol=0, atol=1e-6)


def test_shares_of_mixup_are_of_beta():
    shares = Mixup(0.2).draw(np.random.default_rng(0), 20000)
    assert shares.mean() == pytest.approx(0.5, abs=0.02)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.2 + 1)), rel=0.03)  # of Beta(a, a)


def test_accuracy_is_against_the_heavier_label():
    model = compiled_model(config_of("mixup"), SingleLabel(("a", "b", "c")), 10)
    wave = np.random.default_rng(0).standard_normal((4, CLIP)).astype("float32")
    named = keras.ops.convert_to_numpy(model(wave)).argmax(axis=1)
    for heavy, accuracy in ((named, 1.0), ((named + 1) % 3, 0.0)):
        labels = 0.6 * np.eye(3)[heavy] + 0.4 * np.eye(3)[(heavy + 1) % 3]
        assert model.test_on_batch(wave, labels.astype("float32"))[1] == accuracy


@pytest.mark.parametrize("names", [("tempo",), ("pitch",), ("tempo", "pitch", "mixup")], ids="+".join)
def test_stream_depends_on_the_plan_alone(names, tracks):
    config, plan = config_of(*names), TrainingPlan(len(tracks), 2, 3, seed=4)
    waveforms, labels = stream(tracks, config, plan, workers=1)
    again, same = stream(tracks, config, plan, workers=4)
    np.testing.assert_array_equal(again, waveforms)
    np.testing.assert_array_equal(same, labels)
    resumed, rest = stream(tracks, config, plan, first_epoch=1, epochs=1)
    done = plan.steps * plan.batch_size
    np.testing.assert_array_equal(resumed, waveforms[done:])
    np.testing.assert_array_equal(rest, labels[done:])
    plain, _ = stream(tracks, config_of(), plan)
    assert (np.abs(plain - waveforms).max(axis=1) > 1e-3).all()


def test_crop_is_the_track_at_another_tempo_and_pitch(tracks):
    """From the file, by hand: where it begins, how much is read, what becomes of it; short ones are repeated."""
    config, plan = config_of("pitch", "tempo", tempo_range=0.3), TrainingPlan(len(tracks), 2, 5, seed=1)
    waveforms, numbers = stream(tracks, config, plan, epochs=1)
    tempo, pitch = Tempo(0.3, RATE), Pitch(2.0, RATE)
    factors = np.random.default_rng([1, 0, *b"tempo"]).uniform(0.7, 1.3, 10)
    semitones = np.random.default_rng([1, 0, *b"pitch"]).uniform(-2, 2, 10)
    reader = TrackReader(SPEC)
    for i, (number, position) in enumerate(zip(*plan.epoch(0))):
        between = CLIP + RATE // 10
        needs = int(np.ceil(between * factors[i] + RATE / 10))
        whole = reader.crop(tracks[number], 0.0, 100 * RATE)[: round((0.3 + 0.5 * number) * RATE)]
        begin = round(position * max(0, len(whole) - needs))
        read = np.resize(whole, max(needs, len(whole)))[begin : begin + needs]
        expected = pitch.apply(tempo.apply(read, factors[i], between), semitones[i], CLIP)
        np.testing.assert_allclose(waveforms[i], expected, rtol=0, atol=1e-4)
        assert numbers[i] == number


def test_all_at_once_train_a_step_and_resume(tracks, tmp_path):
    config, plan = config_of(*AUGMENTS), TrainingPlan(len(tracks), 2, 5, seed=0)
    model = compiled_model(config, SingleLabel(tuple("abcdefgh"[: len(tracks)])), plan.steps)
    waveforms, labels = stream(tracks, config, plan, epochs=1)
    waveforms[0] = 0  # silence

    def loss_of_step(model, epoch: int) -> float:
        reseed(model, 0, epoch)
        model.reset_metrics()
        return float(model.train_on_batch(waveforms, labels)[0])

    assert 0.5 < loss_of_step(model, 0) < 10
    model.save(tmp_path / "after_one.keras")
    resumed = load_model(tmp_path / "after_one.keras", compile=True)
    second = loss_of_step(model, 1)
    assert loss_of_step(resumed, 1) == pytest.approx(second, rel=1e-5)  # the same draws, but for float32 sums
    assert all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in resumed.weights)


def test_reseed_reaches_every_layer():
    model = untrained_model(config_of(*AUGMENTS), 3)
    layers = [layer for layer in model.layers if hasattr(layer, "generator")]
    assert len(layers) == len(LAYERS)
    states = set()
    for epoch in (0, 1):
        reseed(model, 0, epoch)
        states |= {tuple(keras.ops.convert_to_numpy(layer.generator.state)) for layer in layers}
    assert len(states) == 2 * len(LAYERS)


# --- commands and documents -----------------------------------------------------------------------


@pytest.mark.parametrize("given", [["zoom", "mixup"], ["mixup", "zoom", "zoom"], None, ["zoom"], ["none"]], ids=str)
def test_list_of_a_run_cannot_change_but_may_be_repeated(given, tmp_path):
    run, config = Run(tmp_path / "run"), config_of("zoom", "mixup")
    run.save_setup(config, ["a", "b"], pd.DataFrame({"path": ["x"]}), {"asked": {}})
    values = {} if given is None else {"augment": given}
    if given is None or "mixup" in given:
        assert resumed_settings(run, values) == config
        return
    with pytest.raises(KgenreError, match="^`augment` of a run cannot change"):
        resumed_settings(run, values)


def test_every_augmentation_is_drawn_and_described(tmp_path):
    assert augment_command.main(["--out", str(tmp_path / "augment.png")]) == 0
    assert (tmp_path / "augment.png").read_bytes().startswith(b"\x89PNG")
    text = (Path(__file__).parents[1] / "docs" / "augmentation.md").read_text(encoding="utf-8")
    for name, row in AUGMENTS.items():
        field = fields_of(row.settings)[row.setting]
        assert f"| `{name}` | `--{field.name.replace('_', '-')}` {field.default:g} |" in text


def test_image_of_every_augmentation_differs_from_the_plain_one():
    config = RunSettings.compose({**augment_command.SETTINGS, "slice_seconds": 1.0})
    rng = np.random.default_rng(0)
    song, other = (0.1 * rng.standard_normal(2 * config.audio.sample_rate_hz).astype("float32") for _ in range(2))
    plain = augment_command.image("", config, song, other)
    for name in AUGMENTS:
        image = augment_command.image(name, config, song, other)
        assert image.shape == plain.shape and np.abs(image - plain).max() > 0.01, name


# --- equaliser ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [100, 300, 1000, 3000])
def test_equalised_sine_has_the_drawn_gain_of_its_band(hz):
    equalizer, rate = Equalizer(3.0, 22050), 22050
    sine = tone(hz, 2.0, rate)[:, 0]
    gains = np.random.default_rng(77).normal(0, 3, 6)
    found = equalizer.apply(sine, 77.0, len(sine))
    inner = slice(rate // 4, -rate // 4)  # where the sine does not begin or end
    assert found.dtype == np.float32 and equalizer.reads(CLIP, 77.0) == CLIP
    gain = 20 * np.log10(found[inner].std() / sine[inner].std())
    assert gain == pytest.approx(gains[[100, 300, 1000, 3000].index(hz) + 1], abs=0.05)


def test_equaliser_of_0_db_changes_nothing():
    wave = music(1.0, RATE, 1)[:, 0]
    np.testing.assert_allclose(Equalizer(0.0, RATE).apply(wave, 5.0, len(wave)), wave, atol=1e-6)


def test_names_have_spaces_or_commas_between():
    one, other = (RunSettings.compose({"augment": names}) for names in (["zoom,specaugment"], ["specaugment", "zoom"]))
    assert tuple(one.augmentations) == tuple(other.augmentations) == ("zoom", "specaugment")
    with pytest.raises(KgenreError, match="none stands alone. Received: zoom none"):
        RunSettings.compose({"augment": ["zoom,none"]})
