"""The preloaded library: compile it, and describe the fault that it causes."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

SOURCE = Path(__file__).with_name("interposer.c")

CACHE = ROOT / ".faults"
"""Where the compiled library and the journal of outcomes are."""

STATE = struct.Struct("@lii600s")
"""The layout of `struct state` in interposer.c: count, main process, whether the event happened, and its name."""


@dataclass(frozen=True)
class Mode:
    """What happens at the chosen event. `kinds` are the events that count; see interposer.c."""

    name: str
    action: str
    kinds: str = "all"
    error: int = 0

    @property
    def is_kill(self) -> bool:
        """Whether a process is killed; else the event fails."""
        return not self.error

    def variables(self, folder: Path, state: Path, at: int) -> dict[str, str]:
        """Return the environment of a command for a fault at event number `at` below `folder`; 0 only counts."""
        return {
            "FAULTS_FOLDER": str(folder),
            "FAULTS_STATE": str(state),
            "FAULTS_AT": str(at),
            "FAULTS_ACTION": self.action,
            "FAULTS_KINDS": self.kinds,
            "FAULTS_ERROR": str(self.error),
        }


MODES = {
    mode.name: mode
    for mode in (
        Mode("kill", "kill"),
        Mode("kill-parent", "kill-main"),
        Mode("torn", "tear", "writes"),
        Mode("full", "fail-on", "space", errno.ENOSPC),
        Mode("error", "fail", "all", errno.EIO),
        Mode("dead", "fail-on", "all", errno.EIO),
    )
}
"""Kills of the whole process group, of the parent alone, and in the middle of a write; a disk that is full from
the event on; an I/O error once, and from the event on."""


@dataclass(frozen=True)
class Counted:
    """What the library counted: the events, and the one on which it acted, empty if there was none."""

    events: int
    what: str


def missing_requirement() -> str | None:
    """Return why the library can't be used here, or None."""
    if sys.platform != "linux":
        return "faults are injected by a preloaded library, which needs Linux"
    if shutil.which("cc") is None:
        return "faults are injected by a library in C, which needs a compiler (cc)"
    return None


def compiled() -> Path:
    """Return the compiled library; it is compiled once for each content of its source."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]
    library = CACHE / f"interposer-{digest}.so"
    if not library.exists():
        CACHE.mkdir(exist_ok=True)
        partial = library.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(partial), str(SOURCE), "-ldl"], check=True)
        partial.rename(library)
    return library


def arm() -> None:
    """Let the library in this process, into which it was preloaded, read its settings again."""
    ctypes.CDLL(None).faults_arm()


def reset(state: Path) -> None:
    """Write a state in which nothing has been counted."""
    state.write_bytes(bytes(STATE.size))


def counted(state: Path) -> Counted:
    """Return what was counted since the last reset."""
    with state.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        events, _, _, what = STATE.unpack(mapped[: STATE.size])
    return Counted(events, what.split(b"\0", 1)[0].decode("utf-8", "replace"))
