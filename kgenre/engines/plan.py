"""The plan of parts: which chunks there are, of what settings; kept in the folder for whoever merges the parts."""

from dataclasses import dataclass

from kgenre.core.errors import KgenreError
from kgenre.engines.chunks import Chunk, make_chunks
from kgenre.engines.folder import PartsFolder
from kgenre.engines.work import Items, Work


@dataclass(frozen=True)
class Plan:
    """What a folder of parts is to hold.

    kind, settings, suffix: of the Work.
    chunks: all of them.
    n_parts: N of --part K/N.
    about: what the merge of this kind needs to know beside.
    """

    kind: str
    settings: dict
    suffix: str
    chunks: list[Chunk]
    n_parts: int
    about: dict

    @staticmethod
    def of(work: Work, items: Items, n_parts: int, about: dict) -> "Plan":
        return Plan(work.kind, work.settings, work.suffix, make_chunks(items, work.settings), n_parts, about)

    @staticmethod
    def read(url: str) -> "Plan":
        """The plan of a folder of parts.

        Raises:
            KgenreError: there is none, or it is damaged.
        """
        values = PartsFolder(url, "").read_plan()
        try:
            chunks = [Chunk(number, items, key) for number, (key, items) in enumerate(values.pop("chunks"))]
            return Plan(chunks=chunks, **values)
        except (TypeError, ValueError, KeyError) as error:
            raise KgenreError(f"{url}: its plan is of another version ({error}). Repeat the command.") from error

    @property
    def items(self) -> Items:
        """{name: data} of all chunks, in order."""
        return {name: data for chunk in self.chunks for name, data in chunk.items.items()}

    def write(self, folder: PartsFolder) -> None:
        """Writes it into the folder, unless it is there."""
        chunks = [[chunk.key, dict(chunk.items)] for chunk in self.chunks]
        folder.write_plan({**vars(self), "chunks": chunks})

    def check(self, folder: PartsFolder, is_whole: bool) -> None:
        """Compares with the plan that the folder has.

        Args:
            is_whole: whether the run computes all parts; other parts of the same settings are then left alone.

        Raises:
            KgenreError: parts of other work or settings; or, where others compute parts too, of other items.
        """
        if not folder.has_plan:
            return
        held = Plan.read(folder.url)
        if held.kind != self.kind or held.settings != self.settings:
            what = f"of `{held.kind}`" if held.kind != self.kind else _difference(held.settings, self.settings)
            raise KgenreError(
                f"{folder}: holds parts {what}. Name another folder with --parts-folder, or delete this one."
            )
        if not is_whole and [chunk.key for chunk in held.chunks] != [chunk.key for chunk in self.chunks]:
            raise KgenreError(
                f"{folder}: holds parts of another list of tracks ({len(held.items)}, now {len(self.items)}), or tracks"
                " have changed since. Name another folder with --parts-folder, or delete this one."
            )

    def missing(self, folder: PartsFolder) -> list[int]:
        """The K of the parts K/N of which a chunk is not there."""
        there = folder.keys()
        return sorted({c.number % self.n_parts + 1 for c in self.chunks if c.key not in there})

    def names(self, folder: PartsFolder) -> list[str]:
        """The files of all chunks, in order; all are there."""
        there = folder.keys()
        return [there[chunk.key] for chunk in self.chunks]


def _difference(held: dict, now: dict, where: str = "") -> str:
    """The first setting that differs, for people: "with slice_seconds=3.0, now 5.94"."""
    for name in {**held, **now}:
        one, other = held.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict) and one != other:
            return _difference(one, other)
        if one != other:
            return f"with {name}={one}, now {other}"
    return "of other settings"
