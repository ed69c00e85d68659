"""Measure how the time and size of scoring grow with the number of clips, for each metric.

Synthetic catalogs are filled by plain inserts: fingerprints of about 100 random words, and descriptors mixed
from those of 48 synthetic sounds; one clip in ten is a near copy of another. For each metric and each number of
clips n it measures:

- scoring all n clips, then m more: the number of pairs (asserted: n (n - 1) / 2 and m n + m (m - 1) / 2), the time
  and the peak memory, each in a new process. The time excludes the start, which is shown separately: loading the
  compiled kernel or the constants, and scoring three clips of another catalog;
- the bytes that scoring added to the catalog, per pair;
- reading the score matrix of m random clips: the median of eleven, and the first;
- `thresher list score:0.8.. --limit 20` by that metric relative to `python -c "import sqlalchemy"`: whole commands
  in turn, medians, and the median of the ratios of adjacent runs.

Finally it prints the exponents of growth from the smallest to the largest n, and extrapolates to 100,000 clips:
by a n + b n² for scoring all and for the bytes, by a + b n for the rest, through the two largest n.

Run `python benchmarks/bench_scale.py [--clips N …] [--more M] [--metric NAME …] [--runs N] [--quick]`. The
targets are for 10,000 clips and 200 more. Files are written to the system's temporary folder (TMPDIR): 230 MB
for 10,000 clips.
"""

from __future__ import annotations

import argparse
import compileall
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select

import thresher
from bench_startup import compare
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, location, recording
from thresher.catalog.scores import score_reads, scores
from thresher.curation.comparison.score import score
from thresher.signal.features import descriptors
from thresher.signal.metrics.registry import METRICS, find_metric

RATE = 16_000
SOUNDS = 48
SOUND_SECONDS = 5
WORDS = 100
COPIES = 0.1
"""The share of clips that are near copies of an earlier one of their batch."""
FLIPPED = 0.04
"""The share of bits in which a near copy's fingerprint differs."""

READINGS = 11
FAR = 100_000
SCRATCH_CLIPS = 3
LAWS = {
    "scoring all": (1, 2),
    "scoring more": (0, 1),
    "reading": (0, 1),
    "bytes": (1, 2),
    "peak memory": (0, 1),
}
"""The two powers of the number of clips whose weighted sum models each figure."""

WANTED_RATIO, WANTED_BYTES, WANTED_PEAK, WANTED_READING = 0.08, 4.3, 500e6, 0.05


# -- made catalogs -----------------------------------------------------------------------------------------


def made_sound(generator: np.random.Generator) -> NDArray[np.float32]:
    """Return SOUND_SECONDS of a chord and of band noise, both repeated at a random tempo."""
    frames = SOUND_SECONDS * RATE
    seconds = np.arange(frames) / RATE
    root = generator.uniform(55, 440)
    y = np.zeros(frames)
    for semitones in generator.choice(12, size=3, replace=False):
        for harmonic in range(1, int(generator.integers(2, 9))):
            pitch = root * harmonic * 2 ** (semitones / 12)
            y += np.sin(2 * np.pi * pitch * seconds + generator.uniform(0, 6)) / harmonic
    spectrum = np.fft.rfft(generator.normal(size=frames))
    pitches = np.fft.rfftfreq(frames, 1 / RATE)
    spectrum *= np.exp(-0.5 * (np.log2(np.maximum(pitches, 1) / generator.uniform(100, 6_000))) ** 2)
    noise = np.fft.irfft(spectrum, frames)
    y += noise / noise.std() * generator.uniform(0.1, 3)
    y *= np.exp(-generator.uniform(0, 8) * (seconds * generator.uniform(0.5, 4) % 1.0))
    made: NDArray[np.float32] = (0.3 * y / np.abs(y).max()).astype(np.float32)
    return made


