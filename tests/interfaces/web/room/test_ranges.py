"""Range headers, as RFC 9110 reads them."""

from __future__ import annotations

import pytest

from thresher.interfaces.web.room.ranges import UnsatisfiableError, byte_ranges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=90-500", [(90, 99)]),
        ("bytes=-5", [(95, 99)]),
        ("bytes=-500", [(0, 99)]),
        ("Bytes=0-1, 5-6", [(0, 1), (5, 6)]),
        ("bytes=0-1,200-300", [(0, 1)]),
        ("bytes=5-3", None),
        ("bytes=0-9,5-15", None),
        ("bytes=a-b", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=--5", None),
        ("bytes=١-٢", None),
        ("pages=0-1", None),
        ("bytes=" + ",".join(f"{first}-{first}" for first in range(0, 60, 2)), None),
        ("bytes=0-" + "9" * 40, None),
    ],
)
def test_ranges_of_a_file_of_100_bytes(header: str | None, expected: list[tuple[int, int]] | None) -> None:
    assert byte_ranges(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0", "bytes=200-300,400-"])
def test_ranges_beyond_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        byte_ranges(header, 100)
