"""Where a passage of a fingerprint occurs in others."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.signal.features.fingerprint import FIRST_WORD_SECONDS, WORD_SECONDS
from thresher.signal.metrics.passages import occurrences, words_within

GENERATOR = np.random.default_rng(0)


def words(count: int) -> np.ndarray:
    return GENERATOR.integers(0, 1 << 32, count, np.uint32)


def test_a_passage_is_found_where_it_is_and_nowhere_else() -> None:
    passage = words(15)
    clips = [words(60), words(15), words(14), np.concatenate([words(40), passage, words(9)])]
    clips[0][7:22] = passage ^ np.uint32(1)
    found = occurrences(passage, clips, 0.85)
    assert [found[1], found[2]] == [None, None]
    assert found[0] is not None
    assert found[3] is not None
    assert found[0].word == 7
    assert found[0].score == pytest.approx(31 / 32)
    assert (found[3].word, found[3].score, found[3].standing_out) == (40, 1.0, 1.0)
    assert found[0].standing_out > 0.9


def test_a_constant_sound_stands_out_nowhere() -> None:
    steady = np.full(40, 0xABCDEF01, np.uint32)
    noisy = steady ^ (np.uint32(1) << GENERATOR.integers(0, 32, 40, np.uint32))
    (found,) = occurrences(noisy[:15], [noisy[5:]], 0.85)
    assert found is not None
    assert found.standing_out < 0.5


def test_no_passage_and_no_clips_give_nothing() -> None:
    assert occurrences(words(0), [words(5)], 0.5) == [None]
    assert occurrences(words(5), [], 0.5) == []
    assert occurrences(words(5), [words(2)], 0.5) == [None]


def test_the_words_of_a_moment_cover_no_other_sound() -> None:
    within = words_within(1.0, 7.0, 100)
    assert within.start * WORD_SECONDS >= 1.0 > (within.start - 1) * WORD_SECONDS
    assert (within.stop - 1) * WORD_SECONDS + FIRST_WORD_SECONDS <= 7.0
    assert within.stop * WORD_SECONDS + FIRST_WORD_SECONDS > 7.0
    assert len(words_within(0.0, 2.0, 100)) == 0
    assert words_within(0.0, 100.0, 9) == range(9)
