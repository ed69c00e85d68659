"""Places in a recording that ffmpeg can be sent to: a few samples of each place prove that it arrived there.

ffmpeg seeks to packets, whose times are not those of samples, and its decoders need some sound until they give the
samples of a decode from the beginning. A mark keeps samples of such a decode. After a seek to some time before the
mark, its samples are looked for in what ffmpeg gives: from where they are found, all samples are known to be right.
Samples are float32, shape (frames, channels); positions are frames of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EVERY_SECONDS = 10
"""The distance of marks."""

FRAMES = 64
"""The samples of a mark: this many equal ones can't be a coincidence."""

LEAST_VALUES = 32
"""The fewest different values of a mark's samples: in silence, all places look the same."""


@dataclass(frozen=True, eq=False)
class SeekMark:
    """A place, and the FRAMES frames that begin there."""

    frame: int
    samples: Floats


def marked(blocks: Iterable[Floats], start: int, sample_rate: int, marks: list[SeekMark]) -> Iterator[Floats]:
    """Yield blocks that begin at frame `start` of a recording, and add the marks in them to `marks`."""
    position, wanted = start, start
    for block in blocks:
        while wanted + FRAMES <= position + len(block):
            samples = block[wanted - position : wanted - position + FRAMES]
            if len(np.unique(samples[:, 0])) >= LEAST_VALUES:
                marks.append(SeekMark(wanted, samples.copy()))
                wanted += EVERY_SECONDS * sample_rate
            else:
                wanted += FRAMES
        position += len(block)
        wanted = max(wanted, position)  # a mark lies within one block
        yield block


def packed(marks: Sequence[SeekMark]) -> bytes:
    """Return marks as bytes."""
    channels = marks[0].samples.shape[1] if marks else 1
    head = np.array([len(marks), channels, *(mark.frame for mark in marks)], "<i8")
    return head.tobytes() + b"".join(mark.samples.astype("<f4").tobytes() for mark in marks)


def unpacked(content: bytes) -> list[SeekMark]:
    """Return the marks in bytes, ascending; none if the bytes are not marks."""
    if len(content) < 16:
        return []
    count, channels = np.frombuffer(content, "<i8", 2).tolist()
    size = FRAMES * channels * 4
    if count < 0 or channels < 1 or len(content) != 16 + count * (8 + size):
        return []
    frames = np.frombuffer(content, "<i8", count, 16).tolist()
    samples = np.frombuffer(content, "<f4", -1, 16 + 8 * count).reshape(count, FRAMES, channels)
    return [SeekMark(frame, each.astype(np.float32)) for frame, each in zip(frames, samples, strict=True)]


def last_before(marks: Sequence[SeekMark], frame: int) -> SeekMark | None:
    """Return the last mark that does not lie after a frame."""
    return next((mark for mark in reversed(marks) if mark.frame <= frame), None)


def place_of(mark: SeekMark, samples: Floats) -> int | None:
    """Return the only place of a mark's samples in others, shape (frames, channels); None if there is not one."""
    count = len(samples) - FRAMES + 1
    if count < 1:
        return None
    found = np.flatnonzero((samples[:count] == mark.samples[0]).all(axis=1))
    places = [at for at in found.tolist() if np.array_equal(samples[at : at + FRAMES], mark.samples)]
    return places[0] if len(places) == 1 else None
