"""Parse the values of query terms: numbers, lengths, dates and ranges; and format lengths and checkpoints.

Lengths are seconds. Instants are seconds since 1970 (UTC, float). Dates are read in local time, and are whole days
unless they name an hour. An invalid value raises UnfitError, to which the query adds the position.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
from calendar import monthrange
from collections.abc import Callable
from datetime import datetime, timedelta

LARGEST_EXACT = 2**53
"""From here on, a float may stand for several integers."""

MOST_DIGITS = 300
"""The most digits of an integer that is compared exactly; floats end at 309."""

LARGEST_INTEGER = 2**63 - 1
"""The largest integer that a database column can store."""

Bounds = tuple[float | None, float | None]
Reader = Callable[[str], float]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
_WHOLE_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?([kKM]?)")
_ZEROS = {"": 0, "k": 3, "K": 3, "M": 6}
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:[T ]([0-9]{1,2})(?::([0-9]{1,2})(?::([0-9]{1,2}))?)?)?)?)?"
)
_AGO = re.compile(r"([+-])([0-9]{1,6})([hdwmy])")


class UnfitError(Exception):
    """A value is invalid for its field. The message is a clause that shows the value."""


def checked_regex(pattern: str) -> re.Pattern[str]:
    """Compile a pattern. Raises UnfitError with the mistake in it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UnfitError(f'"{pattern}" is not a regular expression: {error}') from None


def number_of(text: str) -> float:
    """Parse a number."""
    if _NUMBER.fullmatch(text) is None:
        raise UnfitError(f'"{text}" is not a number')
    # float() would round integers above 2**53.
    digits = text.lstrip("+-")
    return int(text) if digits.isdigit() and len(digits) <= MOST_DIGITS else float(text)


def whole_number(text: str) -> int | None:
    """Return the whole number from 0 that `text` spells, such as 4000, 4000.0, 120k or 1.5M, or None."""
    match = _WHOLE_NUMBER.fullmatch(text)
    if match is None:
        return None
    zeros = _ZEROS[match[3]]
    fraction = (match[2] or "").rstrip("0")
    digits = (match[1] + fraction.ljust(zeros, "0")).lstrip("0")
    if len(fraction) > zeros or len(digits) > len(str(LARGEST_INTEGER)):
        return None
    number = int(digits or "0")
    return number if number <= LARGEST_INTEGER else None


def seconds_of(text: str) -> float:
    """Parse a length such as 7.5 or 1:30 to seconds."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UnfitError(str(error)) from None


def parse_duration(text: str) -> float:
    """Parse "90", "12:40" or "1:02:03.5" to seconds. Raises ValueError, with the text, for anything else."""
    match = re.fullmatch(r"(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+(?:\.[0-9]+)?)", text.strip())
    if match is not None and len(text) <= 32:
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        # Only the first number may be 60 or more: "90:00" is an hour and a half.
        if (match[2] is None or seconds < 60) and (match[1] is None or minutes < 60):
            return hours * 3600 + minutes * 60 + seconds
    raise ValueError(f'"{text}" is not a length such as 90, 1:30 or 2:00:00')


def format_duration(seconds: float) -> str:
    """Format a length to the nearest second: "0:07", "12:40", "1:02:03". Raises ValueError for a negative or
    infinite one."""
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{seconds} is not a length in seconds")
    minutes, second = divmod(int(seconds + 0.5), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def checkpoint_text(run: str | None, epoch: int | None, step: int | None) -> str:
    """Format a checkpoint, such as "night e20 i4000"; empty if run, epoch and step are unknown."""
    parts = [run or "", "" if epoch is None else f"e{epoch}", "" if step is None else f"i{step}"]
    return " ".join(part for part in parts if part)


def bounds_of(value: str, what: str, read: Reader, read_end: Reader | None = None) -> Bounds:
    """Parse the two ends of `80..120`, `4..`, `..7` or `..`, or of a single value; `what` describes what is
    expected.

    `read_end` parses an upper end if that differs from a lower end: a day ends at the following midnight.
    """
    read_end = read_end or read
    if "..." in value:
        raise UnfitError(f'"{value}" has too many dots; a range has two')
    low_text, dots, high_text = value.partition("..")
    try:
        if not dots:
            return read(value), read_end(value)
        low = read(low_text) if low_text else None
        high = read_end(high_text) if high_text else None
    except UnfitError:
        raise UnfitError(f'"{value}" is not {what}{comma_hint(value)}') from None
    if low is not None and high is not None and low > high:
        raise UnfitError(f'the range "{value}" is empty; did you mean {high_text}..{low_text}?')
    return low, high


def period_of(text: str, now: float) -> tuple[float, float]:
    """Return the start of a date or of a relative period, and the start of what follows it.

    `-2d` is the whole day before yesterday, `-2h` the hour that started two hours ago.
    """
    try:
        if (ago := _AGO.fullmatch(text)) is not None:
            return _relative_period(int(ago[1] + ago[2]), ago[3], datetime.fromtimestamp(now))
        if (date := _DATE.fullmatch(text)) is not None:
            return _calendar_period([int(part) for part in date.groups() if part is not None])
    except (ValueError, OverflowError, OSError):
        pass  # a 13th month, or a year out of range
    raise UnfitError(f'"{text}" is not a date')


def _relative_period(count: int, unit: str, now: datetime) -> tuple[float, float]:
    if unit == "h":
        # An hour is always 3600 s, even in the night when daylight saving time changes.
        start = now.timestamp() + 3600 * count
        return start, start + 3600
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in "dw":
        first = today + timedelta(days=count * (7 if unit == "w" else 1))
    else:
        first = _day_of_month(
            today.year * 12 + today.month - 1 + count * (12 if unit == "y" else 1), today.day
        )
    return first.timestamp(), (first + timedelta(days=1)).timestamp()


def _calendar_period(given: list[int]) -> tuple[float, float]:
    year, month, day, hour, minute, second = given + [1, 1, 0, 0, 0][len(given) - 1 :]
    start = datetime(year, month, day, hour, minute, second)
    if len(given) <= 2:
        end = _day_of_month(year * 12 + month - 1 + (12 if len(given) == 1 else 1), 1)
    else:
        unit = ("days", "hours", "minutes", "seconds")[len(given) - 3]
        end = start + timedelta(**{unit: 1})
    return start.timestamp(), end.timestamp()


def _day_of_month(months: int, day: int) -> datetime:
    """Return a day of a month, which is counted from the year 0, or the month's last day if it is shorter."""
    year, month = divmod(months, 12)
    return datetime(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def as_float32(value: float) -> float:
    """Round `value` as stored scores are rounded."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def comma_hint(value: str) -> str:
    """Return advice for a value that ends with a comma, else nothing."""
    return "; put a blank before a comma that means OR" if value.endswith(",") else ""
