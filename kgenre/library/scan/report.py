"""What a scan reports."""

from collections import Counter
from dataclasses import dataclass, field

from kgenre.library.records import Space


@dataclass
class Report:
    """What a scan did.

    space: where the model's answers are.
    counts: number of files by "unchanged", "returned" (there again as they were), "removed", "analysed",
        "copies" (analysed under another name), "moved", "tagged" (other tags, the same audio) and "failed".
    failures: {path: reason} of this scan; the library keeps those of all scans.
    seconds_analysed: audio that the model was given.
    """

    space: Space
    counts: Counter = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    seconds_analysed: float = 0.0

    @property
    def done(self) -> int:
        """Files that were opened."""
        return sum(self.counts[name] for name in ("analysed", "copies", "moved", "tagged", "failed"))
