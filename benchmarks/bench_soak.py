"""Soak: one process ingests 10,000 clips in 50 batches, with ratings, songs and renders between them.

Each batch writes its clips (not timed), ingests them, scores them by the metrics of a new catalog, and then does
what a curator does: list, rate, reject, tag, undo, save and edit a song, render it. After each batch the benchmark
prints

- the seconds of the ingest without scoring, of the scoring (m new clips with n earlier ones: m n + m (m - 1) / 2
  pairs a metric, which is asserted), and of the other commands,
- the memory of this process now (VmRSS), and the largest peak (VmHWM) among the workers of the batch,
- the open file handles and child processes of this process, the files in the temporary folder, and the size of the
  catalog.

At the end it checks that

- the memory of this process grows by at most {SLOPE} kB a clip and {SLACK} MB; no worker needs more than {WORKER}
  MB, and in late batches no more than in early ones,
- file handles, child processes and temporary files stay as they were after the first batches,
- the times follow the law: ingest, scoring and the other commands of a batch take a + b n seconds with n clips in
  the catalog (see docs/scale.md). The line through the first half of the batches must predict the last fifth.

The exit code is 1 if a check fails. Times are checked only with --times, because other programs disturb them.
Memory, handles and processes are measured on Linux only.

Run `python benchmarks/bench_soak.py [--clips N] [--batches N] [--seconds S] [--times]`. The clips and the catalog
need 110 kB a clip in the system's temporary folder (TMPDIR), and 6 bytes for each pair of clips.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from thresher import (
    Catalog,
    IngestOptions,
    SongEdit,
    SongOptions,
    edit_song,
    ingest,
    list_clips,
    rate,
    reject,
    render,
    save_song,
    tag,
    undo,
)
from thresher.curation.ingest.catch_up import catch_up
from thresher.signal.metrics import kernels

RATE = 16_000
SLOPE = 6.0
"""The memory of the scoring process may grow by this many kB a clip …"""
SLACK = 24.0
"""… and this many MB, for what Python and SQLAlchemy keep."""
WORKER = 300.0
"""The most memory of a worker, in MB."""
GROWTH = 1.25
"""The most memory of the workers in the last batches, relative to the first ones."""
LATE = 1.5
"""The median time of the last batches, relative to what the first half predicts, may be at most this."""
PAUSE = 0.05
"""How often the memory of the workers is read, in seconds."""
SONG_CLIPS = 12

__doc__ = (__doc__ or "").format(SLOPE=f"{SLOPE:g}", SLACK=f"{SLACK:g}", WORKER=f"{WORKER:g}")


@dataclass(frozen=True)
class Batch:
    """The measurements of one batch: seconds, MB, and counts; `clips` are those in the catalog after it."""

    clips: int
    ingest: float
    score: float
    others: float
    memory: float | None
    worker: float | None
    handles: int | None
    children: int | None
    temporary: int
    catalog: float


# -- what a batch does -------------------------------------------------------------------------------------


def write_clips(folder: Path, first: int, clips: int, seconds: float) -> None:
    """Write clips of two checkpoints: tones in a rhythm of their own under some noise."""
    folder.mkdir(parents=True)
    time_axis = np.arange(round(seconds * RATE)) / RATE
    for number in range(first, first + clips):
        generator = np.random.default_rng(number)
        pitches = generator.uniform(80, 2_000, size=8)
        notes = pitches[(time_axis * generator.uniform(2, 9)).astype(int) % 8]
        y = 0.4 * np.sin(2 * np.pi * np.cumsum(notes) / RATE)
        y += generator.uniform(0.005, 0.1) * generator.normal(size=y.size)
        name = f"soak_epoch_{2 * first // clips + number % 2}_{number}.wav"
        soundfile.write(folder / name, y.astype(np.float32).clip(-1, 1), RATE, "PCM_16")


def curate(catalog: Catalog, number: int, out: Path) -> None:
    """Do what a curator does after a batch, in one song for every ten batches."""
    rows = list_clips(catalog, "batch:last")
    for place, row in enumerate(rows[:20]):
        rate(catalog, [str(row.id)], 1 + (row.id * 7 + place) % 5)
    for row in rows[20:22]:
        reject(catalog, [str(row.id)])
    if len(rows) > 25:
        tag(catalog, [str(rows[22].id), ",", str(rows[23].id)], add=["riff"])
        reject(catalog, [str(rows[24].id)])
        undo(catalog)
    name = f"soak {number // 10}"
    save_song(catalog, name, ["rating:4.."], SongOptions(order="rating-", clips=SONG_CLIPS))
    edit_song(catalog, name, SongEdit(drop=(str(rows[0].id),)))
    render(catalog, name, out / f"{number}.wav")
    list_clips(catalog, "score:0.8..", limit=20)


# -- what is measured --------------------------------------------------------------------------------------


def status_of(process: int | str, name: str) -> float | None:
    """Return a size in a process's status, in MB; None if it ended or this is not Linux."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    found = [line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:")]
    return int(found[0]) / 1024 if found else None


