"""What the commands share: parser, flags from settings, progress, exit codes, a quiet standard error."""

from kgenre.cli.flags import add_config_flags, check_file, config_flags
from kgenre.cli.parser import Parser, make_parser
from kgenre.cli.progress import progress
from kgenre.cli.run import list_failures, one_line, run

__all__ = [
    "Parser",
    "add_config_flags",
    "check_file",
    "config_flags",
    "list_failures",
    "make_parser",
    "one_line",
    "progress",
    "run",
]
