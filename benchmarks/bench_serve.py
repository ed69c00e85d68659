"""How fast a room answers: the server as a process, with catalogs of synthetic clips.

The first page is everything that a browser asks for before it shows clips. A grid page is the rows of 60 clips.
Each figure is a median of answers in turn, with its ratio to the smallest answer of the API, `/api/room`, of the
same run. Then 20 clients ask for grid pages at once. Memory is that of the server at its peak.

Run `python benchmarks/bench_serve.py [--clips N …] [--rounds N]`.
"""

from __future__ import annotations

import argparse
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from bench_startup import fill
from thresher.catalog.catalog import Catalog
from thresher.interfaces.web.access import COOKIE

GRID = 60
CLIENTS = 20
MAIN = "/static/js/main.js"


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
        wanted, known = ["/", "/static/css/room.css", MAIN], {MAIN}
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
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
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


def measure(clips: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Catalog.create(home) as catalog:
            fill(catalog, clips)
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
            }
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
            print(f"  memory at its peak {peak_memory(process.pid)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    for clips in arguments.clips:
        measure(clips, arguments.rounds)


if __name__ == "__main__":
    main()
