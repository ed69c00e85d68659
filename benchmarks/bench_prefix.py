"""Compare the speed of the numpy kernel of `prefix` with other implementations, in million pairs per second.

Every implementation scores the same fingerprints in the same run on one thread, and its scores are first
checked against the kernel's. Slow peers get a subset of the rows. `--mixed` draws lengths from 60 to 140 words;
otherwise all clips have `--words` words.

Run `python benchmarks/bench_prefix.py [-n CLIPS] [--words N] [--mixed] [--runs N]`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from thresher.signal.metrics.metric import Fingerprints
from thresher.signal.metrics.prefix import vectorised_prefix_scores as prefix_scores

Rows = list[NDArray[np.uint32]]


@dataclass(frozen=True)
class Peer:
    """One implementation, which scores up to `pairs_wanted` pairs; `score` maps two lists → (m, n)."""

    name: str
    pairs_wanted: int
    score: Callable[[Rows, Rows], NDArray[np.float32]]


def kernel(rows: Rows, columns: Rows) -> NDArray[np.float32]:
    return prefix_scores(Fingerprints.pack(rows), Fingerprints.pack(columns))


def pure_python(rows: Rows, columns: Rows) -> NDArray[np.float32]:
    row_words, column_words = [row.tolist() for row in rows], [column.tolist() for column in columns]

    def score(a: list[int], b: list[int]) -> float:
        length = min(len(a), len(b))
        return sum(32 - (x ^ y).bit_count() for x, y in zip(a, b, strict=False)) / 32 / length

    return np.array([[score(a, b) for b in column_words] for a in row_words], dtype=np.float32)


def big_integers(rows: Rows, columns: Rows) -> NDArray[np.float32]:
    def integers(words: Rows) -> list[tuple[int, int]]:
        return [(int.from_bytes(array.astype("<u4").tobytes(), "little"), 32 * array.size) for array in words]

    row_integers, column_integers = integers(rows), integers(columns)
    masks = {bits: (1 << bits) - 1 for _, bits in row_integers + column_integers}

    def score(a: tuple[int, int], b: tuple[int, int]) -> float:
        bits = min(a[1], b[1])
        return 1 - ((a[0] ^ b[0]) & masks[bits]).bit_count() / bits

    return np.array([[score(a, b) for b in column_integers] for a in row_integers], dtype=np.float32)


def naive_numpy(rows: Rows, columns: Rows) -> NDArray[np.float32]:
    lengths = np.array([column.size for column in columns])
    padded = np.zeros((len(columns), lengths.max()), dtype=np.uint32)
    for row, column in zip(padded, columns, strict=True):
        row[: column.size] = column
    scores = np.empty((len(rows), len(columns)), dtype=np.float32)
    for index, a in enumerate(rows):
        shorter = np.minimum(lengths, a.size)
        counts = np.bitwise_count(padded[:, : a.size] ^ a[: padded.shape[1]])
        counts[np.arange(counts.shape[1]) >= shorter[:, None]] = 0
        scores[index] = 1 - counts.sum(axis=1) / (32 * shorter)
    return scores


PEERS = (
    Peer("thresher prefix_scores", 10**9, kernel),
    Peer("numpy uint32, row by row", 400_000, naive_numpy),
    Peer("Python big integers", 400_000, big_integers),
    Peer("pure Python, word by word", 20_000, pure_python),
)


def random_fingerprints(clips: int, words: int, *, mixed: bool) -> Rows:
    generator = np.random.default_rng(7)
    lengths = generator.integers(60, 141, clips) if mixed else np.full(clips, words)
    return [generator.integers(0, 2**32, int(length), dtype=np.uint32) for length in lengths]


def measure(peer: Peer, fingerprints: Rows, runs: int) -> tuple[float, float]:
    """Return million pairs per second of the median and the fastest run, after a checked warm-up."""
    rows = fingerprints[: max(1, peer.pairs_wanted // len(fingerprints))]
    np.testing.assert_allclose(peer.score(rows, fingerprints), kernel(rows, fingerprints), atol=1e-6)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        peer.score(rows, fingerprints)
        seconds.append(time.perf_counter() - start)
    pairs = len(rows) * len(fingerprints) / 1e6
    return pairs / statistics.median(seconds), pairs / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--clips", type=int, default=2_000)
    parser.add_argument("--words", type=int, default=100)
    parser.add_argument("--mixed", action="store_true", help="lengths from 60 to 140 words")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    fingerprints = random_fingerprints(options.clips, options.words, mixed=options.mixed)
    lengths = "60 to 140" if options.mixed else str(options.words)
    print(f"{options.clips} clips of {lengths} words, {options.runs} runs, one thread, M pairs/s")
    print(f"{'':28}{'median':>9}{'best':>9}")
    for peer in PEERS:
        median, best = measure(peer, fingerprints, options.runs)
        print(f"{peer.name:28}{median:9.3f}{best:9.3f}")


if __name__ == "__main__":
    main()
