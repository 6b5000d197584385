"""Which tags of a model are moods, and the moods of a track as they are written into files."""

from collections.abc import Sequence

import numpy as np

from kgenre.core.genre_names import plain
from kgenre.library.search.filter_parser import MIN_TAG

MAX_MOODS = 3  # of a track
# {tag without case, blanks and hyphens: the mood that is written}. Of the names in Last.fm's tags, MagnaTagATune and
# MTG-Jamendo those that say how music feels, not what it is for, what is played or how loud it is.
MOODS = {
    "aggressive": "Aggressive", "angry": "Angry", "atmospheric": "Atmospheric", "beautiful": "Beautiful",
    "calm": "Calm", "chill": "Chill", "chillout": "Chill", "dark": "Dark", "dramatic": "Dramatic", "dreamy": "Dreamy",
    "emotional": "Emotional", "energetic": "Energetic", "epic": "Epic", "fun": "Fun", "funny": "Funny",
    "gentle": "Gentle", "groovy": "Groovy", "happy": "Happy", "hopeful": "Hopeful", "inspiring": "Inspiring",
    "intense": "Intense", "meditative": "Meditative", "melancholic": "Melancholic", "melancholy": "Melancholic",
    "mellow": "Mellow", "motivational": "Motivational", "nostalgic": "Nostalgic", "party": "Party",
    "peaceful": "Peaceful", "powerful": "Powerful", "relaxed": "Relaxing", "relaxing": "Relaxing",
    "romantic": "Romantic", "sad": "Sad", "sexy": "Sexy", "upbeat": "Upbeat", "uplifting": "Uplifting",
    "weird": "Weird",
}  # fmt: skip


def moods(tags: Sequence[str], probabilities: np.ndarray) -> list[str]:
    """The moods among the tags of a track that have a probability of at least MIN_TAG, the most probable first.

    Args:
        tags: names of the model's tags.
        probabilities: (tags,) of the track.
    """
    likely = (i for i in np.argsort(-probabilities, kind="stable") if probabilities[i] >= MIN_TAG)
    found = (MOODS.get(plain(tags[i])) for i in likely)
    return list(dict.fromkeys(mood for mood in found if mood))[:MAX_MOODS]
