"""A demo collection of composed songs: tables of genres and artists, the composer, the maker.

Real music cannot be shipped, so 8 genres are composed from their chord progressions, rhythms and
instruments. Loudness, crest, length, sample rate, file format and channels are drawn independently of the
genre: what is left to tell genres apart is the music. Four or five artists share a genre, each with an own sound, so
a split by artist is harder than one by song. Good for tests and first steps, not for results.
"""

import csv
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import mutagen
import numpy as np
import soundfile
import soxr
from mutagen import id3

from kgenre.config import check_known
from kgenre.datasets import synth
from kgenre.datasets.synth import Fx
from kgenre.errors import KgenreError

DEMO_VERSION = "1"  # another version composes other songs: finished folders are rebuilt
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
MANIFEST_COLUMNS = ("path", "genre", "artist", "album", "title", "track_id", "seconds")
ID3_FRAMES = {"title": id3.TIT2, "artist": id3.TPE1, "album": id3.TALB, "genre": id3.TCON}


@dataclass(frozen=True)
class Part:
    """An instrument's share of a genre; artists choose among `voices`, songs among `patterns`.

    A pattern is one bar: "." rests, "=" holds the note before, 1-9 are steps above the root of the chord,
    "b" the half step above it, "l" the half step below the next root, "c" the chord, "p" root, fifth and
    octave, "m" the next note of a melody. "/" parts the alternatives.
    """

    voices: str
    low: int  # MIDI note from which roots, chords and melodies are placed
    patterns: str
    level_db: float = 0.0
    presence: float = 0.85  # share of the sections in which it plays; one part of each genre always does
    pan: float = 0.0  # -1 left to 1 right
    gate: float = 0.95  # share of its length for which a note is held
    fx: Fx = Fx()


@dataclass(frozen=True)
class Genre:
    """What the songs of a genre have in common. Chords and scales are written in C major or A minor."""

    artists: str
    bpm: tuple[float, float]
    progressions: str  # one chord a bar; "/" parts the alternatives
    scale: str
    kits: str
    drums: tuple[dict[str, str], ...]  # drum -> one bar: "X" accent, "x" stroke, "o" soft stroke
    parts: tuple[Part, ...]
    drum_db: float = 0.0
    swing: tuple[float, float] = (0.0, 0.06)  # delay of every other sixteenth, in sixteenths
    reverb_seconds: tuple[float, float] = (0.5, 2.0)
    rubato: float = 0.0  # seconds by which the beat sways to and fro


