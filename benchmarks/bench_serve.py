"""How fast a room answers: the server as a process, with catalogs of synthetic clips.

The first page is everything that a browser asks for before it shows clips. A grid page is the rows of 60 clips.
Each figure is a median of answers in turn, with its ratio to the smallest answer of the API, `/api/room`, of the
same run. Then 20 clients ask for grid pages at once. Where there is a Chromium, the page is measured, too: frames
per second of the grid and the map, key to sound, and memory while 2,000 clips are auditioned.

The catalogs are filled by inserts. All clips have a descriptor and a file of 20 s; the files are links to a few.

Run `python benchmarks/bench_serve.py [--clips N …] [--rounds N] [--auditions N] [--no-page]`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import numpy as np
import soundfile
from sqlalchemy import Connection, bindparam, update

from bench_startup import fill
from room_page import is_available, measure_page, measure_session
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, location
from thresher.interfaces.web.access import COOKIE

GRID = 60
CLIENTS = 20
MAIN = "/static/js/main.js"
SHEETS = ("base", "bar", "grid", "player", "views")
RATE = 16_000
SOUNDS = 8
DISTINCT = 500


class Client:
    """A browser with the cookie, on one connection."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"cookie": f"{COOKIE}={parts.query.partition('=')[2]}"}

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return content

    def seconds(self, path: str) -> float:
        begun = time.perf_counter()
        self.get(path)
        return time.perf_counter() - begun

    def first_page(self) -> float:
        """Return the seconds of all that is needed before clips are shown, one after the other."""
        begun = time.perf_counter()
        wanted, known = ["/", *(f"/static/css/{name}.css" for name in SHEETS), MAIN], {MAIN}
        while wanted:
            path = wanted.pop(0)
            content = self.get(path).decode()
            for name in (
                re.findall(r'(?:from|import) "\./([\w/]+\.js)"', content) if path.endswith(".js") else []
            ):
                if (script := f"/static/js/{name}") not in known:
                    known.add(script)
                    wanted.append(script)
        for path in ("/static/js/views/clips.js", "/api/room", "/api/clips", rows(range(1, GRID + 1))):
            self.get(path)
        return time.perf_counter() - begun


def add_sound(catalog: Catalog, clips: int) -> None:
    """Give each clip a descriptor and a file with the stamp of an ingest; the files are links to a few."""
    from thresher.signal.features.descriptors import VERSION, descriptor

    random = np.random.default_rng(0)
    time_axis = np.arange(20 * RATE) / RATE
    folder = catalog.root / "runs/night/samples"
    folder.mkdir(parents=True)
    contents, vectors = [], []
    for number in range(SOUNDS):
        y = (
            0.3
            * np.sin(2 * np.pi * 110 * 1.5**number * time_axis)
            * (1 + np.sin(2 * np.pi * 0.4 * time_axis))
        )
        y += 0.02 * (number + 1) * random.standard_normal(len(y))
        contents.append(catalog.root / f"{number}.wav")
        soundfile.write(contents[-1], y / np.abs(y).max(), RATE, "PCM_16")
        vectors.append(descriptor(y.astype(np.float32), RATE))
    names = [f"sample_e{n % 50}_i{n}_20_17:19:52_{n}.wav" for n in range(1, clips + 1)]
    for n, name in enumerate(names, 1):
        os.link(contents[n % SOUNDS], folder / name)
    stamps = [os.stat(content) for content in contents]

    def store(connection: Connection) -> None:
        for number, stamp in enumerate(stamps):
            values = {
                "size": stamp.st_size,
                "mtime_ns": stamp.st_mtime_ns,
                "ctime_ns": stamp.st_ctime_ns,
                "inode": stamp.st_ino,
                "looked_at": time.time() + 10,
            }
            connection.execute(update(location).where(location.c.id % SOUNDS == number).values(**values))
        blobs = [
            (vectors[number % SOUNDS] + random.normal(0, 0.05, len(vectors[0]))).astype("<f4").tobytes()
            for number in range(DISTINCT)
        ]
        rows_of_clips = [(n, blobs[n % DISTINCT]) for n in range(1, clips + 1)]
        connection.execute(
            update(clip)
            .where(clip.c.id == bindparam("of"))
            .values(
                descriptor=bindparam("blob"), descriptor_crc32=bindparam("crc"), descriptor_version=VERSION
            ),
            [{"of": n, "blob": blob, "crc": zlib.crc32(blob)} for n, blob in rows_of_clips],
        )

    catalog.write(store)


