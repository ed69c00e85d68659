"""Choose items to hear first: each as far as possible from those chosen before, so that a few items cover all.

The method is greedy farthest-first traversal (T. Gonzalez, "Clustering to minimize the maximum intercluster
distance", Theoretical Computer Science 38, 1985). If the triangle inequality holds, the largest distance of an
item from the chosen ones is, after each step, at most twice that of the best choice of the same size.

Items are numbered 0 … n - 1; among equally good items the smallest number is taken. Distances are floats, shape
(n,), NaN where unknown. *The* distance of an item is that from the nearest covered item. It is infinite if nothing
is covered, and NaN for an item without any known distance. Lengths and times are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.floating]

SLACK = 1e-6
"""The seconds by which a sum of lengths may exceed the time because of rounding."""


@dataclass(frozen=True)
class Choice:
    """An item, and its distance when it was chosen."""

    item: int
    distance: float


@dataclass(frozen=True, eq=False)
class Cover:
    """The chosen items, in order, and the distance of every item afterwards; chosen items have the distance 0."""

    choices: tuple[Choice, ...]
    distances: NDArray[np.float64]

    @property
    def radius(self) -> float:
        """The largest known distance; 0 if no distance is known."""
        known = self.distances[~np.isnan(self.distances)]
        return float(known.max()) if known.size else 0.0


def cover(
    distances_from: Callable[[int], Distances],
    distances: Distances,
    groups: NDArray[np.integer],
    seconds: Distances,
    time: float,
    *,
    familiar: Collection[int] = (),
    longest: float = math.inf,
) -> Cover:
    """Choose items, the farthest first, as long as they fit into `time` seconds.

    Args:
        distances_from: Returns the distances of an item from all items, shape (n,).
        distances: The distance of each item at the start, shape (n,).
        groups: The group of each item, shape (n,); negative for no group.
        seconds: The length of each item, shape (n,).
        time: The total length of the chosen items, at most.
        familiar: Groups of which an item was covered before.
        longest: Items longer than this many seconds are chosen only when no shorter one is as urgent.

    One item of each group is chosen before a second of any group, and groups that are not `familiar` come
    first. An item that does not fit into the remaining time is skipped. If no item fits at all, the shortest
    one is chosen.

    Items with a distance above 0 come first, then those with an unknown distance (of the group with the fewest
    chosen items), then those with the distance 0. One column of distances is held at a time.

    Raises ValueError if the shapes differ.
    """
    if not distances.shape == groups.shape == seconds.shape == (distances.size,):
        raise ValueError(
            "distances, groups and seconds must have one shape (n,), "
            f"not {distances.shape}, {groups.shape}, {seconds.shape}"
        )
    current = distances.astype(np.float64)
    numbers, group_of = np.unique(groups, return_inverse=True)
    taken_of = np.zeros(numbers.size, dtype=np.int64)
    is_familiar = np.isin(numbers, list(familiar))
    is_short = seconds <= longest
    waiting = np.ones(distances.size, dtype=bool)
    choices: list[Choice] = []
    left = time
    while (fitting := waiting & (seconds <= left + SLACK)).any():
        lacking = (taken_of == 0) & (numbers >= 0)
        urgency = 2 * (2 * (lacking & ~is_familiar) + (lacking & is_familiar))[group_of] + is_short
        most_urgent = fitting & (urgency == urgency[fitting].max())
        item = _farthest(most_urgent, current, taken_of[group_of])
        choices.append(Choice(item, float(current[item])))
        waiting[item] = False
        taken_of[group_of[item]] += 1
        left -= float(seconds[item])
        _cover_item(current, item, distances_from)
    if not choices and distances.size:
        shortest = int(seconds.argmin())
        choices.append(Choice(shortest, float(current[shortest])))
        _cover_item(current, shortest, distances_from)
    return Cover(tuple(choices), current)


def _farthest(candidates: NDArray[np.bool_], distances: NDArray[np.float64], taken: NDArray[np.int64]) -> int:
    """Return the candidate to choose, of at least one; `taken` counts the chosen items of each item's group."""
    items = candidates.nonzero()[0]
    of_items = distances[items]
    unknown = np.isnan(of_items)
    if unknown.any() and not (of_items[~unknown] > 0.0).any():
        items = items[unknown]
        return int(items[taken[items].argmin()])
    return int(items[np.nanargmax(of_items)])


def _cover_item(
    distances: NDArray[np.float64], item: int, distances_from: Callable[[int], Distances]
) -> None:
    """Update `distances` in place for one more covered item."""
    if not np.isnan(distances[item]):
        np.fmin(distances, distances_from(item), out=distances)
    distances[item] = 0.0
