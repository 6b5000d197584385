"""Several features in one network: how they are listed, and how their settings are named in a flat table.

Of one feature its settings are written alone, `n_mels`. Of several each is written with the feature before it,
`cqt.hop_length`, so that what a file says does not depend on which other settings there are; written alone it means all
features that have it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kgenre.core.errors import KgenreError, check_known
from kgenre.core.settings import Setting, fields_of
from kgenre.features import FEATURES, FeatureSettings


def split_features(text) -> tuple[str, ...]:
    """The features of a setting, in its order: "cqt,mfcc" -> ("cqt", "mfcc").

    Raises:
        KgenreError: no text, an unknown name, or one twice.
    """
    if not isinstance(text, str):
        raise KgenreError(f"`feature` must be names with commas between. Received: feature={text!r}.")
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        check_known("feature", name, FEATURES)
        if names.count(name) > 1:
            raise KgenreError(f"`feature` must list each feature once. Received: feature={text}.")
    return names


def owned_names(features: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The settings of features: {name in the flat table: (feature, name among its own)}."""
    fields = [(feature, name) for feature in features for name in FEATURES[feature].settings.model_fields]
    return {name if len(features) == 1 else f"{feature}.{name}": (feature, name) for feature, name in fields}


def every_name() -> list[str]:
    """Every name with a feature before it that a flat table may hold."""
    return [f"{feature}.{name}" for feature, row in FEATURES.items() for name in row.settings.model_fields]


def expanded(table: Mapping, features: Sequence[str]) -> dict:
    """A flat table in which what is written for all features is written for each; a feature's own entry beats it."""
    owned = owned_names(features)
    found = {}
    for name, value in sorted(table.items(), key=lambda entry: entry[0] in owned):  # what is written for one comes last
        each = [full for full, (_, own) in owned.items() if own == name]
        found.update(dict.fromkeys(each or [name], value))
    return found


def settings_of(features: Sequence[str], table: Mapping) -> dict[str, FeatureSettings]:
    """{feature: its settings} from an expanded table."""
    given = {feature: {} for feature in features}
    for name, (feature, own) in owned_names(features).items():
        if name in table:
            given[feature][own] = table[name]
    return {feature: FEATURES[feature].settings(**values) for feature, values in given.items()}


def table_of(settings: Mapping[str, FeatureSettings]) -> dict:
    """The way back: {feature: its settings} -> a flat table."""
    return {name: getattr(settings[feature], own) for name, (feature, own) in owned_names(tuple(settings)).items()}


def feature_fields(features: Sequence[str]) -> dict[str, Setting]:
    """The settings of features as flags name them: what several have, for all of them and for each."""
    found = {}
    for name, (feature, own) in owned_names(features).items():
        field = fields_of(FEATURES[feature].settings)[own]
        if name != own:
            text = f"{field.description}, of each feature that has them"
            found.setdefault(own, replace(field, default=None, description=text))
            field = replace(field, name=name, description=f"{field.description}, of {feature}")
        found[name] = field
    return found


def check_qualified(names: Iterable[str], features: Sequence[str]) -> None:
    """Raises KgenreError for a name with a feature before it that does not tell these features apart."""
    for name in names:
        feature, _, own = name.partition(".")
        if feature not in FEATURES or name in owned_names(features):
            continue
        received = f"Received: feature={','.join(features)}." if features else "Received: spectrograms as input."
        if feature not in features:
            raise KgenreError(f"`{name}` is a setting of {feature}, which is not seen. {received} Leave it out.")
        if own in FEATURES[feature].settings.model_fields:
            raise KgenreError(f"`{name}`: this network sees one feature. {received} Write {own}.")
        has = ", ".join(FEATURES[feature].settings.model_fields)
        raise KgenreError(f"`{own}` is not a setting of {feature}, which has: {has}. Received: {name}.")
