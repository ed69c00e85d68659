"""Compare the time of a listing and of the help with their lower bounds.

`thresher list --format jsonl` of 10,000 clips is compared with `python -c "import sqlalchemy"`, and `thresher
--help` with the help of a Typer application with two empty commands. Whole processes run in turn, A B A B …;
the figures are medians, and the median of the ratios of adjacent runs.

An installed wheel has bytecode; a checkout has none if PYTHONDONTWRITEBYTECODE is set. So the package is compiled
first, and the variable is removed from the environment of the children.

Run `python benchmarks/bench_startup.py [--clips N] [--runs N]`.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, insert

import thresher
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import (
    attribute,
    batch,
    checkpoint,
    clip,
    clip_tag,
    location,
    metric,
    nearest,
    recording,
)

EMPTY_APP = """
import typer
app = typer.Typer()
@app.command()
def a(): pass
@app.command()
def b(): pass
app()
"""


def fill(catalog: Catalog, clips: int) -> None:
    """Fill a catalog with clips by plain inserts, with everything that a listing shows."""
    generator = np.random.default_rng(0)
    ids = range(1, clips + 1)
    blob = bytes(400)

    def add(connection: Connection) -> None:
        connection.execute(insert(batch).values(started_at=time.time(), paths="[]", options="{}"))
        connection.execute(insert(metric).values(name="prefix", version=1))
        connection.execute(
            insert(checkpoint),
            [{"run": "night", "epoch": epoch, "step": epoch * 2_500} for epoch in range(50)],
        )
        connection.execute(
            insert(recording),
            [
                {
                    "sha256": f"{n:064x}",
                    "batch_id": 1,
                    "role": "generated",
                    "status": "ok",
                    "container": "WAV",
                    "subtype": "PCM_16",
                    "sample_rate": 16_000,
                    "channels": 1,
                    "frames": 320_000,
                    "checkpoint_id": 1 + n % 50,
                }
                for n in ids
            ],
        )
        connection.execute(
            insert(location),
            [
                {
                    "recording_id": n,
                    "batch_id": 1,
                    "checkpoint_id": 1 + n % 50,
                    "path": f"runs/night/samples/sample_e{n % 50}_i{n}_20_17:19:52_{n}.wav".encode(),
                    "path_text": f"runs/night/samples/sample_e{n % 50}_i{n}_20_17:19:52_{n}.wav",
                    "size": 640_044,
                    "mtime_ns": n,
                }
                for n in ids
            ],
        )
        connection.execute(
            insert(attribute), [{"location_id": n, "key": "index", "text": str(n), "number": n} for n in ids]
        )
        connection.execute(
            insert(clip),
            [
                {
                    "recording_id": n,
                    "kind": "whole",
                    "ordinal": 0,
                    "start_frame": 64,
                    "end_frame": 319_000,
                    "trim": "{}",
                    "fingerprint": blob,
                    "fingerprint_crc32": zlib.crc32(blob),
                    "loudness": -14.0,
                    "peak": 0.9,
                    "rating": n % 5 + 1 if n % 3 == 0 else None,
                }
                for n in ids
            ],
        )
        connection.execute(insert(clip_tag), [{"clip_id": n, "tag": "riff"} for n in ids if n % 10 == 0])
        connection.execute(
            insert(nearest),
            [
                {
                    "metric_id": 1,
                    "clip_id": n,
                    "other_id": n % clips + 1,
                    "score": float(generator.uniform(0.4, 1)),
                }
                for n in ids
            ],
        )

    catalog.write(add)


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds of a whole process."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def compare(name: str, ours: list[str], peer: list[str], runs: int, environment: dict[str, str]) -> None:
    """Run both commands in turn, and print the medians and their ratio."""
    seconds(ours, environment), seconds(peer, environment)
    pairs = [(seconds(ours, environment), seconds(peer, environment)) for _ in range(runs)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{name}: {mine:.3f} s, peer {other:.3f} s, ratio {ratio:.2f} (target: at most 2)")


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    compileall.compile_dir(str(Path(thresher.__file__).parent), quiet=1)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        with Catalog.create(folder) as catalog:
            fill(catalog, options.clips)
        command = [
            python,
            "-m",
            "thresher",
            "--catalog",
            f"{folder}/catalog.toml",
            "list",
            "--format",
            "jsonl",
        ]
        listed = subprocess.run(command, check=True, capture_output=True, env=environment).stdout.count(b"\n")
        if listed != options.clips:
            raise SystemExit(f"the listing has {listed} lines, not {options.clips}")
        compare(
            f"list of {options.clips:,} clips as jsonl, relative to import sqlalchemy",
            command,
            [python, "-c", "import sqlalchemy"],
            options.runs,
            environment,
        )
        empty = Path(folder, "empty.py")
        empty.write_text(EMPTY_APP)
        compare(
            "--help, relative to that of an empty Typer application",
            [python, "-m", "thresher", "--help"],
            [python, str(empty), "--help"],
            options.runs,
            environment,
        )


if __name__ == "__main__":
    main()
