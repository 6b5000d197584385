"""The taggers that Won et al. 2020 trained: arrays out of their files, and the tags of their outputs.

The files are state dicts of torch (MIT licence), read without PyTorch. Of the outputs' order nothing is in the files.
"""

from pathlib import Path

from kgenre.weights import musicnn
from kgenre.weights.torch_modules import NORM

# A copy of the authors' repository, github.com/minzwon/sota-music-tagging-models.
FOLDER = (
    "https://raw.githubusercontent.com/ethman/sota-music-tagging-models/2969b12498d9c8efa749d99c3ba7a36487b02d21"
    "/sota_music_taggers/models"
)
# {(architecture, value of --weights): (folder there, bytes, SHA-256)}
FILES = {
    ("fcn", "msd"): ("msd/fcn", 1_902_815, "6012aa7eecf864a8081faedca56af054521e8dfb9c5c98659a3dd5d3e1e66f21"),
    ("fcn", "mtt"): ("mtat/fcn", 1_902_811, "e89d751202d38c3ae69855782bc27010f87051958dbec64f5aa762364dbac271"),
    ("fcn", "jamendo"): ("jamendo/fcn", 1_902_815, "7bce08a66dbc70d096b0a330f44b4cacd9aa25519b83489fbb98f2164a194e2b"),
    ("tagger_crnn", "msd"): ("msd/crnn", 1_687_711, "ebb99855ed0c83f38845db9cfb383dd6fc70938bc58701dcb66e18af9ee7fbea"),
    ("tagger_crnn", "mtt"): (
        "mtat/crnn",
        1_687_630,
        "cd22fc70cafd06f8f2bfc7dd795abccb1f4b50d5b09094c39ad100baf87475a3",
    ),
    ("tagger_crnn", "jamendo"): (
        "jamendo/crnn",
        1_687_626,
        "0a558989c0793f488cb677d188464c91f47c007f7c70473230e55537ca598215",
    ),
}
# By what a tag says of a track. The outputs are in this order: of the published names, "genre---alternative" and so
# on, sorted, as scikit-learn's LabelBinarizer has them, by which the networks were trained.
JAMENDO_KINDS = {
    "genre": (
        "alternative,ambient,atmospheric,chillout,classical,dance,downtempo,easylistening,electronic,experimental,folk,"
        "funk,hiphop,house,indie,instrumentalpop,jazz,lounge,metal,newage,orchestral,pop,popfolk,poprock,reggae,rock,"
        "soundtrack,techno,trance,triphop,world"
    ).split(","),
    "instrument": (
        "acousticguitar,bass,computer,drummachine,drums,electricguitar,electricpiano,guitar,keyboard,piano,strings,"
        "synthesizer,violin,voice"
    ).split(","),
    "mood": "emotional,energetic,film,happy,relaxing".split(","),
}
# The names of one tag, or how people write them, where tags of several sets stand side by side.
SPELT = {
    "acousticguitar": "acoustic guitar",
    "drummachine": "drum machine",
    "easylistening": "easy listening",
    "electricguitar": "electric guitar",
    "electricpiano": "electric piano",
    "female vocalist": "female vocalists",
    "hiphop": "hip-hop",
    "instrumentalpop": "instrumental pop",
    "newage": "new age",
    "popfolk": "pop folk",
    "poprock": "pop rock",
    "triphop": "trip hop",
}
TAGS = {**musicnn.TAGS, "jamendo": [tag for tags in JAMENDO_KINDS.values() for tag in tags]}
# PyTorch has a GRU's gates as reset, update, new; Keras as update, reset, new.
GATES = (1, 0, 2)


def read_tagger(path: Path) -> dict:
    """The variables by name, float32, of `archs.taggers` and of the layer "dense" to the tags, in Keras's layout."""
    from kgenre.weights.torch_file import read_torch_file

    return converted(read_torch_file(path))


def converted(state: dict) -> dict:
    """A state dict as variables: "layer1.bn.running_var" -> "layer1_bn/moving_variance".

    Kernels (out, in, height, width) become (height, width, in, out). The layer k of "layer5", the GRUs, is "gru_k".
    The front end, which has no trained variables, is left out.
    """
    arrays = {}
    for name, array in state.items():
        module, _, part = name.rpartition(".")
        layer = module.replace(".", "_")
        if module.startswith("spec.") or part == "num_batches_tracked":
            continue
        if part.startswith("weight_ih"):
            arrays |= gru_arrays(state, module, part.removeprefix("weight_ih_l"))
        elif layer.endswith("bn"):
            arrays[f"{layer}/{NORM[part]}"] = array
        elif part == "weight":
            arrays[f"{layer}/kernel"] = array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0)
        elif part == "bias":
            arrays[f"{layer}/bias"] = array
    return arrays


def gru_arrays(state: dict, module: str, number: str) -> dict:
    """One layer of a GRU: kernel (inputs, 3 units), recurrent kernel (units, 3 units), bias (2, 3 units)."""
    import numpy as np

    def gates(part: str):
        parts = np.split(state[f"{module}.{part}_l{number}"], 3)
        return np.concatenate([parts[gate] for gate in GATES]).T

    return {
        f"gru_{number}/kernel": gates("weight_ih"),
        f"gru_{number}/recurrent_kernel": gates("weight_hh"),
        f"gru_{number}/bias": np.stack([gates("bias_ih"), gates("bias_hh")]),
    }
