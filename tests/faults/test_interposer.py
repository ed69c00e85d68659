"""The preloaded library: which events it counts, and what it does at one of them."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults import interposer
from tests.faults.interposer import MODES, Counted

pytestmark = pytest.mark.skipif(
    interposer.missing_requirement() is not None, reason=interposer.missing_requirement() or ""
)

PROGRAM = """
import os, sqlite3, sys
inside, outside = sys.argv[1:]
open(outside, "w").write("not counted")
open(sys.executable, "rb").close()
def step(name, function):
    try:
        function()
    except (OSError, sqlite3.Error) as error:
        print(name, getattr(error, "errno", None) or error)
os.chdir(inside)
step("mkdir", lambda: os.mkdir("folder"))
file = os.open("folder/text", os.O_CREAT | os.O_WRONLY)
step("write", lambda: os.write(file, b"0123456789"))
step("sync", lambda: os.fsync(file))
step("rename", lambda: os.rename("folder/text", "text"))
step("unlink", lambda: os.unlink("text"))
def fill():
    sqlite3.connect("database").executescript("BEGIN; CREATE TABLE numbers (number); COMMIT")
step("database", fill)
print("end")
"""
"""Events 1 to 6 by Python: mkdir, open, write, fsync, rename, unlink; then those of SQLite."""


def run(tmp_path: Path, mode: str, at: int) -> tuple[subprocess.CompletedProcess[str], Counted]:
    """Run the program with a fault, and return what was counted."""
    inside = tmp_path / "inside"
    inside.mkdir()
    state = tmp_path / "state"
    interposer.reset(state)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(inside), str(tmp_path / "outside")],
        env={"LD_PRELOAD": str(interposer.compiled()), **MODES[mode].variables(inside, state, at)},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    return done, interposer.counted(state)


def test_events_of_python_and_of_sqlite_below_the_folder_are_counted(tmp_path: Path) -> None:
    done, found = run(tmp_path, "kill", 0)
    assert done.stdout == "end\n"
    assert found.what == ""
    assert found.events > 6 + 5  # journal and database are opened, written and synced, the journal is removed


def test_a_kill_happens_before_the_event(tmp_path: Path) -> None:
    done, found = run(tmp_path, "kill", 5)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert found == Counted(5, "rename /text")
    assert (tmp_path / "inside/folder/text").read_bytes() == b"0123456789"


def test_a_torn_write_writes_half(tmp_path: Path) -> None:
    done, found = run(tmp_path, "torn", 1)
    assert done.returncode == -signal.SIGKILL
    assert found.what == "write /folder/text"
    assert (tmp_path / "inside/folder/text").read_bytes() == b"01234"


def test_one_event_fails_and_the_next_ones_happen(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "error", 3)
    assert done.stdout == f"write {errno.EIO}\nend\n"


def test_a_full_disk_stays_full_but_files_can_be_removed(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "full", 3)
    lines = done.stdout.splitlines()
    assert lines[:3] == [f"{name} {errno.ENOSPC}" for name in ("write", "sync", "rename")]
    assert lines[3:] == ["unlink 2", "database unable to open database file", "end"]  # 2: it was not renamed


def test_a_dead_disk_fails_until_the_end(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "dead", 3)
    assert done.stdout.splitlines()[:4] == [
        f"{name} {errno.EIO}" for name in ("write", "sync", "rename", "unlink")
    ]


def test_workers_of_a_sweep_compile_the_library_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interposer, "CACHE", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = {each.result() for each in [pool.submit(interposer.compiled) for _ in range(4)]}
    assert list(tmp_path.iterdir()) == list(found)
