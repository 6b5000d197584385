"""The error of a track that cannot be used."""

from kgenre.core.errors import KgenreError


class AudioError(KgenreError):
    """A track that cannot be used, a song or a spectrogram: its path and the cause in one line."""

    def __init__(self, path, cause: str):
        super().__init__(f"{path}: {cause}".replace("\n", "\\n"))  # a file name may hold a line break
        self.path, self.cause = str(path), cause
