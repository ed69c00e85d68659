"""Find where the beginning of a clip is in other clips: a continuation begins with its prompt.

`aligned` compares at least a third of the shorter clip, which a prompt of some seconds does not fill. Here only the
beginning of one clip is compared, at every offset of the other, and then as far as the sound stays the same.
Fingerprints are uint32, shape (words,). Offsets and lengths are in words (0.1238 s).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.fingerprint import FIRST_WORD_SECONDS, WORD_SECONDS
from thresher.signal.metrics.correlation import LEAST_WORDS
from thresher.signal.metrics.metric import WORD_BITS, Fingerprints, Words

# A word is of the same sound above this share of equal bits. Words of unrelated clips have 0.52 equal bits, those
# of a prompt that was encoded again 0.75 to 1, because the words of both clips begin at other times.
SAME_SOUND = 0.68

# The score of the first words at which a place in another clip is examined.
FOUND = 0.75

# A clip with more places than this is noise or a drone, which match nearly everywhere. Only its best place counts.
MOST_PLACES = 8

# The least score of a prompt. Of 720 made prompts of 4.5 to 8 s, cut at any time and most of them encoded again,
# 719 reach 0.90. No pair of unrelated clips does, of 247,000 in the corpus.
PROMPT_SCORE = 0.88

# Offsets this close to an end of a clip are at its end: the ends of clips are trimmed, and words overlap.
AT_AN_END = 5


@dataclass(frozen=True)
class Head:
    """The beginning of a clip found in another one: where it begins in that one, how long it is, and its score.

    `evidence` is what the places in one clip are compared by: the sum of the words' shares of equal bits, each less
    SAME_SOUND.
    """

    offset: int
    words: int
    score: float
    evidence: float

    @property
    def offset_seconds(self) -> float:
        """The time in the other clip at which the beginning of the clip is."""
        return self.offset * WORD_SECONDS

    @property
    def seconds(self) -> float:
        """The length of the sound that both have. A word covers more sound than it advances."""
        return FIRST_WORD_SECONDS + (self.words - 1) * WORD_SECONDS


def find_head(head: Words, others: Fingerprints) -> list[tuple[int, Head]]:
    """Find the beginning of a clip in each of the `others`: (index, best head) of those that contain it, by index.

    The beginning is at least LEAST_WORDS words. Of the places in a clip, the one with the most evidence counts. The
    work is proportional to the words of all clips.
    """
    if head.size < LEAST_WORDS or others.words.size < LEAST_WORDS:
        return []
    scores = _scores(head, others.words)
    ends = np.cumsum(others.lengths)
    places = np.flatnonzero(scores >= FOUND)
    indices = np.searchsorted(ends, places, side="right")
    is_inside = places + LEAST_WORDS <= ends[indices]  # not across the end of a clip
    places, indices = places[is_inside], indices[is_inside]
    found: dict[int, Head] = {}
    for place in _best_places(indices, scores[places]).tolist():
        index = int(indices[place])
        start = int(ends[index] - others.lengths[index])
        _keep(found, index, _extended(head, others.words[start : ends[index]], int(places[place]) - start))
    return sorted(found.items())


def find_heads(heads: Fingerprints, body: Words) -> list[tuple[int, Head]]:
    """Find the beginnings of many clips in one: (index, best head) of those that it contains, by index."""
    long_enough = np.flatnonzero(heads.lengths >= LEAST_WORDS)
    if body.size < LEAST_WORDS or long_enough.size == 0:
        return []
    starts = np.cumsum(heads.lengths) - heads.lengths
    first = heads.words[starts[long_enough, None] + np.arange(LEAST_WORDS)]
    indices, offsets, scores = [], [], []
    for offset in range(body.size - LEAST_WORDS + 1):
        different = np.bitwise_count(first ^ body[offset : offset + LEAST_WORDS]).sum(axis=1, dtype=np.int64)
        score = 1 - different / (WORD_BITS * LEAST_WORDS)
        near = np.flatnonzero(score >= FOUND)
        indices.append(long_enough[near])
        offsets.append(np.full(near.size, offset))
        scores.append(score[near])
    all_indices, all_offsets = np.concatenate(indices), np.concatenate(offsets)
    found: dict[int, Head] = {}
    for place in _best_places(all_indices, np.concatenate(scores)).tolist():
        index = int(all_indices[place])
        start = int(starts[index])
        head = heads.words[start : start + int(heads.lengths[index])]
        _keep(found, index, _extended(head, body, int(all_offsets[place])))
    return sorted(found.items())


def _best_places(indices: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places to examine of each clip, as positions in `indices`: all, or the best of many."""
    order = np.lexsort((np.arange(indices.size), -scores, indices))
    grouped = indices[order]
    is_first = np.append(True, grouped[1:] != grouped[:-1])[: grouped.size]
    counts = np.bincount(grouped)[grouped] if grouped.size else grouped
    best: NDArray[np.int64] = order[is_first | (counts <= MOST_PLACES)]
    return best


def _keep(found: dict[int, Head], index: int, match: Head) -> None:
    best = found.get(index)
    if best is None or match.evidence > best.evidence:
        found[index] = match


def _scores(head: Words, words: Words) -> NDArray[np.float64]:
    """Return the score of the first LEAST_WORDS words of `head` at each word of `words`."""
    count = words.size - LEAST_WORDS + 1
    different = np.zeros(count, np.int64)
    for step in range(LEAST_WORDS):
        different += np.bitwise_count(words[step : step + count] ^ head[step])
    return 1 - different / (WORD_BITS * LEAST_WORDS)


def _extended(head: Words, body: Words, offset: int) -> Head:
    """Return the match at an offset, as far as words are more like the same sound than like another one."""
    overlap = min(head.size, body.size - offset)
    equal = 1 - np.bitwise_count(head[:overlap] ^ body[offset : offset + overlap]) / WORD_BITS
    evidence = np.cumsum(equal - SAME_SOUND)
    words = int(np.argmax(evidence)) + 1
    return Head(offset, words, float(equal[:words].mean()), float(evidence[words - 1]))