def made_descriptors(generator: np.random.Generator, clips: int) -> NDArray[np.float32]:
    """Return descriptors of clips, each a noisy mixture of two sounds' descriptors: (clips, DESCRIPTOR_SIZE)."""
    sounds = np.random.default_rng(7)
    pure = np.stack([descriptors.descriptor(made_sound(sounds), RATE) for _ in range(SOUNDS)])
    first, second = generator.integers(SOUNDS, size=(2, clips))
    share = generator.beta(0.5, 0.5, size=(clips, 1))
    disturbed = generator.normal(scale=0.3, size=(clips, pure.shape[1])) * pure.std(axis=0)
    mixed: NDArray[np.float64] = share * pure[first] + (1 - share) * pure[second] + disturbed
    return mixed.astype(np.float32)


def near_copies(generator: np.random.Generator, clips: int) -> Iterator[tuple[int, int]]:
    """Yield the index of each near copy and that of the earlier clip it copies."""
    for place in np.flatnonzero(generator.random(clips) < COPIES).tolist():
        if place:
            yield place, int(generator.integers(place))


def add_clips(catalog: Catalog, clips: int, seed: int) -> None:
    """Add clips without scores, with everything that metrics and listings read."""
    generator = np.random.default_rng(seed)
    lengths = np.clip(generator.normal(WORDS, WORDS / 5, size=clips), 12, 3 * WORDS).astype(int)
    fingerprints = [generator.integers(1 << 32, size=size, dtype=np.uint32) for size in lengths]
    described = made_descriptors(generator, clips)
    for place, other in near_copies(generator, clips):
        flips = np.packbits(generator.random((fingerprints[other].size, 32)) < FLIPPED)
        fingerprints[place] = fingerprints[other] ^ flips.view(np.uint32)
        described[place] = described[other] * generator.normal(1, 0.01, size=described.shape[1])

    def add(connection: Connection) -> None:
        first = 1 + (connection.scalar(select(func.max(recording.c.id))) or 0)
        ids = range(first, first + clips)
        connection.execute(insert(batch).values(started_at=time.time(), paths="[]", options="{}"))
        batch_id = connection.scalar(select(func.max(batch.c.id)))
        blobs = zip(
            [each.astype("<u4").tobytes() for each in fingerprints],
            [each.astype("<f4").tobytes() for each in described],
            strict=True,
        )
        connection.execute(insert(recording), [recording_row(n, batch_id) for n in ids])
        connection.execute(insert(location), [location_row(n, batch_id) for n in ids])
        connection.execute(insert(clip), [clip_row(n, *pair) for n, pair in zip(ids, blobs, strict=True)])

    catalog.write(add)


def recording_row(n: int, batch_id: int | None) -> dict[str, Any]:
    """Return the row of a clip's recording: 20 s at 16 kHz."""
    kind = {"role": "generated", "status": "ok", "container": "WAV", "subtype": "PCM_16"}
    size = {"sample_rate": RATE, "channels": 1, "frames": 20 * RATE}
    return {"id": n, "sha256": f"{n:064x}", "batch_id": batch_id, **kind, **size}


def location_row(n: int, batch_id: int | None) -> dict[str, Any]:
    """Return the row of a recording's location."""
    path = f"runs/night/samples/sample_{n}.wav"
    names = {"path": path.encode(), "path_text": path}
    return {"recording_id": n, "batch_id": batch_id, "size": 40 * RATE + 44, "mtime_ns": n, **names}


def clip_row(n: int, fingerprint: bytes, described: bytes) -> dict[str, Any]:
    """Return the row of an analysed clip."""
    return {
        "id": n,
        "recording_id": n,
        "kind": "whole",
        "ordinal": 0,
        "start_frame": 0,
        "end_frame": 20 * RATE,
        "trim": "{}",
        "fingerprint": fingerprint,
        "fingerprint_crc32": zlib.crc32(fingerprint),
        "descriptor": described,
        "descriptor_crc32": zlib.crc32(described),
        "descriptor_version": descriptors.VERSION,
        "loudness": -14.0,
        "peak": 0.9,
    }


# -- jobs, each in a process of its own --------------------------------------------------------------------


