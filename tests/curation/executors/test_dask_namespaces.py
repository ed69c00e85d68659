"""Three hosts: network namespaces with addresses of their own. The scheduler and a PostgreSQL server run on one,
a worker on each of two others, and links are cut while they work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.curation.executors.clusters import CLIPS, SLOW, content, recordings, wait_until
from tests.postgres import program
from tests.support import COMMAND, ROOT, environment

PORT = 8786
TIMEOUT = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s"}
"""How soon a peer that does not answer is given up."""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def namespaces_work() -> bool:
    name = f"thresher-try-{os.getpid()}"
    if shutil.which("ip") is None:
        return False
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "add", "try0", "type", "veth", "peer", "name", "try1")
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        with suppress(OSError, subprocess.CalledProcessError):
            ip("netns", "delete", name)
    return True


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not namespaces_work(), reason="network namespaces can't be made here (needs root)"),
]


class Hosts:
    """The host `hub`, and the hosts 1 and 2 with a link to it: 10.99.N.1 is the hub, 10.99.N.2 the host N."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []
        self._names = {name: f"thresher-{os.getpid()}-{name}" for name in ("hub", "1", "2")}
        for name in self._names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        hub = self._names["hub"]
        for host in ("1", "2"):
            own = self._names[host]
            ip("-n", hub, "link", "add", f"hub{host}", "type", "veth", "peer", "name", "eth0", "netns", own)
            for name, device, address in ((hub, f"hub{host}", 1), (own, "eth0", 2)):
                ip("-n", name, "address", "add", f"10.99.{host}.{address}/24", "dev", device)
                ip("-n", name, "link", "set", device, "up")
            ip("-n", own, "route", "add", "default", "via", f"10.99.{host}.1")

    def start(self, host: str, *command: str, cwd: Path) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            ["ip", "netns", "exec", self._names[host], *command],
            cwd=cwd,
            env=environment(**TIMEOUT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if "ingest" in command else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._running.append(started)
        return started

    def run(self, host: str, *command: str, cwd: Path) -> str:
        """Run a command to its end, which must be good, and return what it printed."""
        done = subprocess.run(
            ["ip", "netns", "exec", self._names[host], *command],
            cwd=cwd,
            env=environment(PYTHONPATH=str(ROOT)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cluster(self, folder: Path, seconds: float = 0.1) -> str:
        """Start the scheduler, and a worker on each other host that takes its time; return the executor."""
        dask = [sys.executable, "-m"]
        self.start("hub", *dask, "distributed.cli.dask_scheduler", "--port", str(PORT), cwd=folder)
        (folder / "slow.py").write_text(SLOW.replace("sleep(0.1)", f"sleep({seconds})"))
        for host in ("1", "2"):
            self.start(
                host, *dask, "distributed.cli.dask_worker", f"tcp://10.99.{host}.1:{PORT}", "--nthreads", "1",
                "--no-nanny", "--local-directory", str(folder), "--preload", str(folder / "slow.py"), cwd=folder,
            )  # fmt: skip
        return f"dask:tcp://10.99.1.1:{PORT}"

    def cut(self, host: str) -> None:
        ip("-n", self._names["hub"], "link", "set", f"hub{host}", "down")

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        for name in self._names.values():
            ip("netns", "delete", name)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    try:
        yield made
    finally:
        made.end()


def test_a_link_that_is_cut_loses_nothing(
    hosts: Hosts, shelf: Callable[[str], Path], expected: dict[str, list[str]], tmp_path: Path
) -> None:
    folder = shelf(hosts.cluster(tmp_path))
    command = hosts.start("hub", *COMMAND, "ingest", "clips", cwd=folder)
    wait_until(lambda: recordings(folder) > 0)
    assert recordings(folder) < CLIPS
    hosts.cut("1")
    out, _ = command.communicate(timeout=180)
    assert command.returncode == 5, out  # one file is broken
    assert content(folder) == expected


# -- with a PostgreSQL server on the hub ---------------------------------------------------------------------


class Server:
    """A PostgreSQL server on the hub, and a catalog in it that the hosts share."""

    def __init__(self, hosts: Hosts, home: Path) -> None:
        self._hosts = hosts
        self._folder = home / "data"
        started = hosts.run("hub", *self._program, "start", str(self._folder), "10.99.1.1", cwd=ROOT)
        self._url = started.strip()

    @property
    def _program(self) -> list[str]:
        return [sys.executable, "-m", "tests.postgres"]

    def move(self, folder: Path) -> None:
        """Move the catalog of a folder, without its rows, to the server."""
        (folder / "catalog.db").unlink()
        settings = folder / "catalog.toml"
        settings.write_text(f'{settings.read_text()}[catalog]\ndatabase = "{self._url}"\n')
        self._hosts.run("hub", *COMMAND, "init", str(folder), cwd=folder)

    def ask(self, statement: str) -> int:
        """Return the number that a statement selects."""
        url = self._url.replace("+psycopg", "")
        return int(self._hosts.run("hub", str(program("psql")), "-qtA", "-c", statement, url, cwd=ROOT))

    def end(self) -> None:
        self._hosts.run("hub", *self._program, "stop", str(self._folder), cwd=ROOT)


@pytest.fixture
def server(hosts: Hosts) -> Iterator[Server]:
    if program("initdb") is None:
        pytest.skip("the server of PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="thresher-postgres-") as home:
        os.chmod(home, 0o755)  # the server has another user than root
        made = Server(hosts, Path(home))
        try:
            yield made
        finally:
            made.end()


def listed(hosts: Hosts, host: str, folder: Path) -> list[tuple[object, ...]]:
    """Return what `list` prints about each clip, without ids."""
    found = json.loads(hosts.run(host, *COMMAND, "list", "--json", cwd=folder))
    return sorted((each["path"], each["seconds"], each["score"], each["epoch"]) for each in found)


def test_a_host_that_is_cut_off_from_scheduler_and_database_loses_nothing(
    hosts: Hosts, server: Server, shelf: Callable[[str], Path], tmp_path: Path
) -> None:
    """Without a worker, the command goes on; without the hub, it ends, and another host completes its work."""
    executor = hosts.cluster(tmp_path, 0.5)
    folder, local = shelf(executor), shelf("serial")
    server.move(folder)
    command = hosts.start("1", *COMMAND, "ingest", "clips", cwd=folder)
    wait_until(lambda: server.ask("SELECT count(*) FROM recording") > 0)
    hosts.cut("2")
    wait_until(lambda: server.ask("SELECT count(*) FROM recording") > CLIPS // 3)
    assert server.ask("SELECT count(*) FROM recording") < CLIPS
    hosts.cut("1")
    out, _ = command.communicate(timeout=180)
    assert command.returncode in (1, 3), out
    assert out.count("\n") < 20, out
    wait_until(
        lambda: server.ask("SELECT count(*) FROM pg_stat_activity WHERE client_addr = '10.99.1.2'") == 0, 120
    )
    settings = folder / "catalog.toml"
    settings.write_text(settings.read_text().replace(executor, "serial"))
    for home in (folder, local):
        rest = hosts.start("hub", *COMMAND, "ingest", "clips", cwd=home)
        out, _ = rest.communicate(timeout=180)
        assert rest.returncode == 5, out  # one file is broken
    hosts.run("hub", *COMMAND, "verify", cwd=folder)
    assert listed(hosts, "hub", folder) == listed(hosts, "hub", local)
