"""Compare the ordering `chain` with simpler orderings and the package fast-tsp, which gets five seconds.

The score matrices of 200 and of 2,000 clips are of two kinds: random scores, and scores exp(-distance) of
points in eight dimensions, which are correlated like likeness. fast-tsp solves closed tours; a node at equal
distance from all others opens them. The table shows the sum of transition scores, its share of fast-tsp's, and
seconds. For `chain` it also shows the time in a new process, without numba's cache (cold) and with it.

Run `pip install --group bench`, then `python benchmarks/bench_chain.py [--clips 200 2000]`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import fast_tsp
import numpy as np
from numpy.typing import NDArray

from thresher.signal.ordering.chain import chain
from thresher.signal.ordering.pairs import pairs

Scores = NDArray[np.float32]
Order = NDArray[np.int64]

CHILD = """
import sys, time
import numpy as np
from thresher.signal.ordering.chain import chain
scores = np.load(sys.argv[1])
begun = time.perf_counter()
chain(scores, np.arange(len(scores)))
print(time.perf_counter() - begun)
"""


def by_chance(count: int) -> Scores:
    """Return random scores between 0 and 1."""
    upper = np.triu(np.random.default_rng(0).random((count, count)), 1)
    return (upper + upper.T).astype(np.float32)


def by_distance(count: int) -> Scores:
    """Return the scores exp(-distance) of random points in eight dimensions."""
    points = np.random.default_rng(1).standard_normal((count, 8))
    squares = ((points[:, None] - points) ** 2).sum(axis=2)
    return np.exp(-np.sqrt(squares)).astype(np.float32)


def total(scores: Scores, order: Order) -> float:
    """Return the sum of the transition scores of an order."""
    return float(scores[order[:-1], order[1:]].astype(np.float64).sum())


def nearest_neighbour(scores: Scores, ids: Order) -> Order:
    """Start with the first clip and always continue with the nearest clip left."""
    left, tour = np.zeros(len(ids), np.float32), [0]
    while len(tour) < len(ids):
        left[tour[-1]] = -np.inf
        tour.append(int((scores[tour[-1]] + left).argmax()))
    return np.array(tour)


def fast(scores: Scores, ids: Order) -> Order:
    """Order clips by fast-tsp in five seconds."""
    count, least, most = len(ids), float(scores.min()), float(scores.max())
    distances = np.zeros((count + 1, count + 1), np.uint16)
    distances[:count, :count] = np.rint((most - scores) / (most - least) * 65_000)
    np.fill_diagonal(distances, 0)
    tour = np.array(fast_tsp.find_tour(distances, 5.0))
    return np.roll(tour, -int(np.flatnonzero(tour == count)[0]))[1:]


def in_a_fresh_process(scores: Scores, cache: str) -> float:
    """Return the seconds of one chain in a new process, without imports."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, scores)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-c", CHILD, file.name],
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[200, 2_000])
    options = parser.parse_args()
    methods: dict[str, Callable[[Scores, Order], Order]] = {
        "given order": lambda _, ids: ids,
        "pairs": pairs,
        "nearest neighbour": nearest_neighbour,
        "chain": chain,
        "fast-tsp, 5 s": fast,
    }
    for count in options.clips:
        for what, scores in (("random", by_chance(count)), ("by distance", by_distance(count))):
            print(f"{count} clips, scores: {what}")
            found = []
            for name, method in methods.items():
                begun = time.perf_counter()
                order = method(scores, np.arange(count))
                found.append((name, total(scores, order), time.perf_counter() - begun))
            for name, transitions, seconds in found:
                print(
                    f"  {name:20}{transitions:12.4f}{100 * transitions / found[-1][1]:10.3f} %{seconds:8.2f} s"
                )
            with tempfile.TemporaryDirectory() as cache:
                cold, warm = (in_a_fresh_process(scores, cache) for _ in range(2))
            print(f"  chain in a new process: {cold:.2f} s cold, {warm:.2f} s with numba's cache", flush=True)


if __name__ == "__main__":
    main()
