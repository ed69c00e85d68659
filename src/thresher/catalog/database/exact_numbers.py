"""Compare numbers in attributes exactly, also integers that no float holds: seeds fill 64 bits and more.

`attribute.number` is a float, which merges neighbours from 2⁵³ on. There, the text of an integer is compared as a
key of digits whose order as text is that of the numbers.
"""

from __future__ import annotations

import math
import re

from sqlalchemy import ColumnElement, and_, case, false, func, literal, true

from thresher.catalog.database.portable_sql import IntegerKey
from thresher.catalog.database.schema import attribute
from thresher.catalog.text.values import LARGEST_EXACT, MOST_DIGITS, Bounds

_INTEGER = re.compile(r"\s*([+-]?)0*([0-9]+)\s*", re.ASCII)
_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def integer_key(text: str) -> str | None:
    """Return a text that sorts as the integer `text` does among such keys; None for anything but an integer."""
    match = _INTEGER.fullmatch(text)
    if match is None or len(match[2]) > MOST_DIGITS:
        return None
    sign, digits = match.groups()
    key = f"{len(digits):03}{digits}"
    return f"0{key.translate(_COMPLEMENT)}" if sign == "-" and digits != "0" else f"1{key}"


def integer_of(key: str) -> int:
    """Return the integer of a key."""
    if key[0] == "0":
        return -int(key.translate(_COMPLEMENT)[4:])
    return int(key[4:])


_LARGEST = 10**MOST_DIGITS - 1
"""The largest integer that has a key."""

_IS_LARGE = func.abs(attribute.c.number) >= LARGEST_EXACT
_KEY = IntegerKey(attribute.c.text)

SORT_KEY: ColumnElement[str] = case((_IS_LARGE, _KEY))
"""The key of an attribute whose float may have neighbours; NULL for all others."""


def attribute_within(bounds: Bounds) -> ColumnElement[bool]:
    """Return whether the number of an attribute lies within bounds, ends included; NULL for text.

    Bounds that are integers are exact, whatever their size.
    """
    low, high = bounds
    if low == math.inf or high == -math.inf:
        return false()
    return case((_IS_LARGE & _KEY.is_not(None), _keys_within(low, high)), else_=_floats_within(low, high))


def _keys_within(low: float | None, high: float | None) -> ColumnElement[bool]:
    ends: list[ColumnElement[bool]] = []
    if low is not None and low >= -_LARGEST:
        ends.append(literal(integer_key(str(math.ceil(low)))) <= _KEY if low <= _LARGEST else false())
    if high is not None and high <= _LARGEST:
        ends.append(literal(integer_key(str(math.floor(high)))) >= _KEY if high >= -_LARGEST else false())
    return and_(true(), *ends)


def _floats_within(low: float | None, high: float | None) -> ColumnElement[bool]:
    number = attribute.c.number
    ends: list[ColumnElement[bool]] = [number.is_not(None)]
    if low is not None:
        ends.append(number >= _rounded(low, math.inf))
    if high is not None:
        ends.append(number <= _rounded(high, -math.inf))
    return and_(*ends)


def _rounded(value: float, towards: float) -> float:
    """Return the nearest float that does not lie outside of an exact bound."""
    near = float(value)
    if near == value or (near > value) == (towards > 0):
        return near
    return math.nextafter(near, towards)
