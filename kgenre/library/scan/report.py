"""What a scan reports."""

from collections import Counter
from dataclasses import dataclass, field

from kgenre.library.records import Space


@dataclass
class Report:
    """What a scan did.

    space: where the model's answers are.
    counts: number of files by "unchanged", "returned" (there again as they were), "removed", "analysed",
        "copies" (analysed under another name), "moved", "tagged" (other tags, the same audio), "refined" (analysed
        whole after a first pass), "postponed" (by a first pass, to be read whole) and "failed".
    failures: {path: reason} of this scan; the library keeps those of all scans.
    opened: paths that are in one of the counts after "removed".
    seconds_analysed: audio that the model was given.
    """

    space: Space
    counts: Counter = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    seconds_analysed: float = 0.0

    @property
    def done(self) -> int:
        """Files that were opened."""
        names = ("analysed", "copies", "moved", "tagged", "refined", "postponed", "failed")
        return sum(self.counts[name] for name in names)

    def followed_by(self, second: "Report") -> "Report":
        """This first pass and the one that completed it, as one.

        Tracks that the second pass left as they were are not counted, and for those that failed in the first and were
        tried again, only the second result counts.
        """
        new = Counter({name: n for name, n in second.counts.items() if name not in ("unchanged", "returned")})
        again = self.failures.keys() & self.opened & second.opened
        counts = self.counts + new - Counter(failed=len(again))
        del counts["postponed"]
        failures = {path: why for path, why in self.failures.items() if path not in again} | second.failures
        seconds = self.seconds_analysed + second.seconds_analysed
        return Report(second.space, counts, failures, self.opened | second.opened, seconds)
