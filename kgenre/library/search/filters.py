"""The filter of `kgenre find`: a small language over genres, tags, years and folders.

    jazz > 0.6 and not instrumental
    year >= 1970 and year < 1980 and (artist = "Miles Davis" or folder ~ fusion)
    genre = rock and predicted != rock

    filter      ANY of `a or b`, `a and b`, `not a`, `( a )`, a comparison, or a bare name
    comparison  NAME OP VALUE, with = != > >= < <= for numbers, = != ~ !~ for text; ~ is "contains"
    names       genres, of the model or of the retrained head: their strength from 0 to 1; bare, "at least 0.5"
                the default model's tags that are no genre of it: likewise; bare, "at least 0.2"
                predicted, confidence: the strongest label and its strength; corrected: what the listener said
                title, artist, album, genre, folder, path, year, seconds: of tags and files; bare, "is known"
    values      60% is 0.6; what has spaces or brackets goes in quotes; case does not matter
                a genre or tag that is named like a field goes in quotes: 'title' > 0.5

`and` binds closer than `or`. A year that is unknown is neither above nor below any other.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from kgenre.core.errors import KgenreError, check_known
from kgenre.library.genre_names import plain
from kgenre.library.head import Prediction

BARE_STRENGTH = 0.5
BARE_TAG = 0.2  # the strengths of tags are small: the strongest of a song may well be 0.2
MAX_DEPTH = 50  # of brackets; deeper ones would exhaust Python's stack before any reader's
GENRES = ("genre", "predicted", "corrected")
TEXTS = ("title", "artist", "album", "folder", "path", *GENRES)
NUMBERS = ("year", "seconds", "confidence")
NUMBER_OPS = {"=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt,
              "<=": operator.le}  # fmt: skip
TEXT_OPS = ("=", "!=", "~", "!~")
TOKEN = re.compile(r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<op>>=|<=|!=|==|!~|[<>=~()])|(?P<word>[^\s()<>=~!"']+))""")


def matching(
    text: str,
    songs: pd.DataFrame,
    labels: Iterable[str],
    tags: Iterable[str] = (),
    tag_table: Callable[[], pd.DataFrame] | None = None,
) -> np.ndarray:
    """Which songs a filter lets through: bool (songs,).

    Args:
        text: the filter.
        songs: of `song_table`.
        labels: names of the columns that hold strengths, as the model calls them.
        tags: names of the columns of the table that `tag_table` gives; it is called where the filter has one.

    Raises:
        KgenreError: not a filter, or a name that is none.
    """
    return _Reading(text, songs, labels, tags, tag_table).whole()


def song_table(library, prediction: Prediction) -> pd.DataFrame:
    """Tracks of a library with their genres: `tracks()`, predicted, confidence, and "strength of " each label.

    Strengths are NaN and `predicted` is "" for tracks that the prediction does not hold.
    """
    table, (labels, ids, strengths) = library.tracks(), prediction
    strengths = pd.DataFrame(strengths.reshape(len(ids), len(labels)), index=ids)
    strengths = strengths.reindex(table.index).to_numpy("float32")
    known = ~np.isnan(strengths).any(axis=1)
    best = np.where(known, np.where(np.isnan(strengths), 0, strengths).argmax(axis=1), -1)
    table["predicted"] = pd.Series([labels[i] if i >= 0 else "" for i in best], table.index, dtype=object)
    table["confidence"] = np.where(known, strengths.max(axis=1), np.nan)
    table["corrected"] = pd.Series(library.corrections(), dtype=object).reindex(table.index).fillna("")
    columns = {strength(label): strengths[:, i] for i, label in enumerate(labels)}
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)


def strength(label: str) -> str:
    """The column of a label's strengths; a label may be named like a tag."""
    return f"strength of {label}"


