"""The ordering "chain": the path through all clips that maximises the sum of the scores of its transitions.

A search with a fixed number of steps finds the path, or one close to it. For n clips, `ids` is int64, shape
(n,), distinct; `scores` is float32, shape (n, n), symmetric, NaN for clips without a score. Up to `FEW` clips
the search runs as plain Python, which takes less time than loading numba; above, the same code runs compiled.
Both give the same path. Besides the scores, the search needs one float32 copy of them and 200 bytes per clip.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.signal.compiling import checked_cache, with_cache
from thresher.signal.ordering import chain_kernels
from thresher.signal.ordering.chain_kernels import HEAT, LOG_ROOM, NEAR
from thresher.signal.ordering.potentials import potentials

Ids = NDArray[np.int64]
Positions = NDArray[np.int64]
Scores = NDArray[np.float32]

TRIED = 7  # up to this number of clips, every order is tried
FEW = 250  # up to this number of clips, the search is not compiled
ROUNDS = 4  # per clip
MOST_ROUNDS = 100_000


def chain(scores: Scores, ids: Ids, start: int | None = None, end: int | None = None) -> Positions:
    """Find the path through the clips that maximises the sum of scores, or one close to it.

    `start` and `end` are the positions of the first and the last clip of the path. Without them, the path takes
    the direction in which its first clip has the smaller id. Clips without any score follow after the path (and
    after `end`), ordered by id, unless they are the start or the end. Two clips without a score count as 0, or
    as the lowest score if that is below 0. Returns int64 positions, shape (n,), a permutation of 0 … n - 1. The
    sequence of ids does not depend on the order in which the clips are given.

    Raises ValueError if the shapes disagree, an id occurs twice, a score is infinite, the scores are not
    symmetric, or `start` and `end` are not the positions of two clips.
    """
    ids = np.asarray(ids, dtype=np.int64)
    _check(scores, ids, start, end)
    by_id = np.argsort(ids, kind="stable")
    pinned = [pin for pin in (start, end) if pin is not None]
    scored = np.array([_has_score(scores, clip) or clip in pinned for clip in by_id.tolist()], dtype=np.bool_)
    clips = by_id[scored]
    ends = [None if pin is None else int(np.flatnonzero(clips == pin)[0]) for pin in (start, end)]
    scores = _with_gap(scores, clips)
    path = _best_of_all(scores, ends) if clips.size <= TRIED else _searched(scores, ends)
    return np.concatenate([clips[_directed(path, ends)], by_id[~scored]]).astype(np.int64)


def _check(scores: Scores, ids: Ids, start: int | None, end: int | None) -> None:
    if scores.shape != (ids.size, ids.size) or ids.ndim != 1:
        raise ValueError(f"scores of shape {scores.shape} were given for ids of shape {ids.shape}")
    distinct, times = np.unique(ids, return_counts=True)
    if distinct.size != ids.size:
        raise ValueError(f"clip {distinct[times > 1][0]} is given twice")
    for pin in (start, end):
        if pin is not None and not 0 <= pin < ids.size:
            raise ValueError(f"{pin} is not the position of one of {ids.size} clips")
    if start is not None and start == end and ids.size > 1:
        raise ValueError(f"clip {ids[start]} can't be both start and end of {ids.size} clips")
    for clip in range(ids.size):
        row, column = scores[clip, :clip], scores[:clip, clip]
        differs = (row != column) & ~(np.isnan(row) & np.isnan(column))
        wrong = np.flatnonzero(differs | np.isinf(row))
        if wrong.size:
            raise ValueError(
                f"scores are not symmetric and finite: clip {ids[clip]} has {row[wrong[0]]} with clip "
                f"{ids[wrong[0]]}, which has {column[wrong[0]]} with it"
            )


def _has_score(scores: Scores, clip: int) -> bool:
    scored = ~np.isnan(scores[clip])
    scored[clip] = False
    return bool(scored.any())


def _with_gap(scores: Scores, clips: Positions) -> Scores:
    """The scores among `clips` in their order, and one more row and column of zeros for the gap."""
    padded = np.zeros((clips.size + 1, clips.size + 1), dtype=np.float32)
    for row, clip in enumerate(clips.tolist()):
        padded[row, :-1] = scores[clip, clips]
        padded[row, row] = 0
    lowest = np.fmin.reduce(padded, axis=None)
    padded[np.isnan(padded)] = lowest  # the zeros are included, so this is never above 0
    return padded


def _directed(path: Positions, ends: list[int | None]) -> Positions:
    """The path in the direction that the pins require, or else from the smaller id. Clips are numbered by id."""
    start, end = ends
    if path.size == 0:
        return path
    if start is None and end is None:
        return path if path[0] <= path[-1] else path[::-1]
    first = path[0] == start if start is not None else path[-1] == end
    return path if first else path[::-1]


def _best_of_all(scores: Scores, ends: list[int | None]) -> Positions:
    """The best of all paths; among equal ones, the first by ids."""
    count, (start, end) = len(scores) - 1, ends
    paths = np.array(list(itertools.permutations(range(count))), dtype=np.int64)
    for pin, position in ((start, 0), (end, -1)):
        if pin is not None:
            paths = paths[paths[:, position] == pin]
    # Scores are added in the order of their size, so that a path and its mirror image have the same sum.
    found = np.sort(scores[paths[:, :-1], paths[:, 1:]].astype(np.float64), axis=1).sum(axis=1)
    return np.asarray(paths[found.argmax()]) if count else np.empty(0, dtype=np.int64)


def _searched(scores: Scores, ends: list[int | None]) -> Positions:
    """The path that the search finds from a greedy start. `scores` is modified: levelled, and with high scores
    between the pins and the gap."""
    count = len(scores) - 1
    _level(scores)
    near, nearness = _nearest(scores)
    pinned = [pin for pin in ends if pin is not None]
    # No move can gain this much, so a search that starts with the pins next to the gap leaves them there.
    highest = 1000 * max(1.0, float(np.abs(nearness[np.isfinite(nearness)]).max()))
    scores[count, pinned] = scores[pinned, count] = highest
    tour = _greedy(scores, near, nearness, pinned)
    where = np.argsort(tour, kind="stable")
    heat = HEAT * float(np.mean(nearness[:, 0] - nearness[:, min(NEAR, count - 1) - 1]))
    state = np.array([0, 0, 1], dtype=np.int64)
    blank, log = np.zeros(count + 1, dtype=np.int64), np.zeros(LOG_ROOM, dtype=np.int64)
    arrays: list[NDArray[Any]] = [
        scores.ravel(),
        near.ravel(),
        nearness.ravel(),
        tour,
        where,
        blank,
        blank.copy(),
        log,
        state,
    ]
    if count <= FEW:
        lists: list[Any] = [array.tolist() for array in arrays]
        plain: Callable[..., None] = chain_kernels.improve
        plain(*lists, ROUNDS * count, heat)
        tour = np.array(lists[3], dtype=np.int64)
    else:
        compiled()(*arrays, min(ROUNDS * count, MOST_ROUNDS), heat)
    return np.roll(tour, -int(np.flatnonzero(tour == count)[0]))[1:]


@cache
def compiled() -> Callable[..., None]:
    """`improve`, compiled by numba with all functions it calls, or read from numba's cache."""
    return with_cache(_compiled)


