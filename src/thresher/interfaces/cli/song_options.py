"""Options of song commands as settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import shortened

if TYPE_CHECKING:
    from thresher.curation.songs.options import SongOptions


NoCopies = Annotated[
    bool | None,
    typer.Option(
        "--no-copies/--copies",
        help="Leave out copies and parts of other clips in the song; the best rated stays.",
    ),
]
PerCheckpoint = Annotated[
    str | None,
    typer.Option(
        metavar="N", help="Keep at most N clips of each checkpoint, the best rated ones; none for no limit."
    ),
]


def options_of(given: Mapping[str, str | None], **more: Any) -> SongOptions:
    """The options with these texts by name; those that are None are not given, in `more` too.

    Raises UsageError for a text that is not a number.
    """
    from thresher.curation.songs.options import SongOptions

    values = {
        name: _READERS[name](f"--{name.replace('_', '-')}", text)
        for name, text in given.items()
        if text is not None
    }
    return SongOptions(**values, **{name: value for name, value in more.items() if value is not None})


def pin_of(text: str) -> tuple[str, int]:
    """The clip and the position in `--pin CLIP@N`."""
    clip, at, position = text.rpartition("@")
    number = _decimal(position)
    if not at or not clip or number is None:
        raise UsageError(f'--pin "{text}" is not a clip and a position, such as 12@3')
    return clip, number


def _text(_option: str, text: str) -> str | None:
    return None if text == "auto" else text


def _tag(_option: str, text: str) -> str | None:
    return None if text in ("", "none") else text


def _whole_number(option: str, text: str) -> int | None:
    if text in ("none", "auto"):
        return None
    number = _decimal(text)
    if number is None:
        if text.isdecimal():
            raise UsageError(f"{option} {shortened(text)} is out of range (expected a smaller number)")
        raise UsageError(f'{option} "{text}" is not a whole number (expected digits, or auto or none)')
    return number


def _decimal(text: str) -> int | None:
    """Return the number in decimal digits, None for other text and for a number that is too large to store."""
    from thresher.catalog.text.values import whole_number

    return whole_number(text) if text.isdecimal() else None


def _number(option: str, text: str) -> float | None:
    if text in ("none", "auto"):
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f'{option} "{text}" is not a number (expected one such as -14, or none)') from error


def _duration(option: str, text: str) -> float | None:
    from thresher.catalog.text.values import parse_duration

    try:
        return None if text == "none" else parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {error}") from error


def _seconds(option: str, text: str) -> float:
    return _duration(option, text) or 0.0


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(("order", "metric"), lambda _option, text: text),
    "subtype": _text,
    **dict.fromkeys(("clips", "rate", "channels", "per_checkpoint"), _whole_number),
    "length": _duration,
    **dict.fromkeys(("lufs", "quality"), _number),
    **dict.fromkeys(("artist", "album", "cover"), _tag),
    **dict.fromkeys(("fade", "crossfade", "gap"), _seconds),
}
