"""When the stamp of a file proves that its content is unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from thresher.catalog.files.stamps import STABLE, Look, Stamp, Unstable, is_unchanged, look_of, stamp_of

SECOND = 1_000_000_000
AT = 1_800_000_000
"""When the file was read, in seconds since 1970."""
WRITTEN = Stamp(100, (AT - 10) * SECOND, (AT - 10) * SECOND, 2**64 - 1)
LOOK = look_of(WRITTEN, float(AT))
YEAR_2400 = 13_569_465_600 * SECOND


def test_a_file_is_unchanged_if_everything_is_equal_and_it_was_read_long_after_it_was_written() -> None:
    assert is_unchanged(LOOK, WRITTEN)


@pytest.mark.parametrize(
    "now",
    [
        WRITTEN._replace(size=101),
        WRITTEN._replace(mtime_ns=WRITTEN.mtime_ns + 1),
        WRITTEN._replace(ctime_ns=WRITTEN.ctime_ns + 1),
        WRITTEN._replace(inode=7),
    ],
)
def test_a_file_that_differs_in_anything_is_not_proven_unchanged(now: Stamp) -> None:
    assert not is_unchanged(LOOK, now)


@pytest.mark.parametrize(
    ("mtime", "ctime", "proven"),
    [
        (AT - 3, AT - 3, True),
        (AT - 2, AT - 2, False),
        (AT - 2, AT - 3, False),
        (AT - 3, AT - 2, False),
        (AT - 1, AT - 1, False),
        (AT - 100, AT - 1, False),  # written just now, with an old time
        (AT - 1, AT - 100, False),  # the file system may not keep real ctimes
        (AT + 3_600, AT + 3_600, False),  # the clock was set back
        (YEAR_2400 // SECOND, AT - 100, True),  # a bad clock of another machine
        (YEAR_2400 // SECOND, AT - 1, False),
        (-5_000_000_000, AT - 100, True),  # before 1970
    ],
)
def test_a_file_that_was_read_within_two_seconds_of_a_change_may_have_changed_again(
    mtime: int, ctime: int, proven: bool
) -> None:
    stamp = Stamp(100, mtime * SECOND, ctime * SECOND, 1)
    assert is_unchanged(look_of(stamp, float(AT)), stamp) is proven


def test_what_the_file_system_changes_by_itself_is_not_compared() -> None:
    moved, touched = WRITTEN._replace(inode=7), WRITTEN._replace(ctime_ns=5)
    assert is_unchanged(LOOK, moved, Unstable(inode=True))
    assert is_unchanged(LOOK, touched, Unstable(ctime=True))
    assert not is_unchanged(LOOK, moved, Unstable(ctime=True))
    assert not is_unchanged(LOOK, touched, Unstable(inode=True))
    assert not is_unchanged(LOOK, WRITTEN._replace(size=1), Unstable(ctime=True, inode=True))


@pytest.mark.parametrize("unstable", [STABLE, Unstable(ctime=True, inode=True)])
def test_a_file_that_was_read_before_stamps_were_kept_is_not_proven_unchanged(unstable: Unstable) -> None:
    assert not is_unchanged(Look(100, WRITTEN.mtime_ns, None, None, None), WRITTEN, unstable)


def test_a_stamp_has_the_exact_times_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    os.utime(path, ns=(0, -1_234_567_891_234_567_891))
    status = path.stat()
    assert stamp_of(status) == (5, -1_234_567_891_234_567_891, status.st_ctime_ns, status.st_ino)


def test_without_ctimes_the_time_of_the_content_alone_is_compared() -> None:
    unstable = Unstable(ctime=True)
    for mtime, proven in ((AT - 3, True), (AT - 2, False)):
        stamp = Stamp(100, mtime * SECOND, AT * SECOND, 1)
        assert is_unchanged(look_of(stamp, float(AT)), stamp, unstable) is proven
