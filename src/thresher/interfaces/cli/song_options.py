"""What options say of songs as settings, and settings as words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.output import length_text

if TYPE_CHECKING:
    from thresher.curation.songs.songs import SongSettings


def pinned_chain(order: str | None, start: int | None, end: int | None, old: str | None) -> str:
    """The chain with these ends; one that is not given stays as it was."""
    from thresher.signal.ordering.orderings import parse_ordering

    if order not in (None, "chain"):
        raise UsageError(f"--start and --end are for --order chain, not for {order}")
    was = parse_ordering(old) if old and order is None else None
    if was is not None and was.name == "chain":
        start, end = was.start if start is None else start, was.end if end is None else end
    return f"chain:{'' if start is None else start}..{'' if end is None else end}"


def in_sequence(order: str | None, clips: tuple[int, ...]) -> dict[str, Any]:
    """The settings of a song in a sequence from a file; UsageError where it shall have another order."""
    if order not in (None, "manual"):
        raise UsageError(f"--from is for --order manual, not for {order}")
    return {"ordering": "manual", "manual": clips}


def changes_of(given: Mapping[str, str | None]) -> dict[str, Any]:
    """The settings that options name, by their columns; UsageError for what is no number where one is wanted."""
    return {
        column: _READERS[column](f"--{_OPTIONS.get(column, column)}", text)
        for column, text in given.items()
        if text is not None
    }


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


def described(settings: SongSettings) -> str:
    """What a song is made of, and how it sounds, on one line."""
    parts = [settings.query or "all clips", f"order {settings.ordering} by {settings.metric}"]
    if settings.length is not None:
        parts.append(f"at most {length_text(settings.length)}")
    if settings.clips is not None:
        parts.append(f"at most {counted(settings.clips, 'clip')}")
    if settings.sample_rate is not None:
        parts.append(f"{settings.sample_rate} Hz")
    if settings.channels is not None:
        parts.append("mono" if settings.channels == 1 else "stereo")
    if settings.subtype is not None:
        parts.append(settings.subtype)
    if settings.lufs is not None:
        parts.append(f"{settings.lufs:g} LUFS")
    if settings.fade != type(settings).fade:
        parts.append(f"fades of {settings.fade:g} s")
    if settings.crossfade:
        parts.append(f"crossfades of {settings.crossfade:g} s")
    if settings.gap:
        parts.append(f"gaps of {settings.gap:g} s")
    if settings.dither:
        parts.append("dithered")
    return ", ".join(parts)


def pin_of(text: str) -> tuple[str, int]:
    """The clip and the place that `--pin CLIP@N` names."""
    clip, at, place = text.rpartition("@")
    if not at or not clip or not place.isdecimal():
        raise UsageError(f'--pin "{text}" is not a clip and a place, as 12@3')
    return clip, int(place)
