"""A small collection and a run trained on it in seconds, for the tests that need a trained model."""

GENRES = ("ambient", "house", "metal")
# 130 frames: convpool needs 118.
SMALL = [
    "--slice-seconds",
    "1.5",
    "--hop-length",
    "256",
    "--batch-size",
    "8",
    "--crops-per-track",
    "2",
    "--epochs",
    "3",
]
