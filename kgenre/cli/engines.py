"""The flags of where a command computes: --engine, --part K/N and what belongs to them."""

import argparse
import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from kgenre.cli.flags import add_settings_flags, settings_from
from kgenre.core.errors import KgenreError
from kgenre.engines.folder import PartsFolder, parts_of
from kgenre.engines.plan import Plan
from kgenre.engines.settings import EngineSettings

ENGINE_FLAGS = tuple(EngineSettings.model_fields)


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --engine, --part, --parts-folder and the flags of workers."""
    group = parser.add_argument_group("where it is computed")
    add_settings_flags(group, EngineSettings, *ENGINE_FLAGS)


def engine_settings(args: argparse.Namespace) -> EngineSettings:
    """What the flags of `add_engine_flags` say.

    Raises:
        KgenreError: a value that is none, or a flag of Ray without it.
    """
    settings = settings_from(EngineSettings, args)
    if settings.engine != "ray":
        for name in ("ray_address", "worker_cpus", "worker_gpus", "worker_memory_gib", "ray_log"):
            if name in args:
                flag = "--" + name.replace("_", "-")
                raise KgenreError(
                    f"{flag} applies to --engine ray. Received: --engine {settings.engine}. Leave it out."
                )
    settings.check()  # before the model is opened
    return settings


@contextlib.contextmanager
def stoppable(settings: EngineSettings, out: Path, kept: Path | None = None) -> Iterator[None]:
    """Within it, Ctrl-C says how to go on; `kept` is where the results are, if not in the folder of parts."""
    try:
        yield
    except KeyboardInterrupt:
        folder = parts_of(settings, out)
        if PartsFolder(folder, "").has_plan:
            print(f"What is done is kept in {kept or folder}. To go on, repeat the command.", file=sys.stderr)
        raise


def print_part(settings: EngineSettings, out: Path, n_items: int, unit: str = "tracks") -> None:
    """Says what a part K/N holds, and what comes when all are done."""
    folder = parts_of(settings, out)
    k, n = settings.fraction
    print(f"part {k} of {n}: {n_items} {unit}, in {folder}")
    if not PartsFolder(folder, "").has_plan:  # it has no chunk, and others have not begun
        return
    plan = Plan.read(folder)
    merge = f"kgenre merge {shlex.quote(folder)} --out {shlex.quote(str(out))}"
    if missing := plan.missing(PartsFolder(folder, plan.suffix)):
        print(f"to come: --part K/{plan.n_parts} for K={','.join(map(str, missing))}, then {merge}")
    else:
        print(f"all parts are there; next: {merge}")
