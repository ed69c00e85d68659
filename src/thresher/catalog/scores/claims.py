"""Claims: which scorer computes which score rows at the moment, so that scorers share the work.

A claim names consecutive positions of a metric's matrix and the clips whose rows come there, each with the checksum
of its feature. No other scorer takes these clips or positions. The rows are stored in the transaction that ends the
claim. A claim is a lease: its holder renews it while it computes, and after `LEASE` seconds without that, any
scorer may take it over. A holder on this machine whose process has ended loses its claims at once.

Positions are allocated after the last row and the last claim, so a claim that is given up in the middle stays, for
the next scorer. The functions run inside the caller's transaction.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, select, update

from thresher.catalog.database.database import insert_row
from thresher.catalog.database.digests import stored_rows
from thresher.catalog.database.schema import claim, score_row
from thresher.errors import CatalogError

LEASE = 60.0
"""Seconds for which a claim is held without being renewed."""

_LONGEST = 86_400.0
"""Seconds after which no claim ends, although the clocks of machines may differ."""


@dataclass(frozen=True)
class Claim:
    """The rows from the position `first` on, of `clips`: checksums of their features, by their ids and in order."""

    id: int
    first: int
    clips: Mapping[int, int]
    holder: str

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self.first + len(self.clips)


def new_holder() -> str:
    """Return a name for one scoring of this process, which says whether the process still runs."""
    return f"{_this_process()} {secrets.token_hex(4)}"


@cache
def _this_process() -> str:
    return f"{_machine()} {os.getpid()} {_started(os.getpid()) or ''}"


@cache
def _machine() -> str:
    """Return what numbers of processes are unique in: the boot and the namespace; "" where nothing says so."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _started(process: int) -> str | None:
    """Return when a process started, in ticks since the boot; "" if it is not running.

    None if that is not known: the system can hide the processes of other users (`hidepid`).
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None if _exists(process) else ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")


def _exists(process: int) -> bool:
    with suppress(PermissionError):  # it is a process of another user
        try:
            os.kill(process, 0)  # which sends nothing
        except (ProcessLookupError, OverflowError):
            return False
    return True


def has_ended(holder: str) -> bool:
    """Return whether a holder is a process of this machine that does not run any more."""
    machine, _, process = holder.rsplit(" ", 1)[0].partition(" ")
    number, _, started = process.partition(" ")
    if not machine or machine != _machine() or not number.isdigit():
        return False
    return _started(int(number)) not in (None, started)


def read(connection: Connection, of_metric: int) -> list[Claim]:
    """Return the claims of a metric by ascending positions. Raises CatalogError for a damaged one."""
    rows = connection.execute(
        select(claim).where(claim.c.metric_id == of_metric).order_by(claim.c.first_position)
    )
    return [_claim(row) for row in rows]


def _claim(row: Any) -> Claim:
    try:
        return Claim(row.id, row.first_position, _clips(row.clips), row.holder)
    except _NOT_CLIPS as error:
        raise CatalogError(
            "a claim of scores is damaged in the catalog; `thresher verify --repair` removes it"
        ) from error


def _clips(stored: str | bytes) -> dict[int, int]:
    return {int(clip_id): int(checksum) for clip_id, checksum in json.loads(stored)}


_NOT_CLIPS = (ValueError, TypeError)
"""What reading a damaged list of clips can raise."""


def are_sound(connection: Connection, of_metric: int) -> bool:
    """Return whether the claims of a metric can be read."""
    try:
        for (stored,) in stored_rows(connection, f"SELECT clips FROM claim WHERE metric_id = {of_metric:d}"):
            _clips(stored)
    except _NOT_CLIPS:
        return False
    return True


def next_position(connection: Connection, of_metric: int) -> int:
    """Return the first position after all rows and claims of a metric."""
    last = connection.scalar(select(func.max(score_row.c.position)).where(score_row.c.metric_id == of_metric))
    ends = (each.end for each in read(connection, of_metric))
    return max(0 if last is None else last + 1, *ends, 0)


def take_over(connection: Connection, of_metric: int, holder: str, now: float) -> Claim | None:
    """Give `holder` the first claim that its own holder has lost, if there is one."""
    rows = connection.execute(
        select(claim).where(claim.c.metric_id == of_metric).order_by(claim.c.first_position)
    )
    for row in rows.all():
        if _is_lost(row, now):
            values = {"holder": holder, "expires_at": now + LEASE}
            connection.execute(update(claim).where(claim.c.id == row.id).values(values))
            return Claim(row.id, row.first_position, _claim(row).clips, holder)
    return None


def add(connection: Connection, of_metric: int, clips: Mapping[int, int], holder: str, now: float) -> Claim:
    """Claim rows for clips, which nobody has claimed, after all rows and claims."""
    first = next_position(connection, of_metric)
    values = {
        "metric_id": of_metric,
        "first_position": first,
        "clips": json.dumps([list(each) for each in clips.items()], separators=(",", ":")),
        "holder": holder,
        "expires_at": now + LEASE,
    }
    return Claim(insert_row(connection, claim, values), first, clips, holder)


def renew(connection: Connection, held: Claim, now: float) -> None:
    """Extend a claim, if its holder has not lost it."""
    connection.execute(update(claim).where(*_is(held)).values(expires_at=now + LEASE))


def is_held(connection: Connection, held: Claim) -> bool:
    """Return whether the holder of a claim has not lost it."""
    return connection.scalar(select(claim.c.id).where(*_is(held))) is not None


def end(connection: Connection, held: Claim) -> None:
    """Delete a claim, unless its holder has lost it."""
    connection.execute(delete(claim).where(*_is(held)))


def give_up(connection: Connection, of_metric: int, held: Claim) -> None:
    """End a claim without rows. If other positions follow, it stays for any scorer to take over."""
    if held.end == next_position(connection, of_metric):
        end(connection, held)
    else:
        connection.execute(update(claim).where(*_is(held)).values(expires_at=0.0))


def drop_all(connection: Connection, of_metric: int) -> None:
    """Delete all claims of a metric: their holders have lost them, and store nothing."""
    connection.execute(delete(claim).where(claim.c.metric_id == of_metric))


def positions(connection: Connection, of_metric: int) -> NDArray[np.int64]:
    """Return the claimed positions of a metric."""
    found = [range(each.first, each.end) for each in read(connection, of_metric)]
    return np.array([position for claimed in found for position in claimed], np.int64)


def open_positions(connection: Connection, of_metric: int, end: int) -> int:
    """Return how many positions before `end` are claimed."""
    return int(np.count_nonzero(positions(connection, of_metric) < end))


def waits_for(connection: Connection, of_metric: int, now: float) -> bool:
    """Return whether other scorers hold claims, and none of them has lost one."""
    rows = connection.execute(
        select(claim.c.expires_at, claim.c.holder).where(claim.c.metric_id == of_metric)
    ).all()
    return bool(rows) and not any(_is_lost(row, now) for row in rows)


def _is_lost(row: Any, now: float) -> bool:
    """Return whether a claim was lost by its holder. One that ends in days is damaged: none may block others."""
    return not now < row.expires_at < now + _LONGEST or has_ended(row.holder)


def _is(held: Claim) -> tuple[Any, ...]:
    return claim.c.id == held.id, claim.c.holder == held.holder
