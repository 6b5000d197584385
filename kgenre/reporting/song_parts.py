"""The parts of one song's page. What a song or a model cannot have raises LeftOut, with the reason."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from kgenre.audio.decode import decode
from kgenre.audio.inputs import WAVEFORM
from kgenre.audio.slicing import repeat_to_length
from kgenre.reporting.excerpts import excerpt_url
from kgenre.reporting.figures import figure_element
from kgenre.reporting.section import LeftOut
from kgenre.reporting.song import Song
from kgenre.reporting.song_figures import bars_figure, heat_figure, song_figure
from kgenre.reporting.song_spectrogram import song_spectrogram
from kgenre.serving.occlusion import heat_map

TAGS = 15  # bars
LIKELY = 0.5  # of tags whose bars stand out
MOST_SOUND_SECONDS = 30.0  # of the player: the longest slice of the models of the package
LEAST_LOSS = 0.02  # of a cell that is worth naming


def over_time(song: Song) -> Markup:
    prediction, spec = song.prediction, song.model.slice_spec
    spectrogram = None
    if spec.input == WAVEFORM:
        spectrogram = song_spectrogram(prediction.path, prediction.seconds, song.policy.decoder)
    figure = song_figure(prediction, spectrogram, spec.slice_seconds, song.deciding)
    return figure_element(figure, "over-time", "Spectrogram and genres over time")


def genre_bars(song: Song) -> Markup:
    found, chosen = song.prediction.top(None), set(song.prediction.genres)
    return figure_element(bars_figure(found, chosen, "genre"), "genres", "The probability of every genre")


def tag_bars(song: Song) -> Markup:
    model, slices = song.model, song.prediction.slices
    if model.tag_layer is None:
        raise LeftOut(f"{model.name} has no tags beside its genres")
    found = dict(list(model.tags(slices).items())[:TAGS])
    figure = bars_figure(found, {name for name, p in found.items() if p >= LIKELY}, "tag")
    return figure_element(figure, "tags", "The most probable tags")


def heat_map_of(song: Song) -> dict:
    """The figure, and what is to be said of it."""
    spec = song.model.slice_spec
    if spec.input != WAVEFORM:
        raise LeftOut("the song is a spectrogram, of which no part can be silenced as of a sound")
    samples = decode(
        song.prediction.path, spec.sample_rate, song.start, spec.slice_seconds, song.policy.decoder
    ).samples
    heat = heat_map(song.model, repeat_to_length(samples, spec.slice_samples), spec.sample_rate, song.label)
    largest = float(heat.heat.max())
    figure = heat_figure(heat, song.start, spec.slice_seconds)
    return {
        "plot": figure_element(figure, "heat", "The slice's spectrogram, and what decided in it"),
        "whole": heat.probability,
        "least": heat.probability - largest,
        "named": largest >= LEAST_LOSS,
    }


def sound(song: Song) -> str:
    if not song.audio:
        raise LeftOut("--no-audio")
    spec = song.model.slice_spec
    if spec.input != WAVEFORM:
        raise LeftOut("the song is a spectrogram")
    return excerpt_url(song.prediction.path, song.start, spec.slice_seconds, song.policy.decoder, MOST_SOUND_SECONDS)


def nearest(song: Song) -> Sequence:
    if isinstance(song.train, LeftOut):
        raise song.train
    return song.train.nearest(song.prediction.path, np.asarray(song.prediction.embedding))
