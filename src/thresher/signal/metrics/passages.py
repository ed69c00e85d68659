"""Where the sound of a passage occurs in clips, by their fingerprints.

The words of the passage are compared with the words of a clip at every place at which all of them lie in the clip.
Words are uint32, one per 0.1238 s, each of which covers 2.73 s of sound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.fingerprint import FIRST_WORD_SECONDS, WORD_SECONDS
from thresher.signal.metrics.metric import WORD_BITS, Words

LEAST_PASSAGE_WORDS = 12
"""Fewer words match unrelated sounds."""

LEAST_PASSAGE_SECONDS = FIRST_WORD_SECONDS + (LEAST_PASSAGE_WORDS - 1) * WORD_SECONDS
"""The length of sound that LEAST_PASSAGE_WORDS cover."""


@dataclass(frozen=True)
class Occurrence:
    """The best place of a passage in a clip.

    `score` is the share of equal bits, in [0, 1]; `word` is the place of the passage's first word. `standing_out`
    is how far the score exceeds the median over all places, relative to a perfect score; 1 for a single place.
    """

    score: float
    word: int
    standing_out: float


def words_within(start: float, end: float, count: int) -> range:
    """Return which of the `count` words of a clip cover sound between two times, in seconds, and no other."""
    first = max(0, math.ceil(start / WORD_SECONDS - 1e-6))
    last = math.floor((end - FIRST_WORD_SECONDS) / WORD_SECONDS + 1e-6)
    return range(first, min(last + 1, count))


def occurrences(passage: Words, clips: Iterable[Words], least: float) -> list[Occurrence | None]:
    """Return the best place of a passage in each clip, None if the clip is shorter or the score is below `least`.

    Of equal scores, the first place counts. Memory grows with the words of all clips, a few bytes for each.
    """
    words = list(clips)
    if not passage.size or not words:
        return [None] * len(words)
    joined = np.concatenate(words)
    places = joined.size - passage.size + 1
    if places < 1:
        return [None] * len(words)
    different = np.zeros(places, np.uint32)
    for index, word in enumerate(passage):
        different += np.bitwise_count(joined[index : index + places] ^ word)
    starts = np.cumsum([0, *(each.size for each in words)]).tolist()
    return [
        _best(different[start : start + each.size - passage.size + 1], WORD_BITS * passage.size, least)
        if each.size >= passage.size
        else None
        for start, each in zip(starts, words, strict=False)
    ]


def _best(different: NDArray[np.uint32], bits: int, least: float) -> Occurrence | None:
    word = int(different.argmin())
    score = 1.0 - int(different[word]) / bits
    if score < least:
        return None
    typical = 1.0 - float(np.median(different)) / bits
    standing_out = 1.0 if typical == 1.0 or different.size == 1 else (score - typical) / (1.0 - typical)
    return Occurrence(score, word, standing_out)
