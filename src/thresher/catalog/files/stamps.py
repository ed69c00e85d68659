"""Stamps: what the file system says about a file without reading it, and when that proves it unchanged.

Equal size and time of change prove nothing: clips have one length, times are coarse (FAT: two seconds), and
programs restore them. No program can set the time of the last status change (ctime) or the inode, so a stamp
has them too. The device is left out, because it changes with each mount. Times are nanoseconds since 1970 (int
of any size: file systems store years before 1970 and after 2262), inodes are unsigned 64-bit integers.
"""

from __future__ import annotations

import os
from typing import NamedTuple

SETTLED_NS = 2_000_000_000
"""A file that changed less than two seconds before it was read may have changed again under the same times."""

_DAY_NS = 86_400_000_000_000


class Stamp(NamedTuple):
    """The size of a file in bytes, its times of change in nanoseconds, and its inode."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Look(NamedTuple):
    """The stamp of a file whose content was read, and when the reading began (seconds since 1970).

    The last three are None for a file that was read before the catalog kept them.
    """

    size: int
    mtime_ns: int
    ctime_ns: int | None
    inode: int | None
    looked_at: float | None


class Unstable(NamedTuple):
    """What a file system changes by itself, so that it proves nothing there."""

    ctime: bool = False
    inode: bool = False


STABLE = Unstable()

NO_STAMP = Stamp(0, 0, 0, 0)
"""The stamp of a file that can't be looked at."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp in the result of a stat."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def look_of(stamp: Stamp, looked_at: float) -> Look:
    """Return the look at a file that had this stamp when its reading began."""
    return Look(*stamp, looked_at)


def is_unchanged(look: Look, now: Stamp, unstable: Unstable = STABLE) -> bool:
    """Return whether the file certainly holds the content that was read at `look`."""
    return is_same(look, now, unstable) and is_settled(look, unstable)


def is_same(before: Look | Stamp, now: Stamp, unstable: Unstable = STABLE) -> bool:
    """Return whether nothing differs that the file system does not change by itself."""
    return (
        (before.size, before.mtime_ns) == (now.size, now.mtime_ns)
        and (unstable.ctime or before.ctime_ns == now.ctime_ns)
        and (unstable.inode or before.inode == now.inode)
    )


def is_settled(look: Look, unstable: Unstable = STABLE) -> bool:
    """Return whether the file last changed more than two seconds before it was read.

    Otherwise it may have changed again, under the same times.
    """
    if look.looked_at is None:
        return False
    latest = int(look.looked_at * 1e9) - SETTLED_NS
    if unstable.ctime or look.ctime_ns is None:
        return look.mtime_ns < latest
    # no write gives a time of tomorrow: a program has set it, and the status change says when
    is_set = look.mtime_ns > latest + _DAY_NS
    return look.ctime_ns < latest and (is_set or look.mtime_ns < latest)