def peak_memory() -> int:
    """Return the peak memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def load(metric: str) -> None:
    """Load what a process loads once: the compiled kernel, or the constants."""
    if find_metric(metric).keeps == "fingerprint":
        from thresher.signal.metrics import kernels

        getattr(kernels, f"{metric}_block")()
    else:
        from thresher.signal.metrics.likeness import shipped_constants

        _ = shipped_constants().reference_scale


def fill_job(file: Path, clips: int, seed: int) -> dict[str, float]:
    """Add clips in a process of its own: the peak memory of a process is also counted for its children."""
    with Catalog.open(file) as catalog:
        add_clips(catalog, clips, seed)
    return {}


def score_job(file: Path, metric: str, scratch: Path) -> dict[str, float]:
    """Score the open clips, after those of `scratch`.

    Returns the pairs, the seconds without and of the start, and the peak memory in bytes before scoring and in
    all.
    """
    begun = time.perf_counter()
    load(metric)
    with Catalog.open(scratch) as catalog:
        assert score(catalog, metric).clips == SCRATCH_CLIPS
    started = time.perf_counter()
    before = peak_memory()
    with Catalog.open(file) as catalog:
        report = score(catalog, metric)
    seconds = time.perf_counter() - started
    return {
        "pairs": report.pairs,
        "seconds": seconds,
        "start": started - begun,
        "before": before,
        "peak": peak_memory(),
    }


def read_job(file: Path, metric: str, clips: int) -> dict[str, float]:
    """Read the matrix of random clips several times; return the first and the median seconds."""
    with Catalog.open(file) as catalog, catalog.reading() as connection:
        of_metric = scores.metric_id(connection, metric, find_metric(metric).version)
        ids = scores.read_matrix(connection, of_metric).clip_ids
        chosen = np.random.default_rng(1).choice(ids, size=min(clips, len(ids)), replace=False).tolist()
        found = []
        for _ in range(READINGS):
            begun = time.perf_counter()
            matrix = score_reads.between(connection, of_metric, chosen)
            found.append(time.perf_counter() - begun)
    assert np.isfinite(matrix).sum() == len(chosen) * (len(chosen) - 1)
    return {"first": found[0], "median": statistics.median(found)}


def do_job(job: str, file: str, *arguments: str) -> dict[str, float]:
    """Do the job of that name."""
    if job == "fill":
        clips, seed = map(int, arguments)
        return fill_job(Path(file), clips, seed)
    if job == "score":
        metric, scratch = arguments
        return score_job(Path(file), metric, Path(scratch))
    metric, wanted = arguments
    return read_job(Path(file), metric, int(wanted))


def run_job(job: str, file: Path, *arguments: object) -> dict[str, float]:
    """Run a job in a new process."""
    command = [sys.executable, __file__, "--job", job, str(file), *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


# -- measuring ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The measurements of one metric at one number of clips."""

    every: dict[str, float]
    more: dict[str, float]
    reading: dict[str, float]
    bytes_grown: int

    def figures(self) -> dict[str, float]:
        """Return the figures whose growth is modelled, by name."""
        return {
            "scoring all": self.every["seconds"],
            "scoring more": self.more["seconds"],
            "reading": self.reading["median"],
            "bytes": self.bytes_grown,
            "peak memory": max(self.every["peak"], self.more["peak"]),
        }


def made_catalog(folder: Path, metric: str) -> Path:
    """Make an empty catalog with one metric; return its catalog.toml."""
    folder.mkdir()
    file = folder / "catalog.toml"
    file.write_text(f'[metrics]\nuse = ["{metric}"]\ndefault = "{metric}"\n')
    Catalog.create(folder).close()
    return file


