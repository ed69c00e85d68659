"""Match the parts that a recording has with those that another split finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thresher.signal.features.trim import Span

LEAST_OVERLAP = 0.5
"""Two spans are the same sound if they share at least this much of the longer one."""


@dataclass(frozen=True)
class Match:
    """Which former parts the new ones stand for, by index: `same` have equal spans, `similar` overlap enough."""

    same: dict[int, int]
    similar: dict[int, int]


def match(new: Sequence[Span], former: Sequence[Span]) -> Match:
    """Match each new span with at most one former span, and each former span with at most one new one.

    Equal spans match first; of several equal former spans, the first. The others match in the order of their
    overlap, the best first, if it is at least LEAST_OVERLAP. Both sequences are in the order of their starts, and
    no two new spans overlap.
    """
    places = {span: index for index, span in reversed(list(enumerate(former)))}
    same = {index: places[span] for index, span in enumerate(new) if span in places}
    taken = set(same.values())
    left = [index for index in range(len(former)) if index not in taken]
    pairs = []
    first = 0
    for index, span in enumerate(new):
        if index in same:
            continue
        while first < len(left) and former[left[first]].end <= span.start:
            first += 1
        for other in left[first:]:
            if former[other].start >= span.end:
                break
            pairs.append((-overlap(span, former[other]), index, other))
    similar: dict[int, int] = {}
    for shared, index, other in sorted(pairs):
        if -shared >= LEAST_OVERLAP and index not in similar and other not in taken:
            similar[index] = other
            taken.add(other)
    return Match(same, similar)


def overlap(one: Span, other: Span) -> float:
    """Return how much of the longer span both spans share, 0 to 1."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return max(0, shared) / max(one.frames, other.frames, 1)
