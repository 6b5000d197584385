"""Recipes: every one is read, built, trained for a step and saved; their names; on collections of spectrograms."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from test_archs import N_CLASSES, SMALL, SMALLER, narrow, values, waveforms

from kgenre import baseline, train
from kgenre.__main__ import main
from kgenre.augment import listed
from kgenre.baselines.classifiers import CLASSIFIERS, classifier_names
from kgenre.baselines.config import DEFAULTS, baseline_values
from kgenre.baselines.hyperparameters import make_pipeline, parse_pca
from kgenre.core.errors import KgenreError
from kgenre.core.settings import settings_json
from kgenre.model.build import load_model
from kgenre.model.settings import field_names, select
from kgenre.model.tasks.single_label import SingleLabel
from kgenre.recipes import SYSTEMS, all_recipes, open_recipe, select_recipes
from kgenre.training.config import config_values, named_config
from kgenre.training.fit import compiled_model
from kgenre.training.settings import RunSelection, RunSettings, read_config, run_sections

RECIPES = all_recipes()
NETWORKS = [name for name, recipe in RECIPES.items() if recipe.command == "train"]
CLASSIC = [name for name, recipe in RECIPES.items() if recipe.command == "baseline"]
SPECTROGRAMS = {"data": "mels.npz", "n_bins": 128, "frames_per_second": 4.3, "value_low": 0.0, "value_high": 31.0}


LARGE = {("resnet50", "logmel")}  # 24 M parameters; test_archs.py trains it


def each_once(names: list[str], key) -> list:
    """Parameters of the names: the first of each key in the short form, the others in the long one."""
    seen, found = set(LARGE), []
    for name in names:
        marks = [pytest.mark.soak] if key(RECIPES[name]) in seen else []
        found.append(pytest.param(name, marks=marks))
        seen.add(key(RECIPES[name]))
    return found


def check_step(config: RunSettings, inputs: np.ndarray, tmp_path) -> None:
    """Takes a step of training, which moves weights, and reads the network again from its file."""
    with narrow(config.arch):
        model = compiled_model(config, SingleLabel(tuple(map(str, range(N_CLASSES)))), steps=10)
    model.run_eagerly = True  # to trace takes longer
    before = values(model)
    loss = model.train_on_batch(inputs, np.arange(2))[0]
    after = values(model)
    assert np.isfinite(loss) and any((before[path] != after[path]).any() for path in before)
    model.save(tmp_path / "model.keras")
    given, again = (np.asarray(one(inputs, training=False)) for one in (model, load_model(tmp_path / "model.keras")))
    assert given.shape == (2, N_CLASSES) and np.isfinite(given).all()
    np.testing.assert_array_equal(given, again)


def shortened(name: str) -> RunSettings:
    """The settings of a recipe for a second of audio, and the smallest image of its network."""
    settings = RECIPES[name].settings
    run = RunSettings.compose(settings)
    small = {**SMALL, **SMALLER.get(run.arch, {}), "pooling": "average"}  # resnet50's flatten needs 193 rows
    if run.feature.startswith(("cqt", "chroma")):  # 84 bins need 22 050 Hz; chroma has 12
        small = {"slice_seconds": 1.28, "image_width": 384}
    selection = select(RunSelection, settings)
    names = field_names([one for _, part in run_sections(selection).values() for one in part])
    return RunSettings.compose(settings, {key: small[key] for key in small if key in names})


@pytest.mark.parametrize("name", each_once(NETWORKS, lambda one: (one.settings["arch"], one.settings.get("feature"))))
def test_recipe_of_a_network_takes_a_step_and_is_the_same_from_its_file(name, tmp_path):
    config = shortened(name)
    check_step(config, waveforms(2, config.audio.slice_samples), tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
def test_recipe_of_a_network_is_whole_and_the_same_from_config_json(name, tmp_path):
    """Each of its settings holds in the run."""
    recipe = RECIPES[name]
    run = RunSettings.compose(named_config(name).settings)
    own = {**recipe.settings, "augment": listed(recipe.settings.get("augment", ("zoom",)))}
    assert own.items() <= run.values().items()
    (tmp_path / "config.json").write_text(settings_json(run.values()))
    assert RunSettings.compose(read_config(tmp_path / "config.json")) == run


@pytest.mark.parametrize("name", each_once(CLASSIC, lambda one: one.settings["classifier"]))
def test_recipe_of_a_classifier_is_fitted_and_the_same_from_its_file(name):
    asked = baseline_values(name, "fma_small", {})
    rng = np.random.default_rng(0)
    y = np.arange(140) % 4
    x = rng.standard_normal((140, 130)) + y[:, None]
    pipeline = make_pipeline(asked["classifier"], 0, parse_pca(asked["pca"]))
    few = {**dict.fromkeys(("forest", "adaboost", "xgboost"), {"n_estimators": 3}), "qda": {"shrinkage": 0.5}}
    few["mlp"] = {"hidden_layer_sizes": (8,)}
    pipeline.named_steps["classifier"].set_params(**few.get(asked["classifier"], {}))
    fitted = pipeline.fit(x, y)
    assert (fitted.predict(x) == y).mean() > 0.5  # chance is 0.25
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(x), fitted.predict(x))


@pytest.mark.parametrize("name", CLASSIC)
def test_recipe_of_a_classifier_is_whole(name):
    asked = baseline_values(name, "fma_small", {})
    assert asked["classifier"] in CLASSIFIERS and asked["on"] in ("vggish", "fma_features")
    assert {key: str(value) for key, value in RECIPES[name].settings.items()}.items() <= {
        key: str(value) for key, value in asked.items()
    }.items()


# --- rows -------------------------------------------------------------------------------------------


def test_every_published_row_has_a_recipe():
    """Counted in the publications: their networks, features, cells and classifiers."""
    count = {system: len(select_recipes([system])) for system in SYSTEMS}
    assert count == {"music_genre_analysis": 5, "genre_pred": 37, "song_genre": 2, "cnn_rnn": 31, "atml_gtzan": 7}
    assert len(select_recipes(["five-systems"])) == sum(count.values()) == len(RECIPES) - 1  # and demo
    assert all(recipe.published for recipe in select_recipes(["five-systems"]))
    grids = {name: len(select_recipes([f"cnn_rnn/{name}"])) for name in ("frequency", "blocks", "crnn", "classical")}
    assert grids == {"frequency": 5, "blocks": 4, "crnn": 4, "classical": 3}


@pytest.mark.parametrize(
    ("name", "accuracy"),
    [
        ("music_genre_analysis/convconvpool/zoom", 48.0),
        ("music_genre_analysis/convpool/zoom", None),
        ("genre_pred/embeddings_pca/svc_rbf", 56.75),
        ("cnn_rnn/temporal/chroma_cens", 28.4),
        ("cnn_rnn/crnn_parallel/lstm_bidirectional", 44.9),
        ("atml_gtzan/resnet18/fine_tuned", 95.0),
    ],
)
def test_published_accuracy_is_that_of_the_row(name, accuracy):
    assert RECIPES[name].published.accuracy == accuracy


def test_recipes_of_music_genre_analysis_see_1024_frames_at_200_rows():
    for name in ("convpool/plain", "convpool/zoom", "convconvpool/zoom", "resnet50"):
        run = RunSettings.compose(RECIPES[f"music_genre_analysis/{name}"].settings)
        assert 1 + run.audio.slice_samples // run.features[run.feature].hop_length == 1024 and run.image.frame_scaling
        assert (run.image.image_height, run.image.image_width, run.image.image_channels) == (200, 1024, 3)


@pytest.mark.parametrize("name", ["frequency/mel", "square/cqt", "crnn/gru", "bbnn"])
def test_recipes_of_cnn_rnn_see_640_frames(name):
    run = RunSettings.compose(RECIPES[f"cnn_rnn/{name}"].settings)
    assert 1 + run.audio.slice_samples // run.features[run.feature].hop_length == 640


def test_fine_tuned_vggish_sees_31_patches_and_crops_of_song_genre_are_128_frames():
    vggish = RunSettings.compose(RECIPES["genre_pred/fine_tuned"].settings)
    samples = vggish.audio.slice_samples
    assert ((samples - 400) // 160 + 1) // 96 == 31 and samples < 29.9 * 16000  # some clips of 30 s are shorter
    crops = RunSettings.compose(RECIPES["song_genre/crops/sgd"].settings)
    mel = crops.features["logmel"]
    assert 1 + crops.audio.slice_samples // mel.hop_length == 128 == mel.n_mels


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "flags", "words"),
    [
        (train, ["--config", "cnn_rnn/bbn"], "cnn_rnn/bbn: no such recipe or file. Did you mean cnn_rnn/bbnn"),
        (train, ["--config", "zzz"], "zzz: no such recipe or file. `kgenre recipes` lists them."),
        (train, ["--config", "cnn_rnn/crnn"], "stands for 4 recipes. Name one: cnn_rnn/crnn/lstm, "),
        (train, ["--config", "cnn_rnn"], "stands for 31 recipes. Name one: cnn_rnn/bbnn, "),
        (train, ["--config", "cnn_rnn/classical/lda"], "is of `kgenre baseline`. Type `kgenre baseline --con"),
        (train, ["--config", "cnn_rnn/square/cqt", "--data", "a.npz"], "needs audio, and --data holds spectrograms."),
        (baseline, ["--config", "cnn_rnn/bbnn", "--data", "demo"], "is of `kgenre train`. Type `kgenre train --con"),
        (baseline, ["--config", "genre_pred/embedings/knn", "--data", "demo"], "mean genre_pred/embeddings/knn"),
        (baseline, ["--data", "demo"], "needs vectors. Name them with --on, or a recipe with --config."),
    ],
)  # fmt: skip
def test_wrong_name_is_one_line_with_the_next_step(command, flags, words, capsys):
    assert command.main(flags) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("kgenre: ") and words in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[cells]\na = { epochs = 1 }\nb = { epochs = 2 }", "holds 2 recipes. Keep one of its [cells]"),
        ("cells = 3", "`cells` must be a table, [cells]. Received: 3."),
        ("[cells]\na = 3", "a cell must be a table of settings. Received: "),
        ("[cells]\na = { spectrograms = 1 }", "`spectrograms` must be a table, [spectrograms]. Received: 1."),
        ("[published]\nacuracy = 3", "unknown entry of [published] 'acuracy'. Did you mean accuracy?"),
        ("epoch = 3", "unknown setting 'epoch'. Did you mean epochs?"),
    ],
)
def test_faulty_file_is_told(tmp_path, text, words):
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(KgenreError) as caught:
        named_config(str(tmp_path / "own.toml"))
    assert str(caught.value).startswith(str(tmp_path)) and words in str(caught.value)


@pytest.mark.parametrize("name", ["cnn_rnn/bbnn", "cnn_rnn/square/mel"])
def test_printed_recipe_that_is_changed_is_taken_from_a_file(tmp_path, capsys, name):
    assert main(["recipes", name]) == 0
    text = capsys.readouterr().out
    assert f"\nepochs = {RECIPES[name].settings['epochs']}\n" in text
    (tmp_path / "mine.toml").write_text(text.replace(f"epochs = {RECIPES[name].settings['epochs']}", "epochs = 7"))
    assert named_config(str(tmp_path / "mine.toml")).settings == {**RECIPES[name].settings, "epochs": 7}


@pytest.mark.parametrize("name", RECIPES)
def test_file_of_one_recipe_is_that_recipe(tmp_path, name):
    (tmp_path / "mine.toml").write_text(RECIPES[name].text())
    own = open_recipe(str(tmp_path / "mine.toml"))
    assert dataclasses.replace(own, name=name, path=RECIPES[name].path) == RECIPES[name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('selection = "test"', "unknown selection 'test'. Known: cv, valid."),
        ("on = 3", "`on` must be"),
        ('pool = "foo"', "unknown pool 'foo'. Known: concat, max, mean."),
        ("pca = [1]", "`pca` must be"),
    ],
)
def test_faulty_value_of_a_classifiers_file_is_told(tmp_path, text, words):
    name = text.partition(" ")[0]
    own = {"on": 'on = "stats"', "classifier": 'classifier = "knn"', name: text}
    (tmp_path / "own.toml").write_text("\n".join(own.values()))
    with pytest.raises(KgenreError) as caught:
        baseline_values(str(tmp_path / "own.toml"), "demo", {})
    assert words in str(caught.value)


def test_names_of_classifiers_may_have_commas_between():
    assert classifier_names("knn,lda,knn") == ["knn", "lda"]
    assert classifier_names("knn,all") == list(CLASSIFIERS)
    with pytest.raises(KgenreError, match="unknown classifier 'lad'. Did you mean lda?"):
        classifier_names("knn,lad")


def test_file_with_one_cell_is_named_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECIPES["genre_pred/features/knn"].text())
    assert open_recipe(str(path)).line == f"kgenre baseline --config {path} --data fma_small"


@pytest.mark.parametrize(
    ("name", "flags", "gone"),
    [
        ("song_genre/crops/sgd", {"optimizer": "adam"}, {"momentum", "weight_decay"}),
        ("song_genre/crops/sgd", {"crops": "fixed"}, {"crops_per_track"}),
        ("cnn_rnn/crnn/gru", {"arch": "bbnn"}, {"rnn", "bidirectional"}),
        ("atml_gtzan/homebrew/noise", {"augment": ["zoom"]}, {"noise_std"}),
        ("song_genre/crops/sgd", {"feature": "cqt"}, {"n_fft", "n_mels"}),
    ],
)
def test_flag_that_takes_another_row_takes_the_settings_of_the_recipes_row_away(name, flags, gone):
    own = RECIPES[name].settings
    assert gone <= own.keys()
    run = RunSettings.compose(own, {"data": "demo", **flags})
    assert not gone & run.values().keys()
    kept = {key: value for key, value in own.items() if key not in {*gone, *flags}}
    kept = {key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()}
    assert {key: run.values()[key] for key in kept} == kept
    with pytest.raises(KgenreError, match="is not a setting of"):  # of what is typed beside it
        RunSettings.compose(own, {"data": "demo", **flags, next(iter(gone)): own[next(iter(gone))]})


def test_flags_of_baseline_win_over_the_recipe_and_it_over_the_defaults(tmp_path):
    asked = baseline_values("genre_pred/embeddings_pca/knn", "demo", {"pca": "12", "on": None, "data": "demo"})
    assert asked == {**DEFAULTS, "on": "vggish", "pool": "concat", "classifier": "knn", "pca": "12"}


def test_recipes_are_listed_and_one_is_printed(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(RECIPES)
    assert "CNNs and RNNs on FMA-small (published: official split, on test)" in lines
    assert main(["recipes", "cnn_rnn/bbnn"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# CNNs and RNNs") and "kgenre train --config cnn_rnn/bbnn --data fma_small" in text
    assert main(["recipes", "cnn_rn"]) == 2
    assert "Did you mean cnn_rnn" in capsys.readouterr().err


# --- spectrograms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NETWORKS if RECIPES[name].spectrograms is not None])
def test_recipe_with_words_on_spectrograms_is_a_run_of_them(name):
    own = config_values(RECIPES[name], SPECTROGRAMS)
    run = RunSettings.compose(own, SPECTROGRAMS)
    assert run.input == "spectrogram" and run.feature is None
    kept = ("arch", "epochs", "batch_size", "learning_rate", "augment", "frame_scaling")
    assert {key: run.values()[key] for key in kept if key in own} == {
        key: tuple(own[key]) if key == "augment" else own[key] for key in kept if key in own
    }
    assert json.loads(settings_json(own)) == own


def test_network_keeps_the_size_of_spectrograms_that_are_given():
    own = config_values(RECIPES["atml_gtzan/homebrew/plain"], SPECTROGRAMS)
    run = RunSettings.compose(own, SPECTROGRAMS)
    assert (run.image.image_height, run.image.image_width) == (None, None)
    assert RunSettings.compose({"arch": "homebrew", "data": "demo"}).image.image_height == 216
    assert RunSettings.compose(own, {**SPECTROGRAMS, "image_height": 216}).image.image_height == 216


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in NETWORKS if RECIPES[name].spectrograms is not None])
def test_recipe_with_words_on_spectrograms_takes_a_step(name, tmp_path):
    own, given = config_values(RECIPES[name], SPECTROGRAMS), {**SPECTROGRAMS, "slice_frames": 128}
    if "weights" in RunSettings.compose(own, given).values():
        given["weights"] = "none"
    run = RunSettings.compose(own, given)
    check_step(run, np.random.default_rng(0).uniform(0, 31, (2, 128, 128)).astype("float32"), tmp_path)


def test_classifier_on_published_statistics_takes_those_of_spectrograms():
    assert baseline_values("cnn_rnn/classical/lda", "mels.npz", {})["on"] == "stats"
    assert baseline_values("cnn_rnn/classical/lda", "fma_small", {})["on"] == "fma_features"


def test_configuration_that_names_spectrograms_keeps_its_own_settings():
    own = open_recipe("cnn_rnn/bbnn")
    assert config_values(own, {"data": "fma_small"}) == own.settings
    assert "slice_seconds" not in config_values(own, {"data": "songs.csv", "input": "spectrogram"})
    assert config_values(None, {}) == {}


def test_recipe_of_several_features_leaves_their_settings_out_on_spectrograms(tmp_path):
    file = 'feature = "cqt,mfcc"\ncqt.hop_length = 1024\nepochs = 3\n[published]\naccuracy = 50.0\n[spectrograms]\n'
    (tmp_path / "a.toml").write_text(file)
    own = config_values(named_config(str(tmp_path / "a.toml")), SPECTROGRAMS)
    assert own == {"epochs": 3} and RunSettings.compose(own, SPECTROGRAMS).training.epochs == 3
