"""The genres of the demo collection: chords, rhythms, instruments and artists, as a table."""

from dataclasses import dataclass

from kgenre.collections.demo.synth import Fx


@dataclass(frozen=True)
class Part:
    """The part of an instrument in a genre; artists use one of `voices`, songs one of `patterns`.

    A pattern is one bar: "." rests, "=" holds the note before, 1-9 are steps above the root of the chord,
    "b" the half step above it, "l" the half step below the next root, "c" the chord, "p" root, fifth and
    octave, "m" the next note of a melody. "/" separates the alternatives.
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
    """What the songs of a genre share. Chords and scales are written in C major or A minor."""

    artists: str
    bpm: tuple[float, float]
    progressions: str  # one chord a bar; "/" separates the alternatives
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