def _compiled(cached: bool) -> Callable[..., None]:
    """The compiled copies share one namespace, so that each calls the compiled form of the others."""
    import numba

    namespace: dict[str, Any] = dict(vars(chain_kernels))
    for name, function in vars(chain_kernels).items():
        if isinstance(function, FunctionType):
            copied = FunctionType(function.__code__, namespace, name)
            namespace[name] = numba.njit(cache=cached, nogil=True, error_model="numpy")(copied)
    improve = namespace["improve"]
    integers, numbers = numba.int64[::1], numba.float64[::1]
    # compiled now, so that a broken cache is detected here
    with checked_cache(improve) if cached else nullcontext():
        improve.compile((numba.float32[::1], integers, numbers, *[integers] * 6, numba.int64, numba.float64))
    return improve  # type: ignore[no-any-return]  # numba has no types


def _level(scores: Scores) -> None:
    """Subtract the potentials from the scores of all clips. This changes all paths equally, see `potentials`."""
    taken = np.append(potentials(scores[:-1, :-1]), 0.0)
    for clip in range(len(scores)):
        # one rounding, so that the scores stay symmetric
        scores[clip] = scores[clip] - (taken + taken[clip])
        scores[clip, clip] = 0


def _nearest(scores: Scores) -> tuple[Positions, NDArray[np.float64]]:
    """The `NEAR` clips that have the best scores with each clip, best first, and those scores; shape (n, NEAR).

    Among equal scores, the clips with the next higher ids come first, cyclically; otherwise all clips would
    have the same near clips.
    """
    count = len(scores) - 1
    many = min(NEAR, count - 1)
    near = np.zeros((count, NEAR), dtype=np.int64)
    nearness = np.full((count, NEAR), -np.inf)
    for clip in range(count):
        row = np.roll(scores[clip, :count], -clip)[1:]
        least = np.partition(row, row.size - many)[row.size - many]
        found = np.flatnonzero(row >= least)
        found = found[np.argsort(-row[found], kind="stable")][:many]
        near[clip, :many] = (found + 1 + clip) % count
        near[clip, many:] = near[clip, 0]
        nearness[clip, :many] = row[found]
    return near, nearness


