"""The server of a room as a process: how it starts, what it refuses, and how signals end it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.interfaces.cli.main import run
from thresher.interfaces.web.room_lock import room_lock
from thresher.interfaces.web.server_key import read_or_create_key, token_of

pytestmark = pytest.mark.long

PATIENCE = 60.0
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_clip: Any) -> Path:
    """The folder of a catalog with one clip."""
    home = tmp_path_factory.mktemp("served")
    Catalog.create(home).close()
    write_clip(home / "night/night_epoch_1_0.wav", 1, seconds=2.0)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "night"], IngestOptions(executor="serial"))
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """The folder of a catalog of this test."""
    return Path(shutil.copytree(made, tmp_path / "home"))


def command(home: Path, *options: str, name: str = "serve") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "thresher", "--catalog", str(home / "catalog.toml"), name, *options]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(home: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Return the exit code and the words of a server that does not start."""
    code = run(["--catalog", str(home / "catalog.toml"), "serve", "--no-open", *options])
    out, err = capsys.readouterr()
    assert out == ""
    return code, err


@contextmanager
def served(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server, and the address that it printed."""
    process = command(home, "--no-open", "--port", "0", *options)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"http://\S+", line)
        assert match is not None, (line, process.communicate(timeout=PATIENCE))
        yield process, match[0]
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Send a signal, and return the exit code and the words of the process."""
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


class Visitor:
    """A browser at an address: with the cookie after the first visit."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        self.where = (parts.hostname, parts.port)
        answer = self.get(f"{parts.path}?{parts.query}")
        self.status = answer.status
        self.cookie = (answer.getheader("set-cookie") or "").partition(";")[0]

    def get(self, path: str, **headers: str) -> HTTPResponse:
        connection = HTTPConnection(*self.where, timeout=PATIENCE)
        if hasattr(self, "cookie"):
            headers["cookie"] = self.cookie
        connection.request("GET", path, headers=headers)
        return connection.getresponse()


def test_a_port_that_is_in_use_and_addresses_of_others_are_named(home: Path, capsys: Capture) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        code, words = refused(home, capsys, "--port", str(port))
    assert (code, words.count("\n")) == (1, 1)
    assert f"port {port} is in use" in words
    assert not (home / "catalog.room").exists()
    code, words = refused(home, capsys, "--host", "192.0.2.1")
    assert "is not an address of this machine" in words
    code, words = refused(home, capsys, "--host", "nowhere.invalid")
    assert 'no address of this machine is named "nowhere.invalid"' in words


def test_one_server_serves_a_catalog_and_a_killed_one_leaves_no_lock(home: Path, capsys: Capture) -> None:
    code, words = refused(home, capsys, "--link")
    assert (code, "no server serves" in words) == (1, True)
    with served(home) as (process, address):
        base = address.partition("?")[0]
        code, words = refused(home, capsys, "--port", "0")
        assert (code, words.count("\n")) == (3, 1)
        assert f"another server serves this catalog at {base}" in words
        run(["--catalog", str(home / "catalog.toml"), "serve", "--link"])
        assert capsys.readouterr().out.strip() == address
        cookie = Visitor(address).cookie
        process.kill()
        process.wait()
    with room_lock(home):
        assert token_of(read_or_create_key(home)) in cookie  # so it is valid after a restart


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_room_during_streams(home: Path, number: int, code: int) -> None:
    with served(home, "--watch", str(home / "night")) as (process, address):
        visitor = Visitor(address)
        events = visitor.get("/api/changes")
        assert events.readline().startswith(b"data: ")
        sound = visitor.get("/audio/1")
        assert sound.read(44)[:4] == b"RIFF"
        begun = time.monotonic()
        assert ended(process, number) == (code, "Ctrl-C ends it\nthe room is closed\n")
        assert time.monotonic() - begun < 20
        assert not (home / "catalog.room").exists()


def test_a_catalog_of_a_newer_thresher_is_refused(home: Path, capsys: Capture) -> None:
    with closing(sqlite3.connect(home / "catalog.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    code, words = refused(home, capsys)
    assert (code, words.count("\n")) == (3, 1)
    assert "was written by a newer thresher" in words


def test_an_open_address_states_what_it_exposes(home: Path) -> None:
    with served(home, "--host", "0.0.0.0") as (process, address):
        assert "?token=" in address
        port = urlsplit(address).port
        here = Visitor(f"http://127.0.0.1:{port}/?token={token_of(read_or_create_key(home))}")
        assert here.get("/api/room").status == 200
        assert here.get("/api/room", host=f"{socket.gethostname()}:{port}").status == 200
        assert here.get("/api/room", host=f"another.example:{port}").status == 403
        _, words = ended(process, signal.SIGINT)
    assert "open on every network of this machine: anyone with this address can hear all clips" in words


def test_a_read_only_room_watches_nothing_and_folders_must_exist(
    home: Path, capsys: Capture, tmp_path: Path
) -> None:
    code, words = refused(home, capsys, "--read-only", "--watch", str(tmp_path))
    assert (code, "--read-only refuses every change" in words) == (2, True)
    code, words = refused(home, capsys, "--watch", str(tmp_path / "nowhere"))
    assert (code, "there is no such folder" in words) == (4, True)


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [("short", 0o600, "at least 8 characters"), ("long enough", 0o644, "other users can read")],
)
def test_a_password_file_must_be_private_and_long_enough(
    home: Path, capsys: Capture, content: str, mode: int, expected: str
) -> None:
    file = home / "password"
    file.write_text(content)
    file.chmod(mode)
    code, words = refused(home, capsys, "--password-file", str(file))
    assert (code, expected in words) == (2, True)
