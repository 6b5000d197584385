"""Where a model comes from, for processes that open one of their own."""

import os
from dataclasses import dataclass, field

from kgenre.core.errors import KgenreError
from kgenre.core.files import lasting_name
from kgenre.serving.model import Model
from kgenre.serving.runtimes import AUTO


@dataclass(frozen=True)
class ModelSource:
    """A model by its name, which other processes open again; in this one it may be open already.

    name: as `open_model` takes it; None for the default model, False for one that has no name to open it by.
    runtime: as `open_model` takes it.
    opened: the model; it stays in this process.
    """

    name: object = None
    runtime: str = AUTO
    opened: Model | None = field(default=None, compare=False)

    def open(self, threads: int | None = None) -> Model:
        """The model.

        Args:
            threads: that it may compute with; as many as it likes if not given.

        Raises:
            KgenreError: as `open_model`; or it cannot be opened in another process.
        """
        if self.opened is not None:
            return self.opened
        if self.name is False:
            raise KgenreError("This model has no name or path that another process could open it by.")
        from kgenre.serving.catalogue import open_model

        if threads:  # TensorFlow reads these when it is imported
            os.environ.update(TF_NUM_INTRAOP_THREADS=str(threads), TF_NUM_INTEROP_THREADS="1")
        model = open_model(self.name, self.runtime)
        if threads:
            model.limit_threads(threads)
        return model

    def __getstate__(self) -> dict:
        name = self.name and lasting_name(str(self.name))  # workers have another current folder
        return {"name": name, "runtime": self.runtime, "opened": None}
