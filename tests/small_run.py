"""A small collection and a run trained on it in seconds, for the tests that need a trained model."""

GENRES = ("ambient", "house", "metal")
# A network of one twentieth of the work, for tests that train for another reason than the network.
SMALL_NETWORK = ["--arch", "melcrop", "--image-height", "32", "--image-width", "32"]
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
