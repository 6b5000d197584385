"""musicnn's published weights: arrays out of its wheel, and the tags of its outputs.

The wheel of the package `musicnn` 0.1.0 (Music Technology Group, Universitat Pompeu Fabra) holds TensorFlow 1
checkpoints. Nothing of that package is run.
"""

import tempfile
import zipfile
from pathlib import Path

from kgenre.weights.checkpoint import read_checkpoint

TAGS = {
    "msd": (
        "rock,pop,alternative,indie,electronic,female vocalists,dance,00s,alternative rock,jazz,beautiful,metal,"
        "chillout,male vocalists,classic rock,soul,indie rock,mellow,electronica,80s,folk,90s,chill,instrumental,"
        "punk,oldies,blues,hard rock,ambient,acoustic,experimental,female vocalist,guitar,hip-hop,70s,party,country,"
        "easy listening,sexy,catchy,funk,electro,heavy metal,progressive rock,60s,rnb,indie pop,sad,house,happy"
    ).split(","),
    "mtt": (
        "guitar,classical,slow,techno,strings,drums,electronic,rock,fast,piano,ambient,beat,violin,vocal,synth,female,"
        "indian,opera,male,singing,vocals,no vocals,harpsichord,loud,quiet,flute,woman,male vocal,no vocal,pop,soft,"
        "sitar,solo,man,classic,choir,voice,new age,dance,male voice,female vocal,beats,harp,cello,no voice,weird,"
        "country,metal,female voice,choral"
    ).split(","),
}


def read_msd(wheel: Path) -> dict:
    """The variables by name, float32, of the checkpoint that was trained on the Million Song Dataset."""
    return _read(wheel, "MSD_musicnn")


def read_mtt(wheel: Path) -> dict:
    """The variables by name, float32, of the checkpoint that was trained on MagnaTagATune."""
    return _read(wheel, "MTT_musicnn")


def _read(wheel: Path, name: str) -> dict:
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch, [part for part in archive.namelist() if part.startswith(f"musicnn/{name}/.")])
        return _read_checkpoint(Path(scratch) / "musicnn" / name)


def _read_checkpoint(directory: Path) -> dict:
    """The network's variables in a TensorFlow 1 checkpoint, without the optimizer's."""
    found = read_checkpoint(f"{directory}/")
    return {name: array for name, array in found.items() if "Adam" not in name and "power" not in name}
