"""Decide when compiled kernels are worth loading, and split their work among threads.

Starting numba takes a process as long as scoring many pairs in numpy. So a job uses a compiled kernel only if
its *work* exceeds what numpy does in that time, or if the process has loaded the kernel already. Work is an
upper bound of the words compared; each metric says how it is counted.
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

# A call cannot be interrupted: Ctrl-C waits until each thread has finished its chunk, a few tenths of a second.
CHUNK_WORK = 1 << 32
# With several chunks per thread, the threads end at about the same time although chunks take different times.
CHUNKS_PER_THREAD = 8
# Starting threads takes about as long as this much work.
THREAD_WORK = 1 << 24


@dataclass(frozen=True)
class Threshold:
    """The work that takes numpy as long as a new process takes to start numba and do it there.

    `cold` applies if the kernel must be compiled, `cached` if numba finds it on the disk.
    """

    cold: int
    cached: int


def worth_compiling(kernel: str, work: int, threshold: Threshold) -> bool:
    """Return whether to use the compiled kernel: the work is large, or the kernel is already loaded."""
    module = sys.modules.get(KERNELS)
    if module is not None and getattr(module, kernel).cache_info().currsize > 0:
        return True
    return work > threshold.cold or (work > threshold.cached and _is_on_disk(kernel))


def _is_on_disk(kernel: str) -> bool:
    """Return whether numba has cached this kernel next to its source, without importing numba.

    A wrong answer (a cache in another folder, or one made for another machine) only costs time.
    """
    source = Path(__file__).with_name("kernels.py")
    with suppress(OSError):
        changed = source.stat().st_mtime
        cached = source.with_name("__pycache__").glob(f"kernels._{kernel}-*.nbi")
        return any(file.stat().st_mtime > changed for file in cached)
    return False


def compiled_scores(
    kernel: str, rows: Fingerprints, columns: Fingerprints, *, longest: int, work: int, threads: int
) -> Scores:
    """Return the scores of a block by the kernel of that name: float32, shape (rows.count, columns.count).

    The kernel's score must be symmetric. Clips are cut to `longest` words. `work` is in words compared.
    """
    scores = np.empty((rows.count, columns.count), np.float32)
    if scores.size == 0:
        return scores
    strides = (columns.count, 1)
    if rows.count > columns.count:  # vectors run along the columns; more columns fill them better
        rows, columns, strides = columns, rows, (1, columns.count)
    across, down = ColumnLayout.of(columns, longest), RowLayout.of(rows, longest)
    run = find_kernel(kernel)

    def part(first_group: int, last_group: int) -> None:
        run(
            down.words, down.masks, down.starts, down.lengths, down.indices,
            across.words, across.starts, across.lengths, across.indices,
            first_group, last_group, scores.reshape(-1), *strides,
        )  # fmt: skip

    _run_in_parts(part, across.groups, work, threads if work > THREAD_WORK else 1)
    return scores


def find_kernel(name: str) -> Callable[..., None]:
    """Return the compiled kernel of that name; the first call of a process compiles or loads it."""
    from thresher.signal.metrics import kernels

    found: Callable[[], Callable[..., None]] = getattr(kernels, name)
    return found()


def _run_in_parts(part: Callable[[int, int], None], groups: int, work: int, threads: int) -> None:
    """Call `part` on ranges that together cover 0 … `groups`, on `threads` threads."""
    wanted = max(1 if threads == 1 else CHUNKS_PER_THREAD * threads, work // CHUNK_WORK)
    edges = np.unique(np.linspace(0, groups, min(groups, wanted) + 1).astype(int)).tolist()
    ranges = list(itertools.pairwise(edges))[::-1]  # the longest clips first: they take longest
    in_threads(lambda ends: part(*ends), ranges, threads)