METAL_RIFFS = "1111p==.1111p==b/1.11p.111.11p.b./p..p..1.p..p..1./p=======p===p==="  # for both guitars
# fmt: off
GENRES = {
    "ambient": Genre(
        artists="Pale Meridian/Hollow Tide/Aurelin/Slow Cartography",
        bpm=(60, 100), reverb_seconds=(2.5, 5.0), kits="dusty deep", drum_db=-12,
        progressions="Cmaj7 Fmaj7 Am7 Em7/Am7 Fmaj7 Cmaj7 Gsus/Fmaj7 Fmaj7 Cmaj7 Cmaj7/Dm7 Am7 Em7 Am7",
        scale="C D E G A",
        drums=({}, dict(kick="x.......o.......", shaker="..o...o...o...o."), {}),
        parts=(
            Part("warm pad/strings/choir/glass pad", 50, "c===============", 0, 1.0, fx=Fx(send=0.8)),
            Part("warm pad", 45, "p===============", -3, 0.9, fx=Fx(high_hz=2500, send=0.8)),
            Part("sine/cello/sub bass", 33, "1===============/1=======5=======", -5, 0.8, fx=Fx(send=0.3)),
            Part("wind", 57, "5===============", -10, 0.8, 0.2, fx=Fx(low_hz=700, send=0.5)),
            Part("bell/piano/harp/rhodes", 67, "....5.....8...3./1.....9.....5.../m.....m...m.....", -6, 0.7, 0.3,
                 fx=Fx(send=0.9, echo_beats=0.75)),
            Part("flute/violin/clarinet", 67, "m=======m===m===/m===============", -7, 0.5, -0.2, fx=Fx(send=0.9)),
        )),
    "blues": Genre(
        artists="Odell Marsh/Delta Rosewood/Lucinda Crane Trio/Papa Whitlow/The Ferry Road Band",
        bpm=(66, 132), reverb_seconds=(0.4, 1.6), kits="brushes studio tight", drum_db=-2,
        progressions="C7 C7 C7 C7 F7 F7 C7 C7 G7 F7 C7 G7/C7 F7 C7 C7 F7 F7 C7 C7 G7 F7 C7 G7/"
                     "Cm7 Cm7 Cm7 Cm7 Fm7 Fm7 Cm7 Cm7 G7 Fm7 Cm7 G7", scale="C Eb F Gb G Bb",
        drums=(dict(kick="x.....x.....", snare="...x.....x..", ride="x.xx.xx.xx.x"),
               dict(kick="x..x..x..x..", snare="...x.o...x.o", hat="x.xx.xx.xx.x"),
               dict(kick="x....xx.....", snare="...x.....x..", ride="x..x.xx..x.x")),
        parts=(
            Part("double bass/finger bass", 36, "1==3==5==6==/1==3==5==l==/1.11.15.56.6", 0, 1.0),
            Part("upright piano/guitar/organ/twang", 52, "..c=..c....c/c=....c=...c/.cc.c..cc.c.", -2, 0.85, -0.3),
            Part("twang/harmonica/solo guitar/sax", 62, "m=mm=mm====./..mm=mm=.m==/m==m.mm===..", -1, 0.75, 0.2,
                 fx=Fx(drive=1.5, high_hz=4500)),
        )),
    "chiptune": Genre(
        artists="Pixel Magpie/Kilobyte Kid/Nova Cartridge/Sprite Parade",
        bpm=(96, 168), reverb_seconds=(0.3, 1.0), kits="chip arcade", drum_db=-4,
        progressions="C G Am F/Am F C G/F G Em Am/Am G F E/C Am Dm G", scale="C D E F G A B",
        drums=(dict(kick="x...x...x...x...", snare="....x.......x...", hat="x.x.x.x.x.x.x.x."),
               dict(kick="x..x..x.x..x..x.", snare="....x.......x..o", hat="xoxoxoxoxoxoxoxo"),
               dict(kick="x.......x.x.....", snare="....x..o....x...")),
        parts=(
            Part("triangle/square/triangle", 36, "1.1.8.1.1.1.8.1./1.8.1.8.1.8.1.8./1.1.1.5.1.1.8.5.", 0, 1.0,
                 gate=0.8, fx=Fx(send=0.05, crush_bits=5)),
            Part("pulse 25/pulse 12/square", 60, "1358135813581358/8531853185318531/1535153515351535", -3, 0.85, 0.3,
                 gate=0.9, fx=Fx(send=0.05, crush_bits=6)),
            Part("square lead/pulse 25/pulse 12/square", 69, "m.mmm.m.m.m=m=../m==m==m=m.m.m===/m.m.m=m.mmm.m===", -1,
                 0.8, -0.2, fx=Fx(send=0.15, crush_bits=6, echo_beats=0.5)),
        )),
    "classical": Genre(
        artists="Quartetto Lunaria/Elin Vasterholt/Camerata Fiorel/Tobias Rehnquist/Anselm & Wray",
        bpm=(66, 140), reverb_seconds=(1.2, 3.0), kits="studio", rubato=0.12,
        progressions="C G7 C F C Dm G7 C/Am E7 Am Dm Am Dm E7 Am/C Am Dm G7 Em Am Dm G7/Am Dm G7 C F Dm E7 Am",
        scale="C D E F G A B", drums=({},),
        parts=(
            Part("cello/piano/double bass", 38, "1=======5=======/1=====..1=====../1===5===3===5===", -3, 0.85, 0.3),
            Part("piano/strings/harpsichord/nylon guitar/harp", 55,
                 "1.5.3.5.1.5.3.5./1=3=5=3=8=5=3=5=/c===c===c===c===", -2, 1.0, -0.2),
            Part("violin/flute/piano/clarinet/violin", 67, "m===m=m=m===m===/m=m=m=m=m=======/m=====m=m=m=m===",
                 0, 0.85, 0.2),
            Part("strings/violin/horn", 55, "c===============/3=======5=======", -7, 0.5, fx=Fx(send=0.5)),
        )),
    "hiphop": Genre(
        artists="Lowlight Cassette/MC Ferrow/Dusk Avenue/Brickyard Theory/Junie Bloom",
        bpm=(70, 108), reverb_seconds=(0.4, 1.5), kits="dusty deep tight", swing=(0.12, 0.38), drum_db=2,
        progressions="Dm7 Am7 Dm7 Am7/Am7 Fmaj7 Dm7 Em7/Am7 Am7 Dm7 Dm7/Fmaj7 Em7 Am7 Am7", scale="A C D E G",
        drums=(dict(kick="X......x..x.....", snare="....X.......X...", hat="x.x.x.x.x.x.x.xx"),
               dict(kick="X..x...o..x..x..", snare="....X.......X..o", hat="x.xxx.x.x.xxx.x."),
               dict(kick="X.x.......x.....", clap="....X.......X...", hat="xxx.xxxoxxx.xoxo"),
               dict(kick="X.....x.x.......", snare="....X..o.o..X...", hat="x.o.x.o.x.o.x.x.")),
        parts=(
            Part("sub bass/finger bass", 33, "1==....1..1=..../1=.1...5..1..8../1=........1=..l.",
                 1, 0.9, fx=Fx(send=0.02)),
            Part("rhodes/piano/nylon guitar/strings/organ", 57, "c=====..c===..../..c==...c=....c./c===....c=c=....",
                 -2, 1.0, -0.2, fx=Fx(high_hz=3500, crush_bits=7)),
            Part("flute/bell/sax/harp", 67, "..m.m.m=......../m=..m...m.m=..../....m=m.....m===", -6, 0.55, 0.3,
                 fx=Fx(high_hz=4500, echo_beats=0.75)),
        )),
    "house": Genre(
        artists="Velvet Transit/Marlo Deen/Night Orchard/Solenne",
        bpm=(104, 132), reverb_seconds=(0.6, 2.2), kits="club tight deep", drum_db=3,
        progressions="Am7 Am7 Fmaj7 G/Dm7 Am7 Dm7 Em7/Am7 Dm7 Am7 Dm7/Fmaj7 G Am7 Em7", scale="A C D E G",
        drums=(dict(kick="X...X...X...X...", clap="....x.......x...", open="..X...X...X...X.", hat="xoxoxoxoxoxoxoxo"),
               dict(kick="X...X...X...X...", clap="....x.......x...", open="..X...X...X...X.",
                    shaker="xoxoxoxoxoxoxoxo"),
               dict(kick="X...X...X...X..o", rim="...x..x....x..x.", open="..X...X...X...X.",
                    conga="x..x..o..x....o.")),
        parts=(
            Part("saw bass/square bass/sub bass", 33, "..1...1...1...1./..1..11...1..8../1..1..1...1.5.8.",
                 0, 0.9, gate=0.8, fx=Fx(duck=0.5, send=0.03)),
            Part("super saw/piano/organ/rhodes", 55, "c..c..c...c..c../..c...c..c....c./..c=....c.c=....", -1, 1.0,
                 gate=0.7, fx=Fx(duck=0.5, echo_beats=0.75)),
            Part("warm pad/strings/choir", 57, "c===============", -6, 0.6, fx=Fx(duck=0.7, send=0.5)),
            Part("saw lead/bell/marimba/flute", 69, "m..m..m..m..m.../..m...m.m.....m./1.3.8.5.1.3.8.5.", -6, 0.5, 0.3,
                 gate=0.6, fx=Fx(duck=0.3, echo_beats=0.75)),
        )),
    "metal": Genre(
        artists="Iron Hollow/Gravemantle/Thornwake/Ashen Colossus/Vargheim",
        bpm=(88, 176), reverb_seconds=(0.4, 1.4), kits="arena studio", drum_db=0,
        progressions="Am Am F G/Am Bb Am G/Em Em F Em/Am F Dm E/Am Am Am Bb", scale="A B C D E F Ab",
        drums=(dict(kick="xxxxxxxxxxxxxxxx", snare="....X.......X...", crash="x.......x......."),
               dict(kick="x.xxx.xxx.xxx.xx", snare="....X.......X...", ride="x.x.x.x.x.x.x.x."),
               dict(kick="x..x..x.x..x..x.", snare="....X.......X...", open="x...x...x...x..."),
               dict(kick="x.......x.x.....", snare="........X.......", crash="x...x...x...x...")),
        parts=(
            Part("metal guitar", 38, METAL_RIFFS, 1, 1.0, -0.7, 0.9, Fx(drive=9, low_hz=90, high_hz=4800, send=0.08)),
            Part("metal guitar", 38, METAL_RIFFS, 1, 0.95, 0.7, 0.9, Fx(drive=9, low_hz=90, high_hz=4200, send=0.08)),
            Part("pick bass", 28, "1111111.1111111b/1.1111111.11111./1..1..1.1..1..1./1=======1===1===", -3, 0.95,
                 fx=Fx(drive=2, high_hz=3000, send=0.03)),
            Part("solo guitar/saw lead/solo guitar/twang", 64, "m.m.m.mmm=m=m===/mmmmmmmmm=====m=/m===m===m=m=m===",
                 -3, 0.4, fx=Fx(drive=6, high_hz=5500, echo_beats=0.75, send=0.3)),
            Part("choir/strings", 57, "c===============", -9, 0.3, fx=Fx(send=0.5)),
        )),
    "reggae": Genre(
        artists="The Palmwine Steppers/Ras Caledon/Island Sunday/Lime Tree Rockers",
        bpm=(66, 100), reverb_seconds=(0.6, 2.4), kits="tight studio deep", swing=(0.0, 0.2), drum_db=-2,
        progressions="C F C F/Am Dm Am Dm/C Am Dm G/Am G F G/C G Am F", scale="A C D E G",
        drums=(dict(kick="........X.......", rim="........X.....x.", hat="o.x.o.x.o.x.o.x."),
               dict(kick="x.......X.......", snare="........X....o..", hat="o.x.o.xxo.x.o.xx"),
               dict(kick="X...X...X...X...", rim="..o.....X..x....", hat="..x...x...x...x.")),
        parts=(
            Part("finger bass/sub bass/double bass", 33, "1=..3.5=....1.5./..1=1.3.5=..5.3./1=....5.8=..5...", 4, 1.0,
                 fx=Fx(high_hz=1200, send=0.02)),
            Part("guitar/upright piano/guitar/twang", 57, "..c...c...c...c./..c...cc..c...cc", 0, 0.95, -0.3, 0.5,
                 Fx(low_hz=300, echo_beats=0.75)),
            Part("organ/reed organ", 52, ".c.c.c.c.c.c.c.c/..c.cc....c.cc..", -4, 0.8, 0.3, 0.6, Fx(tremolo_hz=5.5)),
            Part("reed organ/clarinet/horn/sax", 67, "m=..m.m=..m=..../..m=m=m=....m=../m===....m.m.m===", -4, 0.5, 0.1,
                 fx=Fx(echo_beats=0.75, send=0.4)),
        )),
}
# fmt: on