def command_of(process: int) -> bytes:
    """Return the command line of a process; nothing if it ended or this is not Linux."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(process: int) -> set[int]:
    """Return the processes that a process started, and those that they started."""
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = set(map(int, task.read_text().split()))
        except OSError:  # the thread has ended
            continue
        found |= children.union(*map(descendants, children))
    return found


@contextmanager
def watched_workers(peaks: list[float]) -> Iterator[None]:
    """Add the peak memory of each process that runs meanwhile, in MB, as often as it is read."""
    ended = threading.Event()

    def watch() -> None:
        own = command_of(os.getpid())
        while not ended.wait(PAUSE):
            for each in descendants(os.getpid()):
                peak = status_of(each, "VmHWM")
                # a process that has not started its program yet shows the memory of this one
                if peak is not None and command_of(each) not in (own, b""):
                    peaks.append(peak)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def count_files(folder: Path) -> int:
    """Return the number of files below a folder."""
    return sum(each.is_file() for each in folder.rglob("*"))


def run_batch(catalog: Catalog, folder: Path, number: int, clips: int, seconds: float) -> Batch:
    """Write, ingest, score and judge one batch, and measure it."""
    before = number * clips
    home = folder / "clips" / f"{number:03d}"
    write_clips(home, before, clips, seconds)
    peaks: list[float] = []
    begun = time.perf_counter()
    with watched_workers(peaks):
        report = ingest(catalog, [home], IngestOptions(score=False))
    assert report.added == clips, report
    ingested = time.perf_counter()
    scores = catch_up(catalog).scores
    assert all(each.pairs == clips * before + clips * (clips - 1) // 2 for each in scores), scores
    scored = time.perf_counter()
    curate(catalog, number, folder / "out")
    ended = time.perf_counter()
    is_linux = sys.platform == "linux"
    size = sum(each.stat().st_size for each in catalog.root.glob("catalog.db*"))
    return Batch(
        clips=before + clips,
        ingest=ingested - begun,
        score=scored - ingested,
        others=ended - scored,
        memory=status_of("self", "VmRSS"),
        worker=max(peaks, default=None),
        handles=len(os.listdir("/proc/self/fd")) if is_linux else None,
        children=len(descendants(os.getpid())) if is_linux else None,
        temporary=count_files(folder / "tmp"),
        catalog=size / 1e6,
    )


# -- the checks --------------------------------------------------------------------------------------------


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return a and b of the line a + b n through points (n, value), by least squares."""
    slope, start = statistics.linear_regression(*zip(*points, strict=True))
    return start, slope


