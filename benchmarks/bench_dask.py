"""Compare the throughput of two Dask workers with that of two local processes: an ingest, and scoring by `aligned`.

A scheduler and two workers with one thread each run on the loopback device, as `dask scheduler` and `dask worker`
start them, before anything is timed. Each round ingests the same clips of the corpus into a new catalog by
`processes:2`, then by the cluster, and scores the same made fingerprints by `aligned` on two threads, then by the
cluster. The figures are medians of the rounds; each ratio is the median of the ratios of adjacent runs, so that
other load on the machine matters less. The time that `dask:2` takes to start a cluster is printed by itself.

It also prints what docs/scale.md derives its figures from: the seconds of a task, the bytes of its argument and its
result, the scheduler's seconds for a bundle of empty tasks, and the catalog's seconds for a clip and a pair.

Run `python benchmarks/bench_dask.py [--clips N] [--rounds N] [--scored N] [--corpus DIR]`.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sqlalchemy import Connection, insert

from corpus_clips import CORPUS, clips
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, recording
from thresher.curation.analysis.task import task_for
from thresher.curation.analysis.worker import analyse_file
from thresher.curation.comparison import block_scores
from thresher.curation.comparison.score import score
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.workers import Workers

WANTED = 0.85
"""The least throughput of the cluster, relative to the local executor's."""


@contextmanager
def running_cluster() -> Iterator[str]:
    """Start a scheduler and two workers of one thread; yield the executor that uses them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    common = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
    commands = [["scheduler", "--port", str(port), *common]]
    with tempfile.TemporaryDirectory() as folder:
        worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", folder, *common]
        commands += [worker, worker]
        started = [
            subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{command}", *options],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for command, *options in commands
        ]
        try:
            time.sleep(5.0)  # for both workers: one is enough for the first task
            yield f"dask:{address}"
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def ingest_seconds(folder: Path, files: list[Path], executor: str) -> float:
    """Return the seconds of an ingest into a new catalog, without scores."""
    home = folder / "home"
    with Catalog.create(home) as catalog:
        begun = time.perf_counter()
        report = ingest(catalog, files, IngestOptions(executor=executor, score=False))
        seconds = time.perf_counter() - begun
    assert report.added == len(files), report
    shutil.rmtree(home)
    return seconds


def _add_clips(connection: Connection, blobs: Sequence[bytes]) -> None:
    connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
    common = {"batch_id": 1, "role": "generated", "status": "ok", "sample_rate": 16_000}
    ids = range(1, len(blobs) + 1)
    connection.execute(insert(recording), [{**common, "id": i, "sha256": str(i)} for i in ids])
    span = {"kind": "whole", "ordinal": 0, "start_frame": 0, "end_frame": 16_000, "trim": "{}"}
    values = [
        {**span, "id": i, "recording_id": i, "fingerprint": blob, "fingerprint_crc32": zlib.crc32(blob)}
        for i, blob in zip(ids, blobs, strict=True)
    ]
    connection.execute(insert(clip), values)


def scoring_seconds(folder: Path, count: int, executor: str) -> float:
    """Return the seconds of scoring `count` made fingerprints of about 100 words by `aligned`."""
    home = folder / "home"
    generator = np.random.default_rng(0)
    with Catalog.create(home) as catalog:
        blobs = [
            generator.integers(0, 1 << 32, size=size, dtype=np.uint32).tobytes()
            for size in generator.integers(80, 120, size=count)
        ]
        catalog.write(partial(_add_clips, blobs=blobs))
        begun = time.perf_counter()
        report = score(catalog, "aligned", executor=executor)
        seconds = time.perf_counter() - begun
    assert report.pairs == count * (count - 1) // 2, report
    shutil.rmtree(home)
    return seconds


def compared(name: str, rounds: int, local: str, cluster: str, seconds: Callable[[str], float]) -> bool:
    """Time both executors in turn; print medians and the median of the ratios; return whether it is enough."""
    pairs = [(seconds(local), seconds(cluster)) for _ in range(rounds)]
    ratio = statistics.median(one / other for one, other in pairs)
    here, there = (statistics.median(each) for each in zip(*pairs, strict=True))
    verdict = "ok" if ratio >= WANTED else "below"
    print(
        f"{name}: {here:.2f} s here, {there:.2f} s on the cluster; throughput {ratio:.2f} × ({verdict}, {WANTED})"
    )
    return ratio >= WANTED


def print_sizes(catalog: Catalog, files: list[Path], cluster: str) -> None:
    """Print the seconds and the bytes of tasks, and what the scheduler adds to a bundle."""
    tasks = [
        task_for(os.fsencode(file), file.stat().st_size, file.stat().st_mtime_ns, catalog.settings)
        for file in files[:40]
    ]
    analyse_file(tasks[0])  # loads modules
    begun = time.perf_counter()
    results = [analyse_file(task) for task in tasks]
    each = (time.perf_counter() - begun) / len(tasks)
    sizes = [statistics.mean(len(pickle.dumps(one)) for one in some) for some in (tasks, results)]
    print(
        f"analysis of a clip: {each * 1000:.0f} ms; task {sizes[0]:,.0f} bytes, result {sizes[1]:,.0f} bytes"
    )
    with Workers(cluster) as workers:
        list(workers.map(eval, ((n, "0") for n in range(100))))
        begun = time.perf_counter()
        list(workers.map(time.sleep, ((n, 0.3) for n in range(20))))
        added = (time.perf_counter() - begun) / 10 - 0.3
        print(f"a bundle of one task of 0.3 s takes a worker {added * 1000:.0f} ms more than its work")
        payload = np.zeros(block_scores.TASK_PAIRS, np.float32)
        begun = time.perf_counter()
        list(workers.map(np.copy, ((n, payload) for n in range(20))))
        rate = 2 * 20 * payload.nbytes / (time.perf_counter() - begun)
    print(f"arguments and results of 1 MB pass through the scheduler at {rate / 1e6:.0f} MB/s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scored", type=int, default=6_000)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    files = [options.corpus / each.path for each in clips(options.corpus)][: options.clips]
    print(
        f"{len(files)} clips, {options.scored} scored, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as temporary, running_cluster() as cluster:
        folder = Path(temporary)

        def ingesting(executor: str) -> float:
            return ingest_seconds(folder, files, executor)

        def scoring(executor: str) -> float:
            return scoring_seconds(folder, options.scored, executor)

        ingest_seconds(folder, files[:8], cluster)  # both load their modules
        good = compared("ingest", options.rounds, "processes:2", cluster, ingesting)
        for executor in ("threads:2", cluster):  # loads or compiles the kernel
            scoring(executor)
        good &= compared("aligned", options.rounds, "threads:2", cluster, scoring)
        with Catalog.create(folder / "sizes") as catalog:
            print_sizes(catalog, files, cluster)
    begun = time.perf_counter()
    with Workers("dask:2") as workers:
        list(workers.map(eval, [(0, "0")]))
        print(f"a cluster of dask:2 starts in {time.perf_counter() - begun:.1f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
