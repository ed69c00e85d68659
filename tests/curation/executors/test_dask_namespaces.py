"""A cluster as on three hosts: network namespaces with addresses of their own. The command and the scheduler run in
one, a worker in each of two others, and one of the links is cut while they work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.curation.executors.clusters import CLIPS, SLOW, content, recordings, wait_until
from tests.support import COMMAND, environment

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
    dask = [sys.executable, "-m"]
    hosts.start("hub", *dask, "distributed.cli.dask_scheduler", "--port", str(PORT), cwd=tmp_path)
    (tmp_path / "slow.py").write_text(SLOW)
    for host in ("1", "2"):
        hosts.start(
            host, *dask, "distributed.cli.dask_worker", f"tcp://10.99.{host}.1:{PORT}", "--nthreads", "1",
            "--no-nanny", "--local-directory", str(tmp_path), "--preload", str(tmp_path / "slow.py"), cwd=tmp_path,
        )  # fmt: skip
    folder = shelf(f"dask:tcp://10.99.1.1:{PORT}")
    command = hosts.start("hub", *COMMAND, "ingest", "clips", cwd=folder)
    wait_until(lambda: recordings(folder) > 0)
    assert recordings(folder) < CLIPS
    hosts.cut("1")
    out, _ = command.communicate(timeout=180)
    assert command.returncode == 5, out  # one file is broken
    assert content(folder) == expected
