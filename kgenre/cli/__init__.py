"""What the commands share: parser, flags from settings, progress, exit codes, a quiet standard error."""

from kgenre.cli.flags import add_config_flags, check_file, config_flags
from kgenre.cli.parser import Parser, make_parser
from kgenre.cli.progress import BarProgress
from kgenre.cli.reading import add_slices_flag
from kgenre.cli.run import run
from kgenre.core.text import one_line

__all__ = [
    "BarProgress",
    "Parser",
    "add_config_flags",
    "add_slices_flag",
    "check_file",
    "config_flags",
    "make_parser",
    "one_line",
    "run",
]
