"""Help texts of flags that several commands have."""

MODEL_HELP = "default, musicnn, vggish, a run folder or a SavedModel folder (default: the default model)"
DATA_HELP = "demo, a folder of genre folders, or a manifest"
