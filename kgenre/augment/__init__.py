"""The table of augmentations: what is changed at random in training, and where in the chain.

To add one, declare it in a file of this folder (its settings, how it is built) and give it a line here. Flags,
`--help`, the docs and the tests follow from the table. Those listed are applied by place, within a place in the
table's order.
Importing this brings no Keras: the layers, in layers/, are imported when one is built.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kgenre.augment.augmentation import AUDIO_PLACES, PLACES, Augmentation
from kgenre.augment.equalizer import EQUALIZER
from kgenre.augment.gain import GAIN
from kgenre.augment.mixup import MIXUP
from kgenre.augment.noise import NOISE
from kgenre.augment.shift import SHIFT
from kgenre.augment.specaugment import SPECAUGMENT
from kgenre.augment.stretch import PITCH, TEMPO
from kgenre.augment.zoom import ZOOM
from kgenre.core.errors import KgenreError, check_known
from kgenre.core.settings import Settings

if TYPE_CHECKING:
    from kgenre.audio.slicing import SliceSpec

__all__ = ["AUDIO_PLACES", "AUGMENTS", "PLACES", "Augmentation", "build_augmentations", "listed"]

AUGMENTS: dict[str, Augmentation] = {
    "tempo": TEMPO,
    "pitch": PITCH,
    "mixup": MIXUP,
    "gain": GAIN,
    "shift": SHIFT,
    "zoom": ZOOM,
    "noise": NOISE,
    "specaugment": SPECAUGMENT,
    "equalizer": EQUALIZER,  # a new row comes last: the place of a row is part of its seed
}


def listed(names) -> tuple[str, ...]:
    """A list of augmentations in the order of the table, each once; "none" alone is the empty list.

    Raises:
        KgenreError: not a list of names, an unknown name, or "none" beside others.
    """
    names = tuple(names) if isinstance(names, (list, tuple)) else names
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise KgenreError(f"`augment` must be a list of names. Received: augment={names!r}.")
    names = tuple(part for name in names for part in name.split(","))  # with spaces or commas between
    if names == ("none",):
        return ()
    if "none" in names:
        raise KgenreError(f"`augment`: none stands alone. Received: {' '.join(names)}.")
    for name in names:
        check_known("augment", name, AUGMENTS)
    return tuple(name for name in AUGMENTS if name in names)


def build_augmentations(chosen: Mapping[str, Settings], place: str, spec: "SliceSpec", seed: int) -> dict:
    """The chosen augmentations of a place, built, by name in the order of application.

    Each has a seed of its own: layers that draw alike from one seed would draw the same.

    Args:
        chosen: {name: its settings}.
        place: one of PLACES.
        spec: SliceSpec of the model.
        seed: int.
    """
    return {
        name: row.build(chosen[name], spec, seed + number)
        for number, (name, row) in enumerate(AUGMENTS.items())
        if name in chosen and row.place == place
    }
