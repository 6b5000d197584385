"""What the commands share: flags from the config, one line for a user's error, a console."""

import argparse


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a flag in one line, without the usage of thirty others before it."""

    def error(self, message: str):
        self.exit(2, f"kgenre: {message}. `{self.prog} --help` tells of every flag.\n")


def make_parser(name: str, description: str) -> argparse.ArgumentParser:
    return Parser(prog=f"kgenre {name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