class _Reading:
    """A filter that is being read; each rule of the grammar is a method that returns a mask."""

    def __init__(self, text: str, songs: pd.DataFrame, labels, tags, tag_table):
        self.text, self.songs, self.tag_table, self.place, self.depth = text, songs, tag_table, 0, 0
        self.labels = {_plain(label): label for label in labels}
        self.tags = {_plain(tag): tag for tag in tags}
        self.tokens = self._split()

    def whole(self) -> np.ndarray:
        if not self.tokens:
            raise KgenreError("The filter is empty. Example: jazz > 0.6 and not instrumental.")
        mask = self._any()
        if self._peek() is not None:
            raise self._fault("expected `and`, `or` or the end (texts with spaces go in quotes)")
        return mask

    def _split(self) -> list[tuple[str, str, int]]:
        """(kind, text, place) of each token."""
        tokens, place, end = [], 0, len(self.text.rstrip())
        while place < end:
            match = TOKEN.match(self.text, place)
            if match is None:
                raise KgenreError(f"Filter {self.text!r}: not understood from {self.text[place:].strip()!r} on.")
            kind, content = match.lastgroup, match[match.lastgroup]
            tokens.append((kind, content[1:-1] if kind == "quoted" else content.replace("==", "="), match.start(kind)))
            place = match.end()
        return tokens

    def _peek(self):
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _accept(self, *texts: str) -> str | None:
        """Takes the next token if it is one of these words or signs."""
        token = self._peek()
        if token is None or token[0] == "quoted" or token[1].lower() not in texts:
            return None
        self.place += 1
        return token[1].lower()

    def _fault(self, rule: str) -> KgenreError:
        token = self._peek()
        there = "the end" if token is None else f"{token[1]!r} at character {token[2] + 1}"
        return KgenreError(f"Filter {self.text!r}: {rule}. Received: {there}.")

    def _any(self) -> np.ndarray:
        mask = self._all()
        while self._accept("or"):
            mask = mask | self._all()
        return mask

    def _all(self) -> np.ndarray:
        mask = self._one()
        while self._accept("and"):
            mask = mask & self._one()
        return mask

    def _one(self) -> np.ndarray:
        negated = False
        while self._accept("not"):
            negated = not negated
        mask = self._bracket() if self._accept("(") else self._comparison()
        return ~mask if negated else mask

    def _bracket(self) -> np.ndarray:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise KgenreError(f"The filter has more than {MAX_DEPTH} brackets within each other.")
        mask = self._any()
        self.depth -= 1
        if not self._accept(")"):
            raise self._fault("a bracket is not closed: expected `)`")
        return mask

    def _comparison(self) -> np.ndarray:
        token = self._peek()
        if token is None or token[0] == "op" or (token[0] == "word" and token[1].lower() in ("and", "or")):
            raise self._fault("expected a name or `(`")
        self.place += 1
        kind, name = token[0], _plain(token[1])
        is_field = kind == "word" and name in (*TEXTS, *NUMBERS)
        if not (is_field or name in self.labels or name in self.tags):
            if kind == "quoted" and name in (*TEXTS, *NUMBERS):
                raise KgenreError(
                    f"Filter {self.text!r}: in quotes {token[1]!r} is a genre's name. Leave the quotes out."
                )
            names = [*TEXTS, *NUMBERS, *self.labels.values(), *self.tags.values()]
            longer = next((known for known in names if known.casefold().startswith(f"{name} ")), None)
            if longer and kind == "word":
                raise KgenreError(f"Filter {self.text!r}: names with spaces go in quotes, as '{longer}'.")
            check_known("name", token[1], names, f"Filter {self.text!r}: ")
        if is_field:
            return self._text(name) if name in TEXTS else self._number(self.songs[name].to_numpy("float64"), None)
        if name in self.labels:
            return self._number(self.songs[strength(self.labels[name])].to_numpy("float64"), BARE_STRENGTH)
        return self._number(self.tag_table()[self.tags[name]].to_numpy(), BARE_TAG)

    def _number(self, values: np.ndarray, bare: float | None) -> np.ndarray:
        sign = self._accept(*NUMBER_OPS)
        if sign is None:
            if self._accept("~", "!~"):
                self.place -= 1
                raise self._fault(f"numbers are compared with {' '.join(NUMBER_OPS)}")
            return ~np.isnan(values) if bare is None else values >= bare
        value = self._number_value()
        if bare is not None and value > 1:
            self.place -= 1
            raise self._fault("strengths go from 0 to 1, or to 100%: expected such a number")
        return NUMBER_OPS[sign](values, value)

    def _number_value(self) -> float:
        token = self._peek()
        match = token and re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+))(%?)", token[1])
        if not match:
            raise self._fault("expected a number")
        self.place += 1
        return float(match[1]) / (100 if match[2] else 1)

    def _text(self, name: str) -> np.ndarray:
        texts = [_plain(text) for text in self.songs[name]]
        sign = self._accept(*TEXT_OPS)
        if sign is None:
            if self._accept(*NUMBER_OPS):
                self.place -= 1
                raise self._fault(f"text is compared with {' '.join(TEXT_OPS)}")
            return np.array([text != "" for text in texts], bool)
        token = self._peek()
        if token is None or token[0] == "op":
            raise self._fault("expected a text")
        self.place += 1
        wanted = _plain(token[1])
        if sign in ("=", "!=") and name == "folder":
            mask = np.array([text == wanted or text.startswith(f"{wanted}/") for text in texts], bool)
        elif sign in ("=", "!=") and name in GENRES:
            letters = plain(wanted)
            mask = np.array([plain(text) == letters for text in texts], bool)
        elif sign in ("=", "!="):
            mask = np.array([text == wanted for text in texts], bool)
        else:
            mask = np.array([wanted in text for text in texts], bool)
        return ~mask if sign.startswith("!") else mask


def _plain(text: str) -> str:
    """Text as it is compared: neither case counts nor an accent."""
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part))).casefold()
