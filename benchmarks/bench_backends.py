"""Compare a catalog in PostgreSQL with one in a file of SQLite, in one run, and load the server with programs.

For one user, whole commands in turn on both databases: `ingest` of clips with everything on, `list`, `song save`
and `song render`; and scoring of a made catalog of 10,000 clips by `prefix` and `aligned` in one process. Medians,
and the median of the ratios of neighbouring runs.

For several: two processes that ingest one half of the clips each, relative to one process that ingests all, each
with one worker. What the cores allow is measured beside it, with two processes that share nothing: two catalogs in
files. Then 20 clients list and rate once a second on average, while an ingest runs: the times of their requests,
and their errors.

The server writes to the disk before it confirms a commit, as by default, and as SQLite does here.

Run `python -m tests.postgres run python benchmarks/bench_backends.py [--clips N] [--rows N] [--runs N] [--quick]`
in the checkout, which starts a private server, or set THRESHER_TEST_POSTGRES to the URL of a superuser's database
on another one. The clips are cut from the corpus next to the checkout, or from synthetic riffs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url

from bench_scale import add_clips
from bench_script import cut_clips
from thresher import Catalog, list_clips, rate, score

SERVER = "THRESHER_TEST_POSTGRES"
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
ENGINES = ("SQLite", "PostgreSQL")
CLIENTS, CLIENT_PROCESSES = 20, 4
WANTED_RATIO, WANTED_PAIR, WANTED_P95 = 1.5, 1.6, 0.2

_numbers = itertools.count(1)


class Server:
    """A PostgreSQL server, on which each catalog gets a database of its own."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        for name, value in DURABLE.items():
            self.execute(f"ALTER SYSTEM SET {name} = {value}")
        self.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str) -> None:
        """Run a statement outside of a transaction."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def new_address(self) -> str:
        """Return the address of a new, empty database."""
        name = f"bench_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def drop(self, address: str) -> None:
        """Drop the database of an address."""
        self.execute(f"DROP DATABASE {make_url(address).database} WITH (FORCE)")


def thresher(home: Path, *arguments: str | Path) -> float:
    """Return how long a command takes."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "thresher", "--catalog", home, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"thresher {' '.join(map(str, arguments))}: {done.stderr}")
    return time.perf_counter() - begun


def new_catalog(folder: Path, server: Server, engine: str) -> Path:
    """Return the folder of a new catalog in a database of an engine."""
    home = folder / f"{engine}-{next(_numbers)}"
    Catalog.create(home, server.new_address() if engine == "PostgreSQL" else None).close()
    return home


def in_turn(runs: int, job: Callable[[str], dict[str, float]]) -> dict[str, dict[str, list[float]]]:
    """Run a job on both engines in turn, and return the times of its parts: part → engine → seconds."""
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(runs):
        for name in sorted(ENGINES, reverse=bool(number % 2)):
            for part, seconds in job(name).items():
                found.setdefault(part, {}).setdefault(name, []).append(seconds)
    return found


def show(found: dict[str, dict[str, list[float]]]) -> None:
    """Print the times of both engines and their ratios."""
    for part, times in found.items():
        one, other = (times[name] for name in ENGINES)
        ratios = [b / a for a, b in zip(one, other, strict=True)]
        print(
            f"  {part:<24} SQLite {statistics.median(one):7.2f} s   PostgreSQL {statistics.median(other):7.2f} s   "
            f"ratio {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f} (wanted: at most "
            f"{WANTED_RATIO})"
        )


# -- one user ----------------------------------------------------------------------------------------------


def commands(folder: Path, server: Server, clips: Path, engine: str) -> dict[str, float]:
    """Return the times of whole commands on a new catalog."""
    home = new_catalog(folder, server, engine)
    return {
        "ingest": thresher(home, "ingest", clips),
        "ingest, nothing new": thresher(home, "ingest", clips),
        "list": thresher(home, "list"),
        "song save": thresher(home, "song", "save", "S", "epoch:0..", "--order", "pairs"),
        "song render": thresher(home, "song", "render", "S", "-o", home / "song.wav"),
    }


def scoring(folder: Path, server: Server, rows: int, engine: str) -> dict[str, float]:
    """Return the times of scoring a made catalog, and of listing its clips."""
    home = new_catalog(folder, server, engine)
    found = {}
    with Catalog.open(home / "catalog.toml") as catalog:
        add_clips(catalog, rows, seed=1)
        for metric in ("prefix", "aligned"):
            begun = time.perf_counter()
            score(catalog, metric)
            found[f"scoring {rows:,}, {metric}"] = time.perf_counter() - begun
        begun = time.perf_counter()
        list_clips(catalog, ["score:0.6..", "score-"])
        found[f"listing of {rows:,} by score"] = time.perf_counter() - begun
    shutil.rmtree(home)
    return found


# -- several programs --------------------------------------------------------------------------------------


