"""The parser of the filter language: recursive descent, each rule a method that returns a mask of songs."""

import operator
import re
import unicodedata
from typing import NoReturn

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError, check_known
from kgenre.core.genre_names import plain
from kgenre.core.genres import split_genres

MIN_GENRE = 0.5  # probability at which a genre that is named alone matches
MIN_TAG = 0.2  # likewise of a tag: the most probable tag of a song often has no more
MAX_DEPTH = 50  # of parentheses: deeper ones would exhaust Python's stack
GENRE_FIELDS = ("genre", "predicted", "corrected")
TEXTS = ("title", "artist", "album", "folder", "path", *GENRE_FIELDS)
NUMBERS = ("year", "seconds", "confidence")
NUMBER_OPS = {"=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt,
              "<=": operator.le}  # fmt: skip
TEXT_OPS = ("=", "!=", "~", "!~")
TOKEN = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<op>>=|<=|!=|==|!~|[<>=~()])|(?P<word>[^\s()<>=~!"']+))""")


def probability_column(label: str) -> str:
    """The column of a label's probabilities in a table of songs; a label may have the name of a field."""
    return f"probability of {label}"


class FilterParser:
    """A filter and the table that it is evaluated on; see filters.filter_mask for the arguments."""

    def __init__(self, text: str, songs: pd.DataFrame, task, tags, tag_table):
        self.text, self.songs, self.tag_table, self.position, self.depth = text, songs, tag_table, 0, 0
        self.labels = {_folded(label): label for label in task.labels}
        minima = getattr(task, "thresholds", (MIN_GENRE,) * len(task.labels))
        self.minima = dict(zip(task.labels, minima))
        self.tags = {_folded(tag): tag for tag in tags}
        self.tokens = self._tokens()

    def parse(self) -> np.ndarray:
        if not self.tokens:
            raise KgenreError("The filter is empty. Example: jazz > 0.6 and not instrumental.")
        mask = self._or()
        if self._peek() is not None:
            raise self._error("expected `and`, `or` or the end (texts with spaces are quoted)")
        return mask

    def _tokens(self) -> list[tuple[str, str, int]]:
        """(kind, text, position) of each token."""
        tokens, position, end = [], 0, len(self.text.rstrip())
        while position < end:
            match = TOKEN.match(self.text, position)
            if match is None:
                raise KgenreError(f"Filter {self.text!r}: not understood from {self.text[position:].strip()!r} on.")
            kind, content = match.lastgroup, match[match.lastgroup]
            tokens.append((kind, content[1:-1] if kind == "quoted" else content.replace("==", "="), match.start(kind)))
            position = match.end()
        return tokens

    def _peek(self):
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def _accept(self, *texts: str) -> str | None:
        """Consumes the next token if it is one of these words or operators."""
        token = self._peek()
        if token is None or token[0] == "quoted" or token[1].lower() not in texts:
            return None
        self.position += 1
        return token[1].lower()

    def _error(self, rule: str) -> KgenreError:
        token = self._peek()
        received = "the end" if token is None else f"{token[1]!r} at character {token[2] + 1}"
        return KgenreError(f"Filter {self.text!r}: {rule}. Received: {received}.")

    def _or(self) -> np.ndarray:
        mask = self._and()
        while self._accept("or"):
            mask = mask | self._and()
        return mask

    def _and(self) -> np.ndarray:
        mask = self._not()
        while self._accept("and"):
            mask = mask & self._not()
        return mask

    def _not(self) -> np.ndarray:
        negated = False
        while self._accept("not"):
            negated = not negated
        mask = self._parentheses() if self._accept("(") else self._comparison()
        return ~mask if negated else mask

    def _parentheses(self) -> np.ndarray:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise KgenreError(f"A filter may nest at most {MAX_DEPTH} parentheses. Received: more. Simplify it.")
        mask = self._or()
        self.depth -= 1
        if not self._accept(")"):
            raise self._error("a parenthesis is not closed: expected `)`")
        return mask

    def _comparison(self) -> np.ndarray:
        token = self._peek()
        if token is None or token[0] == "op" or (token[0] == "word" and token[1].lower() in ("and", "or")):
            raise self._error("expected a name or `(`")
        self.position += 1
        name = _folded(token[1])
        if token[0] == "word" and name in TEXTS:
            return self._text(name)
        if token[0] == "word" and name in NUMBERS:
            return self._number(self.songs[name].to_numpy("float64"), None)
        if name in self.labels:
            label = self.labels[name]
            return self._number(self.songs[probability_column(label)].to_numpy("float64"), self.minima[label])
        if name in self.tags:
            return self._number(self.tag_table()[self.tags[name]].to_numpy(), MIN_TAG)
        return self._unknown_name(token[0], token[1])

    def _unknown_name(self, kind: str, received: str) -> NoReturn:
        name = _folded(received)
        if kind == "quoted" and name in (*TEXTS, *NUMBERS):
            raise KgenreError(f"Filter {self.text!r}: in quotes {received!r} is a genre's name. Remove the quotes.")
        names = [*TEXTS, *NUMBERS, *self.labels.values(), *self.tags.values()]
        longer = next((known for known in names if known.casefold().startswith(f"{name} ")), None)
        if longer and kind == "word":
            raise KgenreError(f"Filter {self.text!r}: names with spaces are quoted, as in '{longer}'.")
        check_known("name", received, names, f"Filter {self.text!r}: ")

    def _number(self, values: np.ndarray, minimum: float | None) -> np.ndarray:
        """A comparison of numbers; of a name alone, at least `minimum`, or is known where it is None."""
        sign = self._accept(*NUMBER_OPS)
        if sign is None:
            if self._accept("~", "!~"):
                self.position -= 1
                raise self._error(f"numbers are compared with {' '.join(NUMBER_OPS)}")
            return ~np.isnan(values) if minimum is None else values >= minimum
        value = self._number_value()
        if minimum is not None and value > 1:
            self.position -= 1
            raise self._error("probabilities are from 0 to 1, or to 100%: expected such a number")
        return NUMBER_OPS[sign](values, value)

    def _number_value(self) -> float:
        token = self._peek()
        match = token and re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+))(%?)", token[1])
        if not match:
            raise self._error("expected a number")
        self.position += 1
        return float(match[1]) / (100 if match[2] else 1)

    def _text(self, name: str) -> np.ndarray:
        """A comparison of texts; of a name alone, is known."""
        texts = [_folded(text) for text in self.songs[name]]
        sign = self._accept(*TEXT_OPS)
        if sign is None:
            if self._accept(*NUMBER_OPS):
                self.position -= 1
                raise self._error(f"text is compared with {' '.join(TEXT_OPS)}")
            return np.array([text != "" for text in texts], bool)
        token = self._peek()
        if token is None or token[0] == "op":
            raise self._error("expected a text")
        self.position += 1
        wanted, contains = _folded(token[1]), sign.endswith("~")
        mask = np.array([_text_matches(name, wanted, contains, text) for text in texts], bool)
        return ~mask if sign.startswith("!") else mask


def _text_matches(field: str, wanted: str, contains: bool, text: str) -> bool:
    if contains:
        return wanted in text
    if field == "folder":  # and the folders below it
        return text == wanted or text.startswith(f"{wanted}/")
    if field in GENRE_FIELDS:  # any of several genres
        return plain(wanted) in (plain(text), *map(plain, split_genres(text)))
    return text == wanted


def _folded(text: str) -> str:
    """Text for comparison, without case and accents."""
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part))).casefold()