def split_batches(batches: Sequence[Batch]) -> tuple[Sequence[Batch], Sequence[Batch]]:
    """Return the batches of the first half, without the first ones, which load libraries, and the last fifth."""
    warm = max(1, len(batches) // 10)
    return batches[warm : len(batches) // 2], batches[-max(1, len(batches) // 5) :]


def check_memory(batches: Sequence[Batch]) -> Iterator[tuple[bool, str]]:
    """Check the memory of this process and of the workers."""
    first, last = split_batches(batches)
    early, late = ([each.memory for each in group if each.memory is not None] for group in (first, last))
    if early and late:
        grown = max(late) - statistics.median(early)
        most = SLACK + SLOPE * (last[-1].clips - first[0].clips) / 1000
        yield grown <= most, f"memory grows by {grown:.0f} MB (at most {most:.0f})"
    workers = [[each.worker for each in group if each.worker is not None] for group in (first, last, batches)]
    if all(workers):
        at_first, at_last, largest = map(max, workers)
        yield largest <= WORKER, f"workers need {largest:.0f} MB (at most {WORKER:g})"
        ratio = at_last / at_first
        yield ratio <= GROWTH, f"workers need {ratio:.2f} × as much at the end (at most {GROWTH:g})"


def check_counts(batches: Sequence[Batch]) -> Iterator[tuple[bool, str]]:
    """Check that nothing accumulates."""
    first, last = split_batches(batches)
    for name, what in (
        ("handles", "file handles"),
        ("children", "processes"),
        ("temporary", "temporary files"),
    ):
        early, late = ([getattr(each, name) for each in group] for group in (first, last))
        if None not in (*early, *late):
            yield max(late) <= max(early), f"{what}: {max(early)}, at the end {max(late)}"


def check_times(batches: Sequence[Batch]) -> Iterator[tuple[bool, str]]:
    """Check that the times of a batch grow with the clips as a line does."""
    first, last = split_batches(batches)
    for name in ("ingest", "score", "others"):
        a, b = line_through([(each.clips, getattr(each, name)) for each in first])
        predicted = max(a + b * statistics.median(each.clips for each in last), a, 1e-3)
        found = statistics.median(getattr(each, name) for each in last)
        law = f"{a:.2f} s + {1e6 * b:.0f} µs n"
        yield (
            found <= LATE * predicted,
            f"{name}: {law} predicts {predicted:.2f} s; {found:.2f} s at the end (at most {LATE:g} ×)",
        )


# -- output ------------------------------------------------------------------------------------------------


def show(number: int, batch: Batch) -> None:
    """Print the row of a batch."""
    shown = [
        f"{number + 1:5}",
        f"{batch.clips:7,}",
        *(f"{seconds:8.2f}" for seconds in (batch.ingest, batch.score, batch.others)),
        *("       –" if size is None else f"{size:8.0f}" for size in (batch.memory, batch.worker)),
        *("       –" if count is None else f"{count:8}" for count in (batch.handles, batch.children)),
        f"{batch.temporary:8}",
        f"{batch.catalog:8.1f}",
    ]
    print(" ".join(shown), flush=True)


def main() -> int:
    """Run the soak and print it; return 1 if a check fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.2, help="length of a clip")
    parser.add_argument("--times", action="store_true", help="check the times as well")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.batches < 10 or options.clips < 30 * options.batches:
        parser.error("expected 10 batches or more, of 30 clips or more")
    if options.folder is not None:
        batches = soak(options.folder, options.batches, options.clips // options.batches, options.seconds)
        return 0 if report(batches, times=options.times) else 1
    # in a process of its own, whose temporary files are in a folder that is counted, and deleted after it ended
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        for inner in ("home", "out", "tmp"):
            (Path(name) / inner).mkdir()
        command = [sys.executable, __file__, *sys.argv[1:], "--folder", name]
        return subprocess.run(command, env={**os.environ, "TMPDIR": f"{name}/tmp"}, check=False).returncode


def soak(folder: Path, count: int, clips: int, seconds: float) -> list[Batch]:
    """Ingest `count` batches of `clips` clips of `seconds` each, and print the measurements of each batch."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("batch   clips   ingest    score   others   memory   worker  handles children    files  catalog")
    print("                     s        s        s       MB       MB                                  MB")
    batches: list[Batch] = []
    for load in (kernels.prefix_block, kernels.aligned_block):
        load()  # else they are loaded, with numba, once batches are large
    with Catalog.create(folder / "home") as catalog:
        for number in range(count):
            batches.append(run_batch(catalog, folder, number, clips, seconds))
            show(number, batches[-1])
    return batches


def report(batches: Sequence[Batch], *, times: bool) -> bool:
    """Print the checks, and return whether all are kept. The times count only if `times` says so."""
    spent = [sum(getattr(each, name) for each in batches) for name in ("ingest", "score", "others")]
    print("in all: ingest {:.0f} s, score {:.0f} s, others {:.0f} s".format(*spent))
    checks = [*check_memory(batches), *check_counts(batches)]
    for is_kept, sentence in checks:
        print("kept  " if is_kept else "BROKEN", sentence)
    timed = list(check_times(batches))
    for is_kept, sentence in timed:
        print(("kept  " if is_kept else "BROKEN") if times else "      ", sentence)
    return all(is_kept for is_kept, _ in (*checks, *(timed if times else ())))


if __name__ == "__main__":
    sys.exit(main())
