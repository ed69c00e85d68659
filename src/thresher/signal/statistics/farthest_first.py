"""What to hear first: items that lie far from everything covered so far, so that a few of them cover all.

Greedy farthest-first traversal (T. Gonzalez, "Clustering to minimize the maximum intercluster distance",
Theoretical Computer Science 38, 1985): wherever one stops, nothing is more than twice as far from what was taken as
it would have to be with the best choice of as many, in a space where the triangle inequality holds.

Items are numbered 0 … n - 1, and where two are as good the smaller number is taken. Distances are floats, shape
(n,), NaN where they are unknown; an item's gap is its distance from the nearest covered one: infinite where nothing
is covered, NaN for an item of which no distance is known. Lengths and times are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.floating]

SLACK = 1e-6
"""Seconds by which a sum of lengths may exceed the time for rounding."""


@dataclass(frozen=True)
class Choice:
    """An item, and its gap at the moment it was taken."""

    item: int
    gap: float


@dataclass(frozen=True, eq=False)
class Cover:
    """The items taken, in order, and every item's gap after that; those taken have none."""

    choices: tuple[Choice, ...]
    gaps: NDArray[np.float64]

    @property
    def radius(self) -> float:
        """The largest gap that is known; 0 where there is none."""
        known = self.gaps[~np.isnan(self.gaps)]
        return float(known.max()) if known.size else 0.0


def cover(
    distances_from: Callable[[int], Distances],
    gaps: Distances,
    groups: NDArray[np.integer],
    seconds: Distances,
    time: float,
    *,
    familiar: Collection[int] = (),
    longest: float = math.inf,
) -> Cover:
    """Take items, the farthest first, as long as they fit into `time`.

    `distances_from(i)` are the distances of item i from all; `gaps`, `groups` and `seconds`, shape (n,), are those
    at the start, the group of each item (negative: none), and their lengths. Every group gets one of its items
    before any gets a second: first those that are not `familiar`, then those that are. An item too long for what is
    left of the time is passed over, and a shorter one taken; where none fits from the start, the shortest is all.
    One of more than `longest` seconds waits until none is left that is shorter and as urgent.

    Items of unknown distance follow those that lie apart from what is covered, from the group that has had least;
    after them come those that are just like something covered. One column of distances is held at a time.

    ValueError where the shapes differ.
    """
    if not gaps.shape == groups.shape == seconds.shape == (gaps.size,):
        raise ValueError(
            f"gaps, groups and seconds are of shape {gaps.shape}, {groups.shape}, {seconds.shape}"
        )
    now = gaps.astype(np.float64)
    numbers, group_of = np.unique(groups, return_inverse=True)
    taken_of = np.zeros(numbers.size, dtype=np.int64)
    is_familiar = np.isin(numbers, list(familiar))
    is_short = seconds <= longest
    waiting = np.ones(gaps.size, dtype=bool)
    choices: list[Choice] = []
    left = time
    while (fitting := waiting & (seconds <= left + SLACK)).any():
        lacking = (taken_of == 0) & (numbers >= 0)
        urgency = 2 * (2 * (lacking & ~is_familiar) + (lacking & is_familiar))[group_of] + is_short
        most_urgent = fitting & (urgency == urgency[fitting].max())
        item = _farthest(most_urgent, now, taken_of[group_of])
        choices.append(Choice(item, float(now[item])))
        waiting[item] = False
        taken_of[group_of[item]] += 1
        left -= float(seconds[item])
        _close(now, item, distances_from)
    if not choices and gaps.size:
        shortest = int(seconds.argmin())
        choices.append(Choice(shortest, float(now[shortest])))
        _close(now, shortest, distances_from)
    return Cover(tuple(choices), now)


def _farthest(candidates: NDArray[np.bool_], gaps: NDArray[np.float64], taken: NDArray[np.int64]) -> int:
    """The candidate to take, one at least being there; `taken` is how many the group of each has had."""
    places = candidates.nonzero()[0]
    here = gaps[places]
    unknown = np.isnan(here)
    if unknown.any() and not (here[~unknown] > 0.0).any():
        places = places[unknown]
        return int(places[taken[places].argmin()])
    return int(places[np.nanargmax(here)])


def _close(gaps: NDArray[np.float64], item: int, distances_from: Callable[[int], Distances]) -> None:
    """`gaps` once an item is covered too."""
    if not np.isnan(gaps[item]):
        np.fmin(gaps, distances_from(item), out=gaps)
    gaps[item] = 0.0