def _greedy(scores: Scores, near: Positions, nearness: NDArray[np.float64], pinned: list[int]) -> Positions:
    """A greedy tour: pieces of the best transitions, joined end to end, from the gap on."""
    count = len(scores) - 1
    links = _greedy_links(near, nearness, pinned)
    loose = [clip for clip in range(count) if len(links[clip]) < 2]
    closed = np.full(count, -np.inf, dtype=np.float32)
    closed[loose] = 0
    clip: int = pinned[0] if pinned else loose[0]
    final = _walk(links, pinned[1]) if len(pinned) == 2 else []
    closed[final] = -np.inf
    tour = [count]
    while True:
        piece = _walk(links, clip)
        tour += piece
        closed[[piece[0], piece[-1]]] = -np.inf
        row = scores[piece[-1], :count] + closed
        clip = int(row.argmax())
        if row[clip] == -np.inf:
            return np.array(tour + final[::-1], dtype=np.int64)


def _greedy_links(near: Positions, nearness: NDArray[np.float64], pinned: list[int]) -> list[list[int]]:
    """The neighbours of each clip: up to two, one less for pins, and without closed rings."""
    count = len(near)
    one, other = np.repeat(np.arange(count), NEAR), near.ravel()
    order = np.lexsort((np.maximum(one, other), np.minimum(one, other), -nearness.ravel()))
    order = order[np.isfinite(nearness.ravel()[order])]
    links: list[list[int]] = [[] for _ in range(count)]
    room = [2 - (clip in pinned) for clip in range(count)]
    far_end = list(range(count))
    if len(pinned) == 2:  # the gap connects the two pins
        far_end[pinned[0]], far_end[pinned[1]] = pinned[1], pinned[0]
    for clip, to in zip(one[order].tolist(), other[order].tolist(), strict=True):
        if len(links[clip]) < room[clip] and len(links[to]) < room[to] and far_end[clip] != to:
            links[clip].append(to)
            links[to].append(clip)
            there, beyond = far_end[clip], far_end[to]
            far_end[there], far_end[beyond] = beyond, there
    return links


def _walk(links: list[list[int]], clip: int) -> list[int]:
    """A piece of linked clips, from one end to the other."""
    piece = [clip]
    following = links[clip][:1]
    while following:
        piece += following
        following = [each for each in links[piece[-1]] if each != piece[-2]]
    return piece
