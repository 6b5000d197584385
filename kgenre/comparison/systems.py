"""The tables of the five systems: what was published, and what their recipes reach here."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from kgenre.comparison.compare import compare, estimate, kept_costs
from kgenre.comparison.cost import Cost
from kgenre.comparison.preset import (
    Preset,
    as_begun,
    begun_epochs,
    check_budget,
    configuration,
    within_budget,
    without_cost,
)
from kgenre.comparison.rows import Row
from kgenre.comparison.table import Comparison, markdown, metric_text
from kgenre.core.errors import KgenreError
from kgenre.core.files import make_output_folder, write_json, write_text
from kgenre.core.progress import SILENT, Progress
from kgenre.core.text import one_line
from kgenre.recipes import SYSTEMS, Recipe

BUDGETS = "budgets.json"
COLUMNS = ("recipe", "published", "here", "seeds", "epochs, best", "training", "note")


class Systems:
    """A preset being run in a folder.

    costs: of its configurations, once they are estimated. failed: {name of a row: cause}, once they are run.
    """

    def __init__(self, preset: Preset, out: Path, budget: float | None, command: str, progress: Progress = SILENT):
        """budget: CPU-hours a run of a network, or None. command: the command line, for the tables.

        Raises:
            KgenreError: a budget, and no recipe of a network; or the folder has the name of a system.
        """
        check_budget(preset, budget)
        if out.name in SYSTEMS:
            raise KgenreError(
                f"`--out` must not have a system's name, which is that of its table in Markdown. Received: {out}. "
                f"Name another folder, such as {out.with_name(f'compare-{out.name}')}."
            )
        self.preset, self.out, self.budget, self.command, self.progress = preset, out, budget, command, progress
        self.costs: dict[str, Cost] = {}
        self.failed: dict[str, str] = {}

    def estimate(self) -> dict[str, str]:
        """Measures the costs, and lowers epochs to what the budget has time for; {configuration: cause} of failures."""
        self.costs, causes = estimate(self.preset.rows, self.out, self.progress)
        if self.budget is not None:
            self.preset = without_cost(self.preset, causes)
            self.preset, self.costs = within_budget(self.preset, self.costs, self.budget, self.out)
        return causes

    def run(self, parallel: int, finished: bool) -> dict[str, str]:
        """Runs the rows that are not finished, or none of them, and writes systems.md beside the tables of `compare`.

        Returns:
            {system: its table}, and the rows that were measured, of all systems, by the name of the folder.

        Raises:
            KgenreError: none of the rows is finished, and none is to be run.
        """
        if not finished:
            make_output_folder(self.out)
            self._keep_budgets()
        comparison = self._finished() if finished else self._run(self.preset.rows, parallel)
        self.failed = comparison.failed if comparison else {}
        tables = system_tables(self.preset, comparison, _kept_budgets(self.out))
        write_text(self.out / "systems.md", tables_text(tables))
        return {**tables, self.out.name: measured_table(self.preset, comparison)}

    def _finished(self) -> Comparison | None:
        self.preset = as_begun(self.preset, self.out)
        rows = [row for row in self.preset.rows if row.finished(self.out)]
        if not rows:
            raise KgenreError(f"{self.out}: holds no finished row of the preset. Name its folder with --out.")
        return self._run(rows, 1)

    def _keep_budgets(self) -> None:
        """A network whose rows were begun keeps the budget that they had."""
        before, begun = _kept_budgets(self.out), begun_epochs(self.preset, self.out)
        new = [row.configuration for row in self.preset.rows if row.network and row.configuration not in begun]
        write_json(self.out / BUDGETS, {**before, **dict.fromkeys(new, self.budget)})

    def _run(self, rows: Sequence[Row], parallel: int) -> Comparison | None:
        costs = self.costs or kept_costs(self.out)
        return compare(rows, costs, self.out, parallel, self.command, self.progress) if rows else None


def _kept_budgets(out: Path) -> dict[str, float | None]:
    """{configuration: CPU-hours a run, None for no limit} of the networks that were begun in a folder."""
    path = out / BUDGETS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def system_tables(preset: Preset, comparison: Comparison | None, budgets: Mapping[str, float | None]) -> dict[str, str]:
    """{system: its table as Markdown, below what all rows have in common}.

    Args:
        comparison: of the finished rows; None where there is none.
        budgets: {configuration: CPU-hours a run, or None}.
    """
    measured = {row["configuration"]: row for row in comparison.rows} if comparison else {}
    found = {}
    for system in SYSTEMS:
        recipes = [recipe for recipe in preset.recipes if recipe.system == system]
        if recipes:
            cells = [row_cells(recipe, preset, measured, comparison) for recipe in recipes]
            head = [f"- published protocol: {protocols_text(recipes)}", *head_lines(comparison, recipes, budgets)]
            found[system] = "\n".join(head) + "\n\n" + markdown(COLUMNS, cells)
    return found


def protocols_text(recipes: Sequence[Recipe]) -> str:
    """The protocol of most of the recipes, and of which ones it is another."""
    count = Counter(recipe.protocol for recipe in recipes)
    (most, _), *others = count.most_common()
    rest = [(protocol, [_cell(recipe) for recipe in recipes if recipe.protocol == protocol]) for protocol, _ in others]
    return "; ".join([most, *(f"of {', '.join(names)}: {protocol}" for protocol, names in rest)])


def _cell(recipe: Recipe) -> str:
    return f"`{recipe.name}`"


def measured_table(preset: Preset, comparison: Comparison | None) -> str:
    """The recipes that were measured, in short."""
    if comparison is None:
        return "not measured yet"
    measured = {row["configuration"]: row for row in comparison.rows if row["seeds"]}
    found = [recipe for recipe in preset.recipes if configuration(recipe) in measured]
    cells = [row_cells(recipe, preset, measured, comparison) for recipe in found]
    rows = [(f"`{recipe.name}`", one[1], *one[2:4]) for recipe, one in zip(found, cells)]
    return markdown(("recipe", "published", "here", "seeds"), rows)


def head_lines(
    comparison: Comparison | None, recipes: Sequence[Recipe], budgets: Mapping[str, float | None]
) -> list[str]:
    """Data, protocol, overlap, budgets and command, as lines of a list; none where nothing is measured."""
    if comparison is None:
        return []
    lines = [f"- {title}: {one_line(fact)}" for title, facts in comparison.head.items() for fact in facts]
    if text := budgets_text(recipes, budgets):
        lines.append(f"- budget: {text}; where they end early, so do its epochs")
    return [*lines, f"- command: `{one_line(comparison.command)}`"]


def budgets_text(recipes: Sequence[Recipe], budgets: Mapping[str, float | None]) -> str:
    """CPU-hours a run of a network, and which have others; "" where none has a limit."""
    by_hours = {}
    for recipe in recipes:
        if hours := budgets.get(configuration(recipe)):
            by_hours.setdefault(hours, []).append(_cell(recipe))
    most = sorted(by_hours.items(), key=lambda one: -len(one[1]))
    others = [f"{hours:g} of {', '.join(names)}" for hours, names in most[1:]]
    return "; ".join([f"{most[0][0]:g} CPU-hours a run of a network", *others]) if most else ""


def row_cells(recipe: Recipe, preset: Preset, measured: Mapping[str, dict], comparison: Comparison | None) -> list[str]:
    row, one = measured.get(configuration(recipe)), preset.row(recipe)
    found = bool(row and row["seeds"])
    main = next(iter(comparison.metrics)) if comparison else ""
    return [
        _cell(recipe),
        "-" if recipe.accuracy is None else f"{recipe.accuracy}",
        metric_text(comparison.task, row["metrics"][main]) if found else "-",
        str(row["seeds"]) if found else "-",
        _epochs(one, row, preset) if found else "-",
        f"{row['train_seconds'] / 60:.1f} min" if found and row["train_seconds"] is not None else "-",
        _note(recipe, preset, found, comparison),
    ]


def _epochs(one: Row, row: dict, preset: Preset) -> str:
    """Those planned, of the recipe's if they are fewer, and the best of each seed."""
    if one.network is None:
        return "-"
    planned, wanted = one.settings["epochs"], preset.epochs[one.configuration]
    text = f"{planned}" if planned == wanted else f"{planned} of {wanted}"
    return f"{text}, best {' '.join(map(str, row['best_epochs']))}"


def _note(recipe: Recipe, preset: Preset, found: bool, comparison: Comparison | None) -> str:
    if recipe.name in preset.reasons:
        return f"not run here: {preset.reasons[recipe.name]}: `{recipe.line}`"
    failed = comparison.failed if comparison else {}
    causes = [cause for name, cause in failed.items() if name.rpartition("-seed-")[0] == configuration(recipe)]
    if causes and not found:
        return f"not run here: {one_line(causes[0])} `{recipe.line}`"
    parts = [preset.instead.get(recipe.name, ""), "" if found else "not measured yet"]
    return "; ".join(filter(None, [*parts, *(f"a seed failed: {one_line(cause)}" for cause in causes[:1])]))


def tables_text(tables: Mapping[str, str]) -> str:
    """All tables below their systems' names."""
    return "\n\n".join(f"## {SYSTEMS[system]}\n\n{table}" for system, table in tables.items()) + "\n"


def default_folder(names: list[str], data: str) -> Path:
    """models/compare-PRESET-DATA."""
    return Path("models") / f"compare-{'-'.join(names).replace('/', '-')}-{Path(data).stem}"
