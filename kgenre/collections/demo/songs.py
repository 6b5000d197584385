"""The songs of the demo collection: their plan, drawn from a seed, and their sound."""

from dataclasses import dataclass

import numpy as np
import soxr

from kgenre.collections.demo import synth
from kgenre.collections.demo.genres import GENRES, Part
from kgenre.collections.demo.synth import Fx
from kgenre.core.errors import KgenreError, check_known

RATES = (22050, 44100, 48000)
FORMATS = ("mp3", "ogg", "flac", "wav")
RMS_DB = (-29.0, -17.0)  # with the crest below, peaks stay under -2 dB: room for what lossy coding adds
CREST_DB = (11.0, 15.0)
FIRST = (
    "Amber Blue Copper Distant Early Faded Golden Hidden Hollow Idle Ivory Late Little Lonely Mellow Midnight Northern "
    "Open Painted Paper Quiet Restless Rusty Scarlet Second Silver Slow Summer Velvet Wandering"
).split()
SECOND = (
    "Anchor Avenue Bridge Cabin Canyon Carousel Cloud Compass Courtyard Daybreak Embers Ferry Fields Garden Harbour "
    "Horizon Lantern Letter Meadow Mirror Orchard Postcard River Rooftop Signal Staircase Station Tide Valley Window"
).split()


@dataclass(frozen=True)
class Artist:
    """An artist's sound; each parameter differs from those of the genre's other artists."""

    name: str
    slot: int  # position in the genre's table; selects voices and patterns
    kit: str
    bpm: tuple[float, float]
    keys: tuple[int, ...]  # transpositions in semitones
    cents: float  # tuning
    dark: float  # added to the slope of every instrument's spectrum
    tilt_db: float
    noise_db: float  # noise floor under the music
    reverb_seconds: float
    room: float  # factor on what is sent to the reverb
    swing: float


@dataclass(frozen=True)
class Song:
    """A row of the plan: what a file will be, known before a note is rendered."""

    seed: int
    genre: str
    index: int  # position within the genre
    artist: str
    album: str
    title: str
    track_id: str
    path: str  # relative to the manifest
    seconds: float
    format: str
    rate: int
    channels: int
    rms_db: float
    crest_db: float


def artist_of(seed: int, genre: str, slot: int) -> Artist:
    """The artist in a genre's `slot`, 0 to the number of its artists."""
    row = GENRES[genre]
    names, kits = row.artists.split("/"), row.kits.split()
    rng = np.random.default_rng([seed, list(GENRES).index(genre), 1 << 20])  # shared by the genre's artists

    def dial(low: float, high: float) -> float:
        return low + (high - low) * (rng.permutation(len(names))[slot] + 0.5) / len(names)

    bpm = dial(*row.bpm)
    return Artist(
        name=names[slot],
        slot=slot,
        kit=kits[slot % len(kits)],
        bpm=(max(row.bpm[0], 0.88 * bpm), min(row.bpm[1], 1.12 * bpm)),
        keys=tuple(int(key) for key in (rng.permutation(12)[slot] + np.array([0, 5, 7])) % 12 - 6),
        cents=dial(-30, 30),
        dark=dial(-0.15, 0.45),
        tilt_db=dial(-3, 3),
        noise_db=dial(-62, -38),
        reverb_seconds=dial(*row.reverb_seconds),
        room=dial(0.4, 1.6),
        swing=dial(*row.swing),
    )


def plan(seed: int = 0, songs_per_genre: int = 16, genres=None, seconds=(15.0, 30.0)) -> list[Song]:
    """The songs of a collection, genre by genre; a song depends on the seed, its genre and its index alone.

    Args:
        seed: an integer of at least 0.
        songs_per_genre: at least 1.
        genres: names from `GENRES`; None takes all.
        seconds: shortest and longest song, at least 1.

    Raises:
        KgenreError: an argument is out of its domain.
    """
    genres = list(GENRES) if genres is None else list(dict.fromkeys(genres))
    for genre in genres:
        check_known("genre", genre, GENRES)
    shortest, longest = seconds
    if seed < 0 or songs_per_genre < 1 or not genres or not 1 <= shortest <= longest:
        raise KgenreError(
            "A demo collection needs seed >= 0, songs_per_genre >= 1, one genre or more, and 1 <= shortest <= longest "
            f"in `seconds`. Received: seed={seed}, songs_per_genre={songs_per_genre}, genres={genres}, "
            f"seconds=({shortest}, {longest}). Change the one that does not fit."
        )
    return [_song(seed, genre, index, (shortest, longest)) for genre in genres for index in range(songs_per_genre)]