@dataclass(frozen=True)
class Artist:
    """An artist's sound: every dial stands at another step than those of the others in the genre."""

    name: str
    slot: int  # place in the genre's table; chooses voices and patterns
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
    index: int  # place within the genre
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
    """The songs of a collection, genre by genre; a song depends on the seed, its genre and its place alone.

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
    place, names = list(GENRES).index(genre), GENRES[genre].artists.split("/")
    rng = np.random.default_rng([seed, place, index, 1])
    # four songs in a row have four formats, in an order of their own: even a small collection has all of them
    file_format = str(np.random.default_rng([seed, place, index // 4, 2]).permutation(FORMATS)[index % 4])
    slot, record = index % len(names), index // len(names) // 2  # an album holds two songs
    first, second = _words(seed, place + len(GENRES) * index)
    # albums draw on the same pairs of words from the other end
    album_second, album_first = _words(seed, -1 - place - len(GENRES) * (slot + len(names) * record))
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
    """The pair of words of that number, each pair once before any returns."""
    pairs = np.random.default_rng(seed).permutation(len(FIRST) * len(SECOND))
    first, second = divmod(int(pairs[number % len(pairs)]), len(SECOND))
    return FIRST[first], SECOND[second]


class _Take:
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
        self.jitter = rng.uniform(0.001, 0.012)  # seconds by which players miss the beat
        self.drift = rng.uniform(0, 2 * np.pi)  # where in its sway the tempo is
        self.variant = artist.slot + int(rng.integers(2))  # an artist has two ways of playing each part
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
                    if (midi, length) not in made:  # a note sounds the same each time: that saves most of the work
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
    take = _Take(song)
    genre, artist, rng = take.genre, take.artist, take.rng
    tracks = [(take.notes(part), part.level_db, part.pan, part.fx) for part in genre.parts]
    tracks.append((take.drums(), genre.drum_db, 0.0, Fx(send=0.08)))
    dry = np.zeros((take.size, song.channels), np.float32)
    wet, width = np.zeros_like(dry), rng.uniform(0.3, 1.0)
    for track, level_db, place, fx in tracks:
        y = synth.effects(track, fx, take.beat_seconds, -take.offset)
        y = synth.pan(y, song.channels, place * width) * synth.gain(level_db + rng.normal(0, 1))
        dry += y
        wet += np.float32(fx.send * artist.room) * y
    y = dry + synth.reverb(wet, artist.reverb_seconds, rng.uniform(3000, 8000), rng)
    y = synth.tilt(y, artist.tilt_db + rng.normal(0, 1.5))
    hiss = synth.band(rng.standard_normal(take.size, np.float32), 0, rng.uniform(2000, 12000))
    y += synth.gain(artist.noise_db + rng.normal(0, 2)) * np.float32(synth.loudness(y)) * hiss[:, None]
    y = soxr.resample(y, synth.RATE, song.rate)[: round(song.seconds * song.rate)]
    return synth.master(y, song.rate, song.rms_db, song.crest_db)


def make_demo(
    folder,
    seed: int = 0,
    songs_per_genre: int = 16,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    genres=None,
    seconds=(15.0, 30.0),
) -> Path:
    """Writes the collection as `folder`/GENRE/*.{mp3,ogg,flac,wav} and `folder`/manifest.csv.

    The waveforms depend on `seed` and the other arguments of `plan` alone, not on `workers`. Songs are made
    in `folder`.part, which takes the name `folder` when it is whole; what an interrupted call leaves there,
    the next one discards. A folder that holds this very collection is returned at once, one that holds
    another demo collection is replaced.

    Args:
        folder: the collection's folder.
        seed, songs_per_genre, genres, seconds: as in `plan`.
        workers: processes; None takes one a core, 1 works in this process.
        progress: called as progress(done, total) when a song is finished.

    Returns:
        `folder`.

    Raises:
        KgenreError: an argument is out of its domain, or `folder` is something else than a demo collection.
    """
    songs = plan(seed, songs_per_genre, genres, seconds)
    recipe = {
        "version": DEMO_VERSION,
        "seed": int(seed),
        "songs_per_genre": int(songs_per_genre),
        "genres": list(dict.fromkeys(song.genre for song in songs)),
        "seconds": [float(bound) for bound in seconds],
    }
    whole = Path(folder).resolve()
    if _recipe(whole) != recipe or not (whole / "manifest.csv").is_file():
        _check_ours(whole)
        part = whole.with_name(whole.name + ".part")
        _discard(part)
        part.mkdir(parents=True)
        (part / "demo.json").write_text(json.dumps(recipe, indent=1) + "\n")
        _write_all(songs, part, min(workers or os.cpu_count() or 1, len(songs)), progress or (lambda done, total: None))
        _write_manifest(songs, part / "manifest.csv")
        _swap(part, whole)
    return Path(folder)


def _write_all(songs: list[Song], folder: Path, workers: int, progress: Callable[[int, int], None]) -> None:
    if workers == 1:
        for done, song in enumerate(songs, 1):
            _write(song, folder / song.path)
            progress(done, len(songs))
        return
    # spawned, not forked: a process that runs TensorFlow has threads whose locks a fork would freeze
    # deaf to Ctrl-C, which reaches this process: it tells them to stop, and one traceback is enough
    ignore = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), **ignore)
    try:
        jobs = [pool.submit(_write, song, folder / song.path) for song in songs]
        for done, job in enumerate(as_completed(jobs), 1):
            job.result()
            progress(done, len(songs))
    except BrokenProcessPool as error:
        raise KgenreError(
            f"{folder}: a process that composes songs ended early. A script that calls make_demo needs "
            'its calls under `if __name__ == "__main__":`, or workers=1.'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _write(song: Song, path: Path) -> None:
    """Renders, encodes and tags one file."""
    y = render(song)
    path.parent.mkdir(exist_ok=True)
    # at a constant bit rate the size of an mp3 tells its length, not its music
    how = {"bitrate_mode": "CONSTANT", "compression_level": 0.5} if song.format == "mp3" else {}
    with soundfile.SoundFile(path, "w", song.rate, song.channels, format=song.format.upper(), **how) as file:
        for start in range(0, len(y), 1 << 15):  # whole songs overflow the stack of libsndfile's Vorbis encoder
            file.write(y[start : start + (1 << 15)])
    tags = {"title": song.title, "artist": song.artist, "album": song.album, "genre": song.genre}
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, id3.ID3):
        tags = {ID3_FRAMES[name].__name__: ID3_FRAMES[name](encoding=3, text=[text]) for name, text in tags.items()}
    file.tags.update(tags)
    file.save()


def _write_manifest(songs: list[Song], path: Path) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, MANIFEST_COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(asdict(song) for song in songs)


def _recipe(folder: Path) -> dict | None:
    try:
        return json.loads((folder / "demo.json").read_text())
    except (OSError, ValueError):  # none, or not one of ours: _check_ours decides
        return None


def _check_ours(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())) or (folder / "demo.json").is_file():
        return
    raise KgenreError(
        "Only a folder that holds demo.json is replaced by a demo collection. "
        f"Received: {folder}. Name another folder, or move this one away."
    )


def _discard(folder: Path) -> None:
    _check_ours(folder)
    if folder.exists():
        shutil.rmtree(folder)


def _swap(part: Path, whole: Path) -> None:
    """Gives `part` the name `whole`; the old collection goes once the new one is in its place."""
    old = whole.with_name(whole.name + ".old")
    _discard(old)
    if whole.exists():
        whole.rename(old)
    part.rename(whole)
    _discard(old)
