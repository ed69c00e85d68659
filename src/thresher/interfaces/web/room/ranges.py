"""The Range header of a request (RFC 9110, section 14)."""

from __future__ import annotations

import re
from itertools import pairwise

MOST_RANGES = 8
"""More ranges in one request are answered with the whole: no player asks for them."""

_RANGE = re.compile(r"\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


class UnsatisfiableError(ValueError):
    """No byte of what was asked for exists."""


def byte_ranges(header: str | None, size: int) -> list[tuple[int, int]] | None:
    """Return the ranges that a header asks for, as first and last byte; None if the whole is to be sent.

    A malformed header, another unit, too many ranges, and ranges that overlap are ignored, as the RFC allows.
    Raises UnsatisfiableError if all ranges lie beyond the end.
    """
    if header is None or not header.lower().startswith("bytes="):
        return None
    asked = header[6:].split(",")
    if len(asked) > MOST_RANGES:
        return None
    found = []
    for each in asked:
        match = _RANGE.fullmatch(each)
        if match is None or match[1] == match[2] == "":
            return None
        if match[1] == "":
            first, last = max(0, size - int(match[2])), size - 1
            if int(match[2]) == 0:
                continue
        else:
            first, last = int(match[1]), min(size - 1, int(match[2] or size - 1))
            if match[2] and int(match[2]) < first:
                return None
        if first < size:
            found.append((first, last))
    if not found:
        raise UnsatisfiableError
    in_order = sorted(found)
    overlapping = any(left[1] >= right[0] for left, right in pairwise(in_order))
    return None if overlapping else found
