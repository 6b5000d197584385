"""Text as people see it."""


def count(n: int, noun: str) -> str:
    """A number with its noun, in the plural but for 1."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def one_line(path: str) -> str:
    """A path as it is shown: undecodable bytes and line breaks escaped."""
    return path if path.isprintable() else path.encode("unicode_escape", "surrogateescape").decode()
