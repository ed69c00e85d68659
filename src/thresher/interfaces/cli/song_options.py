"""Options of song commands as settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from thresher.errors import UsageError


def chain_between(order: str | None, start: int | None, end: int | None, present: str | None) -> str:
    """The chain with these ends. An end that is not given stays as in the present ordering."""
    from thresher.signal.ordering.orderings import Ordering, parse_ordering

    if order not in (None, "chain"):
        raise UsageError(f"--start and --end need --order chain, not --order {order}")
    was = parse_ordering(present) if present and order is None else None
    if was is not None and was.name == "chain":
        start, end = was.start if start is None else start, was.end if end is None else end
    return str(Ordering("chain", start=start, end=end))


def manual_order(order: str | None, clips: tuple[int, ...]) -> dict[str, Any]:
    """The settings for a sequence from a file. Raises UsageError if another ordering is asked for."""
    if order not in (None, "manual"):
        raise UsageError(f"--from needs --order manual, not --order {order}")
    return {"ordering": "manual", "manual": clips}


def changes_of(given: Mapping[str, str | None]) -> dict[str, Any]:
    """The settings that options name, by their columns. Raises UsageError for a text that is not a number."""
    return {
        column: _READERS[column](f"--{_OPTIONS.get(column, column)}", text)
        for column, text in given.items()
        if text is not None
    }


def pin_of(text: str) -> tuple[str, int]:
    """The clip and the position in `--pin CLIP@N`."""
    clip, at, position = text.rpartition("@")
    if not at or not clip or not position.isdecimal():
        raise UsageError(f'--pin "{text}" is not a clip and a position, such as 12@3')
    return clip, int(position)


def _text(_option: str, text: str) -> str | None:
    return None if text == "auto" else text


def _whole_number(option: str, text: str) -> int | None:
    if text in ("none", "auto"):
        return None
    if not text.isdecimal():
        raise UsageError(f'{option} "{text}" is not a whole number')
    return int(text)


def _number(option: str, text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f'{option} "{text}" is not a number') from error


def _duration(option: str, text: str) -> float | None:
    from thresher.catalog.values import parse_duration

    try:
        return None if text == "none" else parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {error}") from error


def _seconds(option: str, text: str) -> float:
    return _duration(option, text) or 0.0


_OPTIONS = {"ordering": "order", "sample_rate": "rate"}
_READERS: Mapping[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(("ordering", "metric"), lambda _option, text: text),
    "subtype": _text,
    **dict.fromkeys(("clips", "sample_rate", "channels"), _whole_number),
    "length": _duration,
    "lufs": _number,
    **dict.fromkeys(("fade", "crossfade", "gap"), _seconds),
}
