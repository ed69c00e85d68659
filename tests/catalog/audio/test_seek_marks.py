"""Marks by which ffmpeg is sent to a place in a recording."""

from __future__ import annotations

import numpy as np

from thresher.catalog.audio.seek_marks import (
    FRAMES,
    SeekMark,
    last_before,
    marked,
    packed,
    place_of,
    unpacked,
)

RATE = 1_000
Y = np.random.default_rng(1).normal(size=(45 * RATE, 2)).astype(np.float32)


def marks_of(y: np.ndarray, start: int = 0, block: int = 777) -> list[SeekMark]:
    marks: list[SeekMark] = []
    blocks = [y[at : at + block] for at in range(0, len(y), block)]
    passed = list(marked(blocks, start, RATE, marks))
    assert all(one is other for one, other in zip(passed, blocks, strict=True))
    return marks


def test_marks_lie_ten_seconds_apart_where_the_samples_are_those_of_the_recording() -> None:
    marks = marks_of(Y, start=300)
    assert len(marks) == 5
    for number, mark in enumerate(marks):
        assert 0 <= mark.frame - 300 - 10 * RATE * number < 777 * (number + 1)
        np.testing.assert_array_equal(mark.samples, Y[mark.frame - 300 : mark.frame - 300 + FRAMES])
    assert last_before(marks, 299) is None
    assert last_before(marks, marks[2].frame) is marks[2]
    assert last_before(marks, 10**9) is marks[-1]


def test_silence_has_no_marks() -> None:
    y = Y.copy()
    y[: 25 * RATE] = 0
    assert marks_of(y)[0].frame >= 25 * RATE - FRAMES
    assert marks_of(np.zeros_like(Y)) == []


def test_a_mark_is_found_in_one_place_only() -> None:
    mark = marks_of(Y)[1]
    around = Y[mark.frame - 1_234 : mark.frame + 500]
    assert place_of(mark, around) == 1_234
    assert place_of(mark, np.concatenate([around, around])) is None
    assert place_of(mark, around[: 1_234 + FRAMES - 1]) is None
    assert place_of(mark, around[:5]) is None


def test_marks_are_the_same_after_they_were_kept_and_damaged_ones_are_none() -> None:
    marks = marks_of(Y)
    found = unpacked(packed(marks))
    assert [mark.frame for mark in found] == [mark.frame for mark in marks]
    np.testing.assert_array_equal(found[3].samples, marks[3].samples)
    assert unpacked(packed([])) == []
    for damaged in (b"", packed(marks)[:-1], b"\xff" * 40):
        assert unpacked(damaged) == []
