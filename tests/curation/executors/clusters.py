"""Clusters of real processes for tests, and the rows that an ingest makes."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from tests.support import TIMES, environment
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import metadata

CLIPS = 30
SLOW = """
import time
from thresher.curation.analysis import analyse as module

def slow(task, real=module.analyse):
    time.sleep(0.1)
    return real(task)
if module.analyse.__name__ != "slow":  # Dask loads it twice
    module.analyse = slow
"""
"""What a worker loads so that a test has the time to kill something while it works."""


class Cluster:
    """A scheduler and workers as a user starts them, on the loopback device, with `variables` in the environment.

    `protocol` is tcp or tls.
    """

    def __init__(self, folder: Path, protocol: str = "tcp", **variables: str) -> None:
        self._folder = folder
        self._protocol = protocol
        self._variables = variables
        self._running: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"{protocol}://127.0.0.1:{self.port}"
        (folder / "slow.py").write_text(SLOW)

    def start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        started = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{what}", *options],
            cwd=self._folder,
            env=environment(**self._variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._running.append(started)
        return started

    def scheduler(self) -> subprocess.Popen[bytes]:
        """Start a scheduler, and wait until it listens."""
        started = self.start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--dashboard-address", "127.0.0.1:0",
            "--protocol", self._protocol,
        )  # fmt: skip
        wait_until(self._listens)
        return started

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        return self.start(
            "worker", self.address, "--host", "127.0.0.1", "--protocol", self._protocol, "--nthreads", "1",
            "--dashboard-address", "127.0.0.1:0", "--local-directory", str(self._folder),
            "--preload", str(self._folder / "slow.py"), *options,
        )  # fmt: skip

    def end(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def content(folder: Path) -> dict[str, list[str]]:
    """All rows that an ingest makes, without times, inodes, digests, and batches, of which an interrupted ingest
    makes two."""
    with Catalog.open(folder / "catalog.toml") as catalog, catalog.reading() as connection:
        return {
            table.name: sorted(
                repr([value for name, value in row._mapping.items() if not name.endswith(LEFT_OUT)])
                for row in connection.execute(select(table))
            )
            for table in metadata.sorted_tables
            if table.name not in ("batch", "writer", "safeguard")
        }


LEFT_OUT = (*TIMES, "_ns", "inode", "batch_id")


def recordings(folder: Path) -> int:
    """Count the stored recordings without opening the catalog, which would delay the command."""
    with closing(sqlite3.connect(f"file:{folder / 'catalog.db'}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM recording").fetchone()[0])


def wait_until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
