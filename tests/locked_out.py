"""A package that looks installed, but cannot be imported: what passes with TensorFlow locked out needs none of it."""

import sys
from importlib.machinery import ModuleSpec


class LockedOut:
    def __init__(self, package: str):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == self.package else None

    def create_module(self, spec):
        raise ModuleNotFoundError(spec.name + " is locked out", name=spec.name)

    def exec_module(self, module):
        pass


def lock_out(package: str) -> None:
    sys.meta_path.insert(0, LockedOut(package))
