"""What a server says of its model, checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import SliceSpec
from kgenre.core.errors import KgenreError
from kgenre.model.tasks import Task, task_from
from kgenre.model.unsure import rule_from

Size = Annotated[int, Field(ge=1, lt=1 << 31)]


class About(BaseModel):
    """The values of the signature `about` that are used here; docs/serving.md tells of each."""

    model_config = ConfigDict(frozen=True, strict=True, defer_build=True)

    task: str
    labels: list[str] = Field(min_length=1)
    sample_rate: float = Field(gt=0, le=1e7, allow_inf_nan=False)
    slice_samples: Size
    hop_samples: Size
    input: Literal["waveform", "spectrogram"] = WAVEFORM
    bins: int = Field(0, ge=0, le=1 << 20)
    thresholds: list[Annotated[float, Field(ge=0, le=1)]] = []
    parents: list[int] = []
    weights_revision: str = ""
    front_end_revision: str = ""
    leaky: str = ""
    unsure: str = ""

    @model_validator(mode="after")
    def _agrees(self):
        if (self.input == WAVEFORM) != (self.bins == 0):
            raise ValueError("`bins` must be there for spectrograms, and for nothing else")
        if self.input == WAVEFORM and not self.sample_rate.is_integer():
            raise ValueError("`sample_rate` of waveforms must be whole")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("`labels` must differ")
        if not {len(self.thresholds), len(self.parents)} <= {0, len(self.labels)}:
            raise ValueError("`thresholds` and `parents` must be as many as `labels`")
        if any(not -1 <= parent < len(self.labels) for parent in self.parents):
            raise ValueError("`parents` must be numbers of labels, or -1")
        rule_from(self.unsure)
        return self

    @property
    def spec(self) -> SliceSpec:
        rate = int(self.sample_rate) if self.input == WAVEFORM else self.sample_rate
        return SliceSpec(rate, self.slice_samples, self.hop_samples, self.bins)

    def make_task(self) -> Task:
        """Raises KgenreError: a task that kgenre does not know."""
        return task_from(self.model_dump())


def read_about(name: str, values: dict) -> About:
    """What the model of that name says of itself.

    Raises:
        KgenreError: it is not what kgenre exports, with the first fault.
    """
    try:
        return About(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        fault = f"it does not tell {place!r}" if first["type"] == "missing" else f"{place} {first['msg']}".strip()
        received = "" if first["type"] in ("missing", "value_error") else f". Received: {first['input']!r:.100}"
        raise KgenreError(f"{name}: not a model that kgenre exported: {fault}{received}.") from error