def _song(seed: int, genre: str, index: int, seconds: tuple[float, float]) -> Song:
    number, names = list(GENRES).index(genre), GENRES[genre].artists.split("/")
    rng = np.random.default_rng([seed, number, index, 1])
    # four songs in a row have four formats, in an order of their own: even a small collection has all of them
    file_format = str(np.random.default_rng([seed, number, index // 4, 2]).permutation(FORMATS)[index % 4])
    slot, record = index % len(names), index // len(names) // 2  # an album holds two songs
    first, second = _words(seed, number + len(GENRES) * index)
    # albums draw on the same pairs of words from the other end
    album_second, album_first = _words(seed, -1 - number - len(GENRES) * (slot + len(names) * record))
    track_id = f"{genre}-{index:03d}"
    return Song(
        seed=int(seed),
        genre=genre,
        index=index,
        artist=names[slot],
        album=f"{album_first} and {album_second}",
        title=f"{first} {second}",
        track_id=track_id,
        path=f"{genre}/{track_id}.{file_format}",
        seconds=round(float(rng.uniform(*seconds)), 3),
        format=file_format,
        rate=int(rng.choice(RATES)),
        channels=int(rng.choice((1, 2, 2))),
        rms_db=float(rng.uniform(*RMS_DB)),
        crest_db=float(rng.uniform(*CREST_DB)),
    )


def _words(seed: int, number: int) -> tuple[str, str]:
    """The pair of words of a number; no pair repeats before all are used."""
    pairs = np.random.default_rng(seed).permutation(len(FIRST) * len(SECOND))
    first, second = divmod(int(pairs[number % len(pairs)]), len(SECOND))
    return FIRST[first], SECOND[second]


class _Performance:
    """One performance of a song: its key, tempo and form, and its tracks."""

    def __init__(self, song: Song):
        genre = GENRES[song.genre]
        artist = artist_of(song.seed, song.genre, song.index % len(genre.artists.split("/")))
        rng = np.random.default_rng([song.seed, list(GENRES).index(song.genre), song.index])
        self.genre, self.artist, self.rng = genre, artist, rng
        self.key = int(rng.choice(artist.keys))
        self.beat_seconds = 60 / rng.uniform(*artist.bpm)
        self.bar_seconds = 4 * self.beat_seconds
        self.bars = int(song.seconds / self.bar_seconds) + 2
        self.offset = rng.uniform(0, self.bar_seconds)  # the file starts at any point of the form
        names = rng.choice(genre.progressions.split("/")).split()
        first = int(rng.integers(len(names)))
        self.chords = [synth.chord(names[(first + bar) % len(names)], self.key) for bar in range(self.bars + 1)]
        self.jitter = rng.uniform(0.001, 0.012)  # standard deviation of the players' timing, seconds
        self.drift = rng.uniform(0, 2 * np.pi)  # phase of the sway of the tempo
        self.variant = artist.slot + int(rng.integers(2))  # an artist has two variants of each part
        self.past_bars = int(rng.integers(4))  # of the section that runs when the file starts
        self.size = int(np.ceil(song.seconds * synth.RATE)) + 1

    def pick(self, alternatives):
        return alternatives[self.variant % len(alternatives)]

    def sections(self, presence: float) -> list[bool]:
        """Whether a part plays in each bar; parts enter and leave at every fourth bar."""
        plays = self.rng.random(self.bars // 4 + 2) < presence
        return [bool(plays[(bar + self.past_bars) // 4]) for bar in range(self.bars)]

    def start(self, position: float) -> int:
        """Sample at which a note at `position` (in bars) is played: swung, swaying, never quite on time."""
        off_beat = abs(16 * position % 2 - 1) < 1e-6  # the sixteenths between the eighths
        sway = self.genre.rubato * np.sin(self.drift + np.pi / 2 * position)
        seconds = (position + off_beat * self.artist.swing / 16) * self.bar_seconds + sway
        return int((seconds - self.offset + self.rng.normal(0, self.jitter)) * synth.RATE)

    def notes(self, part: Part) -> np.ndarray:
        """The dry track of a part."""
        voices, made = part.voices.split("/"), {}
        voice = synth.VOICES[voices[self.artist.slot % len(voices)]]
        pattern = synth.onsets(self.pick(part.patterns.split("/")))
        melody = synth.Melody(self.genre.scale, part.low, self.key, self.rng)
        track = np.zeros(self.size, np.float32)
        for bar, plays in enumerate(self.sections(part.presence)):
            melody.begin(bar)
            for position, length, token in pattern if plays else ():
                strong = position * 4 % 1 == 0
                for midi in synth.pitches(token, part.low, *self.chords[bar : bar + 2], melody, strong):
                    if (midi, length) not in made:  # a note is rendered once and repeated: that saves most of the work
                        tuned, seconds = midi + self.artist.cents / 100, length * part.gate * self.bar_seconds
                        made[midi, length] = synth.note(voice, tuned, seconds, self.artist.dark, self.rng)
                    gain = self.rng.uniform(0.75, 1.0) + 0.15 * strong
                    synth.add(track, made[midi, length], self.start(bar + position), gain)
        return track

    def drums(self) -> np.ndarray:
        """The drum track, with fills before new sections."""
        patterns, kit = self.pick(self.genre.drums), synth.KITS[self.artist.kit]
        drums = dict.fromkeys([*patterns, "tom", "snare"])
        hits = {drum: synth.hit(synth.DRUMS[drum], kit, self.rng) for drum in drums}
        beat = [(drum, position, token) for drum in patterns for position, _, token in synth.onsets(patterns[drum])]
        track = np.zeros(self.size, np.float32)
        for bar, plays in enumerate(self.sections(0.88)):
            fill = (bar + self.past_bars) % 4 == 3 and self.rng.random() < 0.5
            steps = (12 + self.rng.permutation(4)[:3]) / 16 if fill else ()
            strokes = beat + [(str(self.rng.choice(("tom", "snare"))), float(step), "x") for step in steps]
            for drum, position, token in strokes if plays and patterns else ():
                gain = {"X": 1.1, "x": 0.8, "o": 0.4}[token] * self.rng.uniform(0.8, 1.0)
                synth.add(track, hits[drum], self.start(bar + position), gain)
        return track


def render(song: Song) -> np.ndarray:
    """The song's waveform, float32 (samples, channels) at its rate, with its RMS and crest."""
    performance = _Performance(song)
    genre, artist, rng = performance.genre, performance.artist, performance.rng
    tracks = [(performance.notes(part), part.level_db, part.pan, part.fx) for part in genre.parts]
    tracks.append((performance.drums(), genre.drum_db, 0.0, Fx(send=0.08)))
    dry = np.zeros((performance.size, song.channels), np.float32)
    wet, width = np.zeros_like(dry), rng.uniform(0.3, 1.0)
    for track, level_db, pan, fx in tracks:
        y = synth.effects(track, fx, performance.beat_seconds, -performance.offset)
        y = synth.pan(y, song.channels, pan * width) * synth.gain(level_db + rng.normal(0, 1))
        dry += y
        wet += np.float32(fx.send * artist.room) * y
    y = dry + synth.reverb(wet, artist.reverb_seconds, rng.uniform(3000, 8000), rng)
    y = synth.tilt(y, artist.tilt_db + rng.normal(0, 1.5))
    hiss = synth.band(rng.standard_normal(performance.size, np.float32), 0, rng.uniform(2000, 12000))
    y += synth.gain(artist.noise_db + rng.normal(0, 2)) * np.float32(synth.loudness(y)) * hiss[:, None]
    y = soxr.resample(y, synth.RATE, song.rate)[: round(song.seconds * song.rate)]
    return synth.master(y, song.rate, song.rms_db, song.crest_db)
