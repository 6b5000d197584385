"""What the API answers, as the OpenAPI document describes it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Probabilities = dict[str, Probability]
EXAMPLE_GENRES = {"jazz": 0.72, "blues": 0.2, "rock": 0.08}


class SliceAnswer(BaseModel):
    """A slice: its start in seconds, and its genres."""

    start: float
    genre: str
    genres: list[str]
    probabilities: Probabilities


class Answer(BaseModel):
    """The genres of a song."""

    file: str = Field(description="name of the file, as it was sent", examples=["song.mp3"])
    task: Literal["single", "multi"] = Field(description="one genre a song, or several")
    genre: str = Field(description='the one genre that stands for the answer, or "unsure"', examples=["jazz"])
    genres: list[str] = Field(
        description="all genres of the answer, the most probable first; none where it is unsure", examples=[["jazz"]]
    )
    seconds: float = Field(description="length of the song", examples=[183.4])
    slices: int = Field(description="slices that were analysed", examples=[62])
    note: str = Field(description="what is odd about the file; empty if nothing is", examples=[""])
    probabilities: Probabilities = Field(description="mean over the slices", examples=[EXAMPLE_GENRES])
    by_slice: list[SliceAnswer] = Field(
        examples=[[{"start": 0.0, "genre": "jazz", "genres": ["jazz"], "probabilities": EXAMPLE_GENRES}]]
    )
    tags: Probabilities | None = Field(
        None, description="tags of the default model; other models have none", examples=[{"guitar": 0.4, "slow": 0.1}]
    )


class Limits(BaseModel):
    """What a request may ask for."""

    max_upload_bytes: int
    max_minutes: float
    max_requests: int


class ModelAnswer(BaseModel):
    """The model that answers."""

    name: str = Field(examples=["default"])
    task: Literal["single", "multi"]
    labels: list[str] = Field(description="the genres that it knows", examples=[["blues", "jazz", "rock"]])
    slice_seconds: float = Field(description="length of a slice", examples=[3.0])
    has_tags: bool
    limits: Limits


class Status(BaseModel):
    """Whether the server is up; away: its model does not answer."""

    status: Literal["ok", "loading", "away"]


class ErrorAnswer(BaseModel):
    """Why a request was refused, in one sentence."""

    error: str = Field(examples=["not an audio file that can be read."])
