"""`--config NAME|FILE`: a recipe of this package by name, a .toml file, or the config.json of a run."""

from kgenre.audio.inputs import SPECTROGRAM, input_of
from kgenre.audio.settings import AudioSettings, SpectrogramSettings
from kgenre.core.errors import KgenreError
from kgenre.features import FEATURES
from kgenre.features.several import every_name
from kgenre.model.settings import field_names
from kgenre.recipes import Recipe, open_recipe
from kgenre.training.settings import every_class

HELP = "settings to begin with: a recipe (`kgenre recipes` lists them), a .toml file, or the config.json of another run"


def named_config(name: str) -> Recipe:
    """The recipe of a name, or a file as one.

    Raises:
        KgenreError: neither, a recipe of classic classifiers or of several rows, or a name that is no setting.
    """
    return open_recipe(name).check("train", field_names(every_class()), every_name())


def config_values(config: Recipe | None, given: dict) -> dict:
    """The settings of `--config` for the collection that is given with it: a flat table, {} of None.

    Where tracks are spectrograms, a recipe of audio has not its settings of audio, feature and image size, but what it
    says of spectrograms.

    Raises:
        KgenreError: a recipe of audio that says nothing of spectrograms.
    """
    if config is None:
        return {}
    if not holds_spectrograms({**config.settings, **given}) or config.published is None:
        return config.settings
    if config.spectrograms is None:
        raise KgenreError(f"{config.name}: needs audio, and --data holds spectrograms. Type `{config.line}`.")
    kept = {name: value for name, value in config.settings.items() if name not in of_audio()}
    return {**kept, **config.spectrograms}


def holds_spectrograms(given: dict) -> bool:
    """Whether tracks are spectrograms, as the settings `input` and `data` say."""
    return SPECTROGRAM in (given.get("input"), input_of(given.get("data", "")))


def of_audio() -> set[str]:
    """The settings that spectrograms which are given do not have, or that say how large one of audio becomes."""
    features = [row.settings for row in FEATURES.values()]
    names = {*field_names([AudioSettings, *features]), *every_name(), "feature", "image_height", "image_width"}
    return names - set(SpectrogramSettings.model_fields)