def measure(folder: Path, metric: str, clips: int, more: int, runs: int) -> Measured:
    """Measure one metric at one number of clips, and print the figures."""
    scratch, file = made_catalog(folder / "scratch", metric), made_catalog(folder / "made", metric)
    database = file.with_name("catalog.db")
    run_job("fill", file, clips, clips)
    before = database.stat().st_size
    print(f"\n{metric}, {clips:,} clips and {more:,} more", flush=True)
    run_job("fill", scratch, SCRATCH_CLIPS, 0)
    every = run_job("score", file, metric, scratch)
    assert every["pairs"] == clips * (clips - 1) // 2, every
    grown = database.stat().st_size - before
    show_scoring("all", every)
    run_job("fill", file, more, clips + 1)
    run_job("fill", scratch, SCRATCH_CLIPS, 1)
    later = run_job("score", file, metric, scratch)
    assert later["pairs"] == more * clips + more * (more - 1) // 2, later
    show_scoring("more", later)
    ratio, each = later["seconds"] / every["seconds"], grown / every["pairs"]
    print(f"  more / all {ratio:.1%} (target: at most {WANTED_RATIO:.0%} for 200 more than 10,000)")
    print(f"  catalog {each:.3f} bytes a pair (target: at most {WANTED_BYTES}), {grown / 1e6:,.0f} MB")
    reading = run_job("read", file, metric, more)
    print(
        f"  {more} × {more} matrix {reading['median']:.4f} s, the first {reading['first']:.4f} s"
        f" (target: at most {WANTED_READING})",
        flush=True,
    )
    compare_listing(file, runs)
    return Measured(every, later, reading, grown)


def show_scoring(name: str, job: dict[str, float]) -> None:
    """Print one run of scoring."""
    print(
        f"  {name:<5}{int(job['pairs']):>13,} pairs in {job['seconds']:7.2f} s"
        f" ({job['pairs'] / job['seconds'] / 1e6:.2f} M/s; start {job['start']:.2f} s),"
        f" peak {job['peak'] / 1e6:.0f} MB, {job['before'] / 1e6:.0f} of them from the start"
        f" (target: at most {WANTED_PEAK / 1e6:.0f})",
        flush=True,
    )


def compare_listing(file: Path, runs: int) -> None:
    """Compare the listing by score with an import."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    listing = [sys.executable, "-m", "thresher", "--catalog", str(file)]
    listing += ["list", "score:0.8..", "--limit", "20"]
    peer = [sys.executable, "-c", "import sqlalchemy"]
    compare("  list score:0.8.. --limit 20, relative to import sqlalchemy", listing, peer, runs, environment)


def show_growth(metric: str, found: dict[int, Measured]) -> None:
    """Print the exponents of growth, and the extrapolation to FAR clips."""
    sizes = sorted(found)
    low, near, high = sizes[0], sizes[-2], sizes[-1]
    print(f"\n{metric}: growth from {low:,} to {high:,} clips, and the extrapolation to {FAR:,}")
    for name, powers in LAWS.items():
        first, middle, last = (found[clips].figures()[name] for clips in (low, near, high))
        exponent = math.log(last / first) / math.log(high / low)
        by_clips = [[clips**power for power in powers] for clips in (near, high)]
        factors = np.linalg.solve(np.array(by_clips, float), [middle, last])
        far = float(factors @ [float(FAR) ** power for power in powers])
        shown = f"{far / 1e9:10,.2f} GB" if name in ("bytes", "peak memory") else f"{far:10,.2f} s"
        print(f"  {name:<13} n^{exponent:.2f} {shown}", flush=True)


def main() -> None:
    """Measure each metric at each number of clips, and print how the figures grow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument(
        "--more",
        type=int,
        default=200,
        help="clips that are added later; also the size of the matrix that is read",
    )
    parser.add_argument("--metric", nargs="+", choices=list(METRICS), default=list(METRICS))
    parser.add_argument("--runs", type=int, default=7, help="runs of the listing and its peer")
    parser.add_argument("--quick", action="store_true", help="100 and 300 clips, to check that it runs")
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(do_job(*options.job)))
        return
    sizes, more, runs = options.clips, options.more, options.runs
    if options.quick:
        sizes, more, runs = [100, 300], 20, 1
    compileall.compile_dir(str(Path(thresher.__file__).parent), quiet=1)
    print(f"{len(os.sched_getaffinity(0)) if sys.platform == 'linux' else os.cpu_count()} cores,", end=" ")
    print(f"load {os.getloadavg()[0]:.1f}")
    for metric in options.metric:
        found = {}
        for clips in sorted(set(sizes)):
            with tempfile.TemporaryDirectory() as name:
                found[clips] = measure(Path(name), metric, clips, more, runs)
        if len(found) > 1 and not options.quick:
            show_growth(metric, found)


if __name__ == "__main__":
    main()
