"""Small and read-only disks in memory for tests of faults. They need Linux and the right to mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk(folder: Path, *options: str) -> Iterator[Path]:
    """Mount a disk in memory on `folder`, with options of tmpfs such as "size=1M"; skip the test where it can't."""
    folder.mkdir(parents=True, exist_ok=True)
    if not _can(["mount", "-t", "tmpfs", "-o", ",".join(options) or "size=16M", "tmpfs", str(folder)]):
        pytest.skip("no disk can be mounted here: that needs root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a mounted disk read-only."""
    _remount(folder, "ro")
    try:
        yield
    finally:
        _remount(folder, "rw")


@contextmanager
def filled(folder: Path, *, free: int = 0) -> Iterator[None]:
    """Fill the disk of a folder up to about `free` bytes."""
    waste = folder / "waste"
    with waste.open("wb", buffering=0) as file:
        size = max(0, os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - free)
        file.write(bytes(size))
    try:
        yield
    finally:
        waste.unlink()


def _remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


def _can(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
