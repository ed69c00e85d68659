"""Compare the speed of `prefix` and `aligned` with other implementations, in million pairs per second.

All implementations score the same fingerprints: blocks of up to 512 rows with n columns, as scoring does. The
time includes laying out the fingerprints and writing the scores, but not compiling (`--cold` measures that, in
new processes). All scores are first checked against numpy's. Slow peers get fewer rows. The implementations run
in turn, so that other load slows all of them equally. The figures are medians; the ratio to each peer is taken
within a run.

Run `python benchmarks/bench_kernels.py prefix` or `… aligned`; `--cold` for starts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from thresher.signal.metrics import aligned, prefix
from thresher.signal.metrics.aligned import aligned_scores
from thresher.signal.metrics.blocks import Threshold
from thresher.signal.metrics.metric import Fingerprints, Scores
from thresher.signal.metrics.prefix import prefix_scores, vectorised_prefix_scores

ROWS = 512
ALWAYS, NEVER = Threshold(-1, -1), Threshold(1 << 62, 1 << 62)


@dataclass(frozen=True)
class Way:
    """One implementation, which scores up to `pairs_wanted` pairs."""

    name: str
    pairs_wanted: int
    score: Callable[[Fingerprints, Fingerprints], Scores]


def plain_loops() -> dict[str, Callable[[Fingerprints, Fingerprints], Scores]]:
    """Return the straightforward loops in numba: word by word, pair by pair."""
    import numba

    @numba.njit(nogil=True, inline="always")  # type: ignore[untyped-decorator]  # numba has no types
    def bits(word: Any) -> Any:
        word = word - ((word >> np.uint32(1)) & np.uint32(0x55555555))
        word = (word & np.uint32(0x33333333)) + ((word >> np.uint32(2)) & np.uint32(0x33333333))
        word = (word + (word >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
        return np.uint32(word * np.uint32(0x01010101)) >> np.uint32(24)

    @numba.njit(nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
    def prefix(rows: Any, row_ends: Any, columns: Any, column_ends: Any, scores: Any) -> None:
        for i in range(scores.shape[0]):
            a = rows[row_ends[i] : row_ends[i + 1]]
            for k in range(scores.shape[1]):
                b = columns[column_ends[k] : column_ends[k + 1]]
                length, different = min(a.size, b.size), 0
                for t in range(length):
                    different += bits(a[t] ^ b[t])
                scores[i, k] = (32 * length - different) / (32.0 * length)

    @numba.njit(nogil=True)  # type: ignore[untyped-decorator]  # numba has no types
    def best(rows: Any, row_ends: Any, columns: Any, column_ends: Any, scores: Any) -> None:
        for i in range(scores.shape[0]):
            a = rows[row_ends[i] : row_ends[i + 1]]
            for k in range(scores.shape[1]):
                b = columns[column_ends[k] : column_ends[k + 1]]
                shorter = min(a.size, b.size)
                least = max((shorter + 2) // 3, min(12, shorter))
                found = 0.0
                for offset in range(least - b.size, a.size - least + 1):
                    start, stop = max(0, -offset), min(b.size, a.size - offset)
                    different = np.uint32(0)
                    for t in range(start, stop):
                        different += bits(a[t + offset] ^ b[t])
                    count = 32 * (stop - start)
                    found = max(found, (count - np.int64(different)) / np.float64(count))
                scores[i, k] = found

    def over(loop: Any) -> Callable[[Fingerprints, Fingerprints], Scores]:
        def score(rows: Fingerprints, columns: Fingerprints) -> Scores:
            scores = np.empty((rows.count, columns.count), np.float32)
            ends = [np.concatenate([[0], np.cumsum(block.lengths)]) for block in (rows, columns)]
            loop(rows.words, ends[0], columns.words, ends[1], scores)
            return scores

        return score

    return {"prefix": over(prefix), "aligned": over(best)}


@contextmanager
def _threshold(threshold: Threshold) -> Any:
    kept = prefix.PREFIX_WORK, aligned.ALIGNED_WORK
    prefix.PREFIX_WORK = aligned.ALIGNED_WORK = threshold
    yield
    prefix.PREFIX_WORK, aligned.ALIGNED_WORK = kept


def compiled(metric: str, threads: int) -> Callable[[Fingerprints, Fingerprints], Scores]:
    def score(rows: Fingerprints, columns: Fingerprints) -> Scores:
        with _threshold(ALWAYS):
            run = prefix_scores if metric == "prefix" else aligned_scores
            return run(rows, columns, threads=threads)

    return score


def in_numpy(rows: Fingerprints, columns: Fingerprints) -> Scores:
    scores = [[aligned.align(row, column).score for column in columns] for row in rows]
    return np.array(scores, np.float32)


def ways(metric: str) -> list[Way]:
    loop = plain_loops()[metric]
    numpy = (
        Way("numpy", 10**9, vectorised_prefix_scores)
        if metric == "prefix"
        else Way("numpy, pair by pair", 2_000, in_numpy)
    )
    return [
        Way("compiled, 1 thread", 10**9, compiled(metric, 1)),
        Way("compiled, 2 threads", 10**9, compiled(metric, 2)),
        Way("numba, plain uint32 loop", 10**6 if metric == "prefix" else 10_000, loop),
        numpy,
    ]


def fingerprints(clips: int, words: int, *, mixed: bool) -> Fingerprints:
    generator = np.random.default_rng(7)
    lengths = (
        generator.integers(words * 6 // 10, words * 14 // 10 + 1, clips) if mixed else np.full(clips, words)
    )
    return Fingerprints(generator.integers(0, 2**32, int(lengths.sum()), dtype=np.uint32), lengths)


def table(metric: str, clips: int, words: int, runs: int, *, mixed: bool) -> None:
    columns = fingerprints(clips, words, mixed=mixed)
    rows_of = {
        way.name: columns.part(0, max(1, min(ROWS, clips, way.pairs_wanted // clips))) for way in ways(metric)
    }
    expected = (vectorised_prefix_scores if metric == "prefix" else in_numpy)(
        columns.part(0, 2), columns.part(0, 50)
    )
    seconds: dict[str, list[float]] = {name: [] for name in rows_of}
    worked: dict[str, list[float]] = {name: [] for name in rows_of}
    every = ways(metric)
    for way in every:
        assert np.array_equal(way.score(columns.part(0, 2), columns)[:, :50], expected), way.name
    for _ in range(runs):
        for way in every:
            start, begun = time.perf_counter(), time.process_time()
            way.score(rows_of[way.name], columns)
            seconds[way.name].append((time.perf_counter() - start) / rows_of[way.name].count / clips)
            worked[way.name].append((time.process_time() - begun) / rows_of[way.name].count / clips)
    lengths = f"{words * 6 // 10} to {words * 14 // 10}" if mixed else str(words)
    print(f"{metric}, {clips} clips of {lengths} words, {runs} runs")
    fastest = seconds[every[0].name]
    for way in every:
        rate = 1e-6 / statistics.median(seconds[way.name])
        ratio = statistics.median(a / b for a, b in zip(seconds[way.name], fastest, strict=True))
        by_processor = 1e-6 / statistics.median(worked[way.name])
        print(
            f"  {way.name:28}{rate:10.3f} M pairs/s{by_processor:10.3f} per CPU second"
            f"   compiled is {ratio:6.2f} × as fast"
        )


COLD = """
import sys, time
import numpy as np
from thresher.signal.metrics import aligned, prefix
from thresher.signal.metrics.blocks import Threshold
from thresher.signal.metrics.metric import Fingerprints
metric, threshold, count, words = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
if threshold: prefix.PREFIX_WORK = aligned.ALIGNED_WORK = Threshold(threshold, threshold)
clips = Fingerprints.pack(np.random.default_rng(1).integers(0, 2**32, (count, words), dtype=np.uint32))
score = prefix.prefix_scores if metric == "prefix" else aligned.aligned_scores
start = time.perf_counter(); score(clips, clips); print(time.perf_counter() - start)
"""


def cold(metric: str, sides: list[int], words: int, runs: int) -> None:
    """Print the seconds of one job in a new process: numpy, compiled with and without numba's cache, and as
    chosen."""
    print(f"{metric}, new process, n × n pairs of {words} words, seconds: median of {runs}")
    print(f"  {'n':>6}{'numpy':>10}{'cached':>10}{'compiling':>12}{'chosen':>10}")
    for side in sides:
        line = f"  {side:6}"
        for threshold, fresh in ((1 << 62, False), (-1, False), (-1, True), (0, False)):
            seconds = []
            for _ in range(runs):
                with tempfile.TemporaryDirectory() as folder:  # an empty cache for numba
                    environment = {**os.environ, **({"NUMBA_CACHE_DIR": folder} if fresh else {})}
                    done = subprocess.run(
                        [sys.executable, "-c", COLD, metric, str(threshold), str(side), str(words)],
                        capture_output=True,
                        text=True,
                        check=True,
                        env=environment,
                    )
                seconds.append(float(done.stdout))
            line += f"{statistics.median(seconds):{12 if fresh else 10}.3f}"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("metric", nargs="?", choices=("prefix", "aligned"), default="prefix")
    parser.add_argument("-n", "--clips", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--words", type=int)
    parser.add_argument("--mixed", action="store_true", help="lengths from 0.6 to 1.4 times --words")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--cold", action="store_true", help="measure starts and break-even instead")
    options = parser.parse_args()
    words = options.words or (100 if options.metric == "prefix" else 150)
    if options.cold:
        cold(options.metric, options.clips, words, options.runs)
        return
    for clips in options.clips:
        table(options.metric, clips, words, options.runs, mixed=options.mixed)


if __name__ == "__main__":
    main()
