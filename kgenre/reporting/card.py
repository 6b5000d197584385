"""The model card of a run: README.md in its folder, in Hugging Face's form.

It says what the model is, how good it is and at what it is bad, in the figures of metrics.json. A card that somebody
edited, or wrote, is never overwritten: the last line of ours holds the hash of what stands above it.
"""

import hashlib
from pathlib import Path

from kgenre.core.files import write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.reporting.card_header import front_matter
from kgenre.reporting.card_parts import PARTS
from kgenre.reporting.card_results import escaped
from kgenre.training.run import Run

FILE = "README.md"
MARK = "<!-- written by kgenre, "


def write_card(run: Run, metrics: dict, progress: Progress = SILENT) -> bool:
    """Writes README.md in the run folder; returns False, and leaves it, where there is one that is not ours.

    Args:
        metrics: as metrics.json of the run has them.
    """
    path = run / FILE
    if path.exists() and not is_ours(path):
        progress.line(f"{path}: not written by kgenre, or edited: left as it is. Remove it to get a new model card.")
        return False
    text = model_card(run, metrics)
    write_text(path, f"{text}\n{_mark(text)}\n")
    return True


def is_ours(path: Path) -> bool:
    """Whether a file is a card as `write_card` left it."""
    try:
        text, _, mark = path.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n").rpartition("\n")
    except OSError:
        return False
    return mark == _mark(text)


def _mark(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{MARK}{digest[:16]} -->"


def model_card(run: Run, metrics: dict) -> str:
    """The card in Markdown, with its front matter.

    Args:
        run: a finished run.
        metrics: as metrics.json of the run has them.
    """
    name = run.folder.resolve().name
    lines = [front_matter(name, run.load_settings().arch, metrics), "", f"# {escaped(name)}"]
    if metrics["leaky"]:
        lines += [
            "",
            f"> **LEAKY: {escaped(metrics['leaky'])}.** Every figure below is too high. Music by other artists will be "
            "answered worse; how much worse, these figures cannot tell.",
        ]
    for title, part in PARTS.items():
        if content := part(run, metrics):
            lines += ["", f"## {title}", "", *content] if title else ["", *content]
    return "\n".join(lines) + "\n"
