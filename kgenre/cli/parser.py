"""The parser of a command: one line for a wrong flag."""

import argparse


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with a flag in one line, without the usage of thirty others before it.

    Flags are not abbreviated: an abbreviation may stand for one flag today, and for two in a later version.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, allow_abbrev=False, **options)

    def error(self, message: str):
        self.exit(2, f"kgenre: {message}. `{self.prog} --help` lists every flag.\n")


def make_parser(name: str, description: str, **options) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    return Parser(prog=f"kgenre {name}", description=description, formatter_class=formatter, **options)