def rows(ids: range) -> str:
    return f"/api/clips/rows?ids={','.join(map(str, ids))}"


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of a catalog, and its address."""
    command = [sys.executable, "-m", "thresher", "--catalog", str(home / "catalog.toml"), "serve"]
    process = subprocess.Popen([*command, "--no-open", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    match = re.search(r"http://\S+", process.stdout.readline())
    assert match is not None
    try:
        yield process, match[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def peak_memory(pid: int) -> str:
    """Return the highest resident memory of a process, where the system tells it."""
    return memory(pid, "VmHWM")


def memory(pid: int, kind: str = "VmRSS") -> str:
    """Return the resident memory of a process, where the system tells it."""
    try:
        found = re.search(rf"{kind}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        found = None
    return "unknown" if found is None else f"{int(found[1]) / 1024:.0f} MB"


def crowd(address: str, clips: int, rounds: int) -> list[float]:
    """Let many clients ask for grid pages at once; return the seconds of each answer."""

    def visit(seed: int) -> list[float]:
        random, client = Random(seed), Client(address)
        starts = (random.randrange(1, clips - GRID) for _ in range(rounds))
        return [client.seconds(rows(range(start, start + GRID))) for start in starts]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [each for found in pool.map(visit, range(CLIENTS)) for each in found]


def map_seconds(client: Client) -> tuple[float, float]:
    """Return the seconds until the map of all clips is computed, and of its answer then."""
    begun = time.perf_counter()
    while not json.loads(client.get("/api/map"))["ready"]:
        time.sleep(0.2)
    return time.perf_counter() - begun, statistics.median(client.seconds("/api/map") for _ in range(5))


def measure(clips: int, options: argparse.Namespace) -> None:
    rounds = options.rounds
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Catalog.create(home) as catalog:
            fill(catalog, clips)
            add_sound(catalog, clips)
        with served(home) as (process, address):
            client, random = Client(address), Random(0)
            print(f"{clips:,} clips; memory at the start {peak_memory(process.pid)}")
            print(f"  first page (first time)   {client.first_page() * 1000:8.1f} ms")
            paths = {
                "smallest answer": lambda: "/api/room",
                "grid page": lambda: rows(range(start := random.randrange(1, clips - GRID), start + GRID)),
                "ids of all clips": lambda: "/api/clips",
                "ids, epoch:10..20": lambda: "/api/clips?q=epoch:10..20",
                "ids, rating- id-": lambda: "/api/clips?q=rating-%20id-",
                "fields": lambda: "/api/fields",
                "values of the map": lambda: "/api/values?field=epoch",
                "thumbnail, first time": lambda: f"/thumbnails/{next(fresh)}",
                "sound of 20 s": lambda: f"/audio/{random.randrange(1, clips)}",
            }
            fresh = iter(range(clips, 0, -1))
            found: dict[str, list[float]] = {name: [] for name in ("first page", *paths)}
            for _ in range(rounds):
                found["first page"].append(client.first_page())
                for name, path in paths.items():
                    found[name].append(client.seconds(path()))
            smallest = statistics.median(found["smallest answer"])
            for name, seconds in found.items():
                median = statistics.median(seconds)
                print(f"  {name:<25} {median * 1000:8.1f} ms  {median / smallest:6.1f} × the smallest answer")
            many = sorted(crowd(address, clips, rounds))
            last = many[len(many) * 95 // 100]
            print(
                f"  grid page, {CLIENTS} clients at once: median {statistics.median(many) * 1000:.1f} ms, "
                f"95 % within {last * 1000:.1f} ms"
            )
            computed, answered = map_seconds(client)
            print(f"  map computed in {computed:.1f} s, its data {answered * 1000:.1f} ms")
            print(f"  memory at its peak {peak_memory(process.pid)}")
            if options.page and is_available():
                measure_page(address, clips)
                if clips == max(options.clips):
                    measure_session(address, options.auditions, lambda: memory(process.pid))
            elif options.page:
                print("  the page is not measured: there is no Chromium with its driver, or no selenium")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--auditions", type=int, default=2_000)
    parser.add_argument("--page", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    for clips in options.clips:
        measure(clips, options)


if __name__ == "__main__":
    main()
