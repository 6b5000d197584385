"""Text as people see it."""


def one_line(path: str) -> str:
    """A path as it is shown: undecodable bytes and line breaks escaped."""
    return path if path.isprintable() else path.encode("unicode_escape", "surrogateescape").decode()
