"""What the commands share: parser, flags from settings, progress, exit codes, a quiet standard error."""

from kgenre.cli.engines import ENGINE_FLAGS, add_engine_flags, engine_settings, print_part, stoppable
from kgenre.cli.flags import (
    add_settings_flags,
    check_file,
    check_local,
    parse_applicable,
    settings_from,
)
from kgenre.cli.parser import Parser, make_parser
from kgenre.cli.progress import BarProgress
from kgenre.cli.reading import add_reading_flags, read_policy
from kgenre.cli.resuming import add_run_flags, resumed_values, run_to_resume
from kgenre.cli.run import run, run_applicable
from kgenre.cli.wording import (
    add_collection_flags,
    add_data_flag,
    add_evaluated_flags,
    add_model_flag,
    add_runtime_flag,
    add_unsure_flag,
    collection_options,
    unsure_rule,
    warn_if_leaky,
)
from kgenre.core.text import one_line

__all__ = [
    "ENGINE_FLAGS",
    "BarProgress",
    "Parser",
    "add_settings_flags",
    "add_collection_flags",
    "add_data_flag",
    "add_engine_flags",
    "add_evaluated_flags",
    "add_model_flag",
    "add_reading_flags",
    "add_run_flags",
    "add_runtime_flag",
    "add_unsure_flag",
    "read_policy",
    "check_file",
    "check_local",
    "collection_options",
    "engine_settings",
    "make_parser",
    "one_line",
    "parse_applicable",
    "print_part",
    "resumed_values",
    "run",
    "run_applicable",
    "run_to_resume",
    "settings_from",
    "stoppable",
    "unsure_rule",
    "warn_if_leaky",
]
