"""Help texts of flags that several commands have."""

from kgenre.collections.settings import DATA

MODEL_HELP = "default, musicnn, vggish, a run folder or a SavedModel folder (default: the default model)"
DATA_HELP = DATA
