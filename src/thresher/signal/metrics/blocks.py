"""Blocks of pairs on compiled kernels: when they pay, and how the work is cut up for threads.

Starting numba costs a process as much as scoring many pairs in numpy does. A job is therefore worth compiled
kernels where its *work* – a bound on the words it compares, see each metric – exceeds what numpy does in
that time, or where this process has compiled the kernel already.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.signal.metrics.layout import ColumnLayout, RowLayout
from thresher.signal.metrics.metric import Fingerprints, Scores
from thresher.signal.threads import in_threads

KERNELS = "thresher.signal.metrics.kernels"

# A call can't be interrupted: Ctrl-C waits for one chunk of every thread, a few tenths of a second.
CHUNK_WORK = 1 << 32
# Long clips come last and cost most: threads end together where the last chunks are small.
CHUNKS_PER_THREAD = 8
# Starting threads costs about as much as this.
THREAD_WORK = 1 << 24


@dataclass(frozen=True)
class Threshold:
    """Work that takes numpy as long as a fresh process takes to start numba and finish it there.

    `cold` where the kernel must be compiled, `cached` where numba finds it on disk.
    """

    cold: int
    cached: int


def worth_compiling(kernel: str, work: int, threshold: Threshold) -> bool:
    """Whether `work` is for the compiled kernel: it is large, or the kernel is there already."""
    module = sys.modules.get(KERNELS)
    if module is not None and getattr(module, kernel).cache_info().currsize > 0:
        return True
    return work > threshold.cold or (work > threshold.cached and _is_on_disk(kernel))


def _is_on_disk(kernel: str) -> bool:
    """Whether numba has kept this kernel beside its source, without asking numba.

    Where it keeps it elsewhere, or what is kept turns out to be for another machine, only time is lost.
    """
    source = Path(__file__).with_name("kernels.py")
    with suppress(OSError):
        changed = source.stat().st_mtime
        kept = source.with_name("__pycache__").glob(f"kernels._{kernel}-*.nbi")
        return any(file.stat().st_mtime > changed for file in kept)
    return False


def compiled_scores(
    kernel: str, rows: Fingerprints, columns: Fingerprints, *, longest: int, work: int, threads: int
) -> Scores:
    """Scores of a block by the kernel of that name, float32, shape (rows.count, columns.count).

    The kernel's score must be symmetric. Clips are cut to `longest` words; `work` is in pair-words.
    """
    scores = np.empty((rows.count, columns.count), np.float32)
    if scores.size == 0:
        return scores
    strides = (columns.count, 1)
    if rows.count > columns.count:  # vectors run along the columns: the more of them, the fuller
        rows, columns, strides = columns, rows, (1, columns.count)
    across, down = ColumnLayout.of(columns, longest), RowLayout.of(rows, longest)
    run = _find_kernel(kernel)

    def part(first_group: int, last_group: int) -> None:
        run(
            down.words, down.masks, down.starts, down.lengths, down.indices,
            across.words, across.starts, across.lengths, across.indices,
            first_group, last_group, scores.reshape(-1), *strides,
        )  # fmt: skip

    _run_in_parts(part, across.groups, work, threads if work > THREAD_WORK else 1)
    return scores


def _find_kernel(name: str) -> Callable[..., None]:
    from thresher.signal.metrics import kernels

    found: Callable[[], Callable[..., None]] = getattr(kernels, name)
    return found()


def _run_in_parts(part: Callable[[int, int], None], groups: int, work: int, threads: int) -> None:
    """Call `part` on ranges that cover 0 … `groups`, on so many threads."""
    wanted = max(1 if threads == 1 else CHUNKS_PER_THREAD * threads, work // CHUNK_WORK)
    edges = np.unique(np.linspace(0, groups, min(groups, wanted) + 1).astype(int)).tolist()
    ranges = list(itertools.pairwise(edges))[::-1]  # the longest clips first
    in_threads(lambda ends: part(*ends), ranges, threads)
