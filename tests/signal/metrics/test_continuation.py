"""Beginnings of clips in other clips: exact places, both directions alike, longest evidence, and no false ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from thresher.signal.metrics.continuation import PROMPT_SCORE, Head, find_head, find_heads
from thresher.signal.metrics.correlation import LEAST_WORDS
from thresher.signal.metrics.metric import Fingerprints

Words = NDArray[np.uint32]


def noise(seed: int, words: int) -> Words:
    return np.random.default_rng(seed).integers(0, 1 << 32, words, dtype=np.uint32)


def worn(words: Words, share: float, seed: int = 9) -> Words:
    """Return words with this share of their bits changed."""
    bits = np.random.default_rng(seed).random((words.size, 32)) < share
    changes = (bits * (1 << np.arange(32, dtype=np.uint64))).sum(axis=1)
    changed: Words = words ^ changes.astype(np.uint32)
    return changed


@pytest.mark.parametrize("share", [0.0, 0.05])
@pytest.mark.parametrize("prompt", [LEAST_WORDS, 30])
def test_a_prompt_is_found_where_it_was_cut(prompt: int, share: float) -> None:
    others = [noise(seed, 100) for seed in range(5)]
    head = np.concatenate([worn(others[3][-prompt:], share), noise(50, 60)])
    ((index, found),) = find_head(head, Fingerprints.pack(others))
    assert (index, found.offset) == (3, 100 - prompt)
    assert abs(found.words - prompt) <= 1
    assert found.score > PROMPT_SCORE


def test_many_beginnings_in_one_clip_are_those_of_each_alone() -> None:
    body = noise(1, 120)
    heads = [np.concatenate([worn(body[at : at + 20], 0.04), noise(at, 40)]) for at in (0, 37, 100)]
    heads += [noise(7, 60), noise(8, 5)]
    both = find_heads(Fingerprints.pack(heads), body)
    alone = [
        (index, match)
        for index, head in enumerate(heads)
        for _, match in find_head(head, Fingerprints.pack([body]))
    ]
    assert both == alone
    assert [(index, match.offset) for index, match in both] == [(0, 0), (1, 37), (2, 100)]


def test_of_two_places_the_longer_one_counts() -> None:
    head = noise(3, 60)
    body = np.concatenate([head[:14], noise(4, 30), head[:40], noise(5, 20)])
    ((_, found),) = find_head(head, Fingerprints.pack([body]))
    assert (found.offset, found.words) == (44, 40)


def test_a_drone_has_one_place() -> None:
    drone = np.full(60, 627964279, np.uint32)
    ((_, found),) = find_head(drone, Fingerprints.pack([drone]))
    assert (found.offset, found.words, found.score) == (0, 60, 1.0)
    assert find_heads(Fingerprints.pack([drone]), drone) == [(0, found)]


def test_a_place_across_two_clips_is_none() -> None:
    head = noise(3, 40)
    others = [np.concatenate([noise(4, 30), head[:7]]), np.concatenate([head[7:], noise(5, 20)])]
    assert find_head(head, Fingerprints.pack(others)) == []


def test_clips_that_are_too_short_have_no_beginning() -> None:
    short, long = noise(1, LEAST_WORDS - 1), noise(2, 50)
    assert find_head(short, Fingerprints.pack([short, long])) == []
    assert find_head(long, Fingerprints.pack([short])) == []
    assert find_heads(Fingerprints.pack([short]), long) == []
    assert find_heads(Fingerprints.pack([long]), short) == []


def test_seconds() -> None:
    head = Head(offset=100, words=19, score=1.0, evidence=1.0)
    assert head.offset_seconds == pytest.approx(12.38, abs=0.01)
    assert head.seconds == pytest.approx(4.95, abs=0.01)