def at_once(jobs: Sequence[Callable[[], float]]) -> float:
    """Return how long jobs take that run at once."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(len(jobs)) as pool:
        for each in [pool.submit(job) for job in jobs]:
            each.result()
    return time.perf_counter() - begun


def pair(folder: Path, server: Server, halves: Sequence[Path], *, shared: bool) -> float:
    """Return the ratio of the time of one process that ingests all to that of two which ingest one half each."""
    engine = "PostgreSQL" if shared else "SQLite"
    alone = new_catalog(folder, server, engine)
    one = thresher(alone, "ingest", *halves, "--jobs", "1")
    homes = [new_catalog(folder, server, engine) for _ in halves]
    if shared:  # a second machine: its own catalog.toml, the same database
        shutil.copy2(homes[0] / "catalog.toml", homes[1] / "catalog.toml")
    pairs = zip(homes, halves, strict=True)
    two = at_once([partial(thresher, home, "ingest", half, "--jobs", "1") for home, half in pairs])
    return one / two


def client_job(home: Path, clients: int, seconds: float) -> None:
    """List and rate as several clients for a while, and print the times of the requests and the errors."""
    times: list[float] = []
    errors: list[str] = []
    end = time.monotonic() + seconds

    def act(seed: int) -> None:
        choice = random.Random(seed)
        with Catalog.open(home / "catalog.toml") as catalog:
            ids = [row.id for row in list_clips(catalog, limit=1000)]
            while time.monotonic() < end:
                time.sleep(choice.expovariate(1.0))
                begun = time.perf_counter()
                try:
                    if choice.random() < 0.5:
                        list_clips(catalog, [f"rating:{choice.randint(1, 5)}"], limit=60)
                    else:
                        rate(catalog, [str(choice.choice(ids))], choice.randint(1, 5))
                except Exception as error:  # noqa: BLE001  every error is counted
                    errors.append(f"{type(error).__name__}: {error}")
                times.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=act, args=(os.getpid() + each,)) for each in range(clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print(json.dumps({"times": times, "errors": errors}))


def crowd(home: Path, more: Path) -> None:
    """Let clients list and rate while clips are ingested, and print the times of their requests."""
    seconds = 2 * thresher(home, "ingest", more, "--dry-run") + 5
    command = [
        sys.executable,
        __file__,
        "--client",
        str(home),
        str(CLIENTS // CLIENT_PROCESSES),
        str(seconds),
    ]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(CLIENT_PROCESSES)]
    time.sleep(2)
    ingest = thresher(home, "ingest", more)
    found = [json.loads(each.communicate()[0]) for each in clients]
    times = sorted(itertools.chain(*(each["times"] for each in found)))
    errors = [*itertools.chain(*(each["errors"] for each in found))]
    p95 = times[int(0.95 * len(times))]
    print(
        f"  {CLIENTS} clients, {len(times):,} requests while an ingest of {ingest:.1f} s ran: median "
        f"{statistics.median(times) * 1000:.0f} ms, 95 % {p95 * 1000:.0f} ms (wanted: at most "
        f"{WANTED_P95 * 1000:.0f}), {len(errors)} errors (wanted: none)"
    )
    for each in sorted(set(errors)):
        print(f"    {each}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="40 clips, 1,000 rows, one run")
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        client_job(Path(options.client[0]), int(options.client[1]), float(options.client[2]))
        return
    if options.quick:
        options.clips, options.rows, options.runs = 40, 1_000, 1
    if SERVER not in os.environ:
        raise SystemExit(
            f"set {SERVER}, or run `python -m tests.postgres run python {Path(__file__).name}`; see --help"
        )
    server = Server(make_url(os.environ[SERVER]))
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), server, options)


def run(folder: Path, server: Server, options: argparse.Namespace) -> None:
    """Measure everything, and print it."""
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    print(cut_clips(folder / "clips", options.clips))
    files = sorted((folder / "clips").iterdir())
    halves = [folder / "one", folder / "other"]
    for half in halves:
        half.mkdir()
    for index, file in enumerate(files):
        shutil.copy2(file, halves[index % 2])
    print(f"one user, {options.clips} clips")
    show(in_turn(options.runs, partial(commands, folder, server, folder / "clips")))
    show(in_turn(options.runs, partial(scoring, folder, server, options.rows)))
    print("several programs")
    shared = [pair(folder, server, halves, shared=True) for _ in range(options.runs)]
    limit = [pair(folder, server, halves, shared=False) for _ in range(options.runs)]
    print(
        f"  two processes ingest {statistics.median(shared):.2f} times as fast as one (wanted: at least "
        f"{WANTED_PAIR}); two that share nothing: {statistics.median(limit):.2f} times"
    )
    home = new_catalog(folder, server, "PostgreSQL")
    thresher(home, "ingest", halves[0])
    crowd(home, halves[1])


if __name__ == "__main__":
    main()
