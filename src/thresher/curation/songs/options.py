"""The options of `save_song`, named like the flags of `thresher song save`, and the settings that they change."""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from thresher.catalog.files.cover_images import read_image
from thresher.errors import UsageError
from thresher.signal.ordering.orderings import Ordering, parse_ordering


class Unchanged(enum.Enum):
    """The type of UNCHANGED."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""An option that is not given: the song keeps its setting, and a new song gets the default."""

Keep = Literal[Unchanged.UNCHANGED]


@dataclass(frozen=True)
class SongOptions:
    """The options of a song. Those that are not given stay as they are.

    `order` is "chain", "pairs", "FIELD+", "FIELD-", "shuffle:SEED" or "manual"; `start` and `end` are the first and
    last clip of a chain; `sequence` are the clips of the ordering "manual" (the flag `--from`). `length` is in
    seconds and `clips` a number of clips; None sets no limit. `rate` is in Hz, `channels` 1 or 2, `subtype`
    "PCM_16", "PCM_24" or "FLOAT"; None derives them from the clips. `lufs` is the loudness of every clip; None
    keeps it. `fade`, `crossfade` and `gap` are in seconds. `quality` of lossy formats is 0 to 10; None is the
    default. `artist` and `album` are tags, and `cover` is the path of a PNG or JPEG image; None writes none.
    `no_copies` leaves out copies of other clips in the song; `per_checkpoint` is the most clips of one checkpoint,
    None for no limit.
    """

    order: str | Keep = UNCHANGED
    metric: str | Keep = UNCHANGED
    start: int | Keep = UNCHANGED
    end: int | Keep = UNCHANGED
    length: float | Keep | None = UNCHANGED
    clips: int | Keep | None = UNCHANGED
    rate: int | Keep | None = UNCHANGED
    channels: int | Keep | None = UNCHANGED
    subtype: str | Keep | None = UNCHANGED
    dither: bool | Keep = UNCHANGED
    lufs: float | Keep | None = UNCHANGED
    fade: float | Keep = UNCHANGED
    crossfade: float | Keep = UNCHANGED
    gap: float | Keep = UNCHANGED
    quality: float | Keep | None = UNCHANGED
    artist: str | Keep | None = UNCHANGED
    album: str | Keep | None = UNCHANGED
    cover: str | os.PathLike[str] | Keep | None = UNCHANGED
    no_copies: bool | Keep = UNCHANGED
    per_checkpoint: int | Keep | None = UNCHANGED
    sequence: Sequence[int] | Keep = UNCHANGED

    def changes(self, present: Ordering | None) -> dict[str, Any]:
        """The settings that these options change, by their names in SongSettings, without the cover.

        `present` is the song's ordering. Raises UsageError for options that contradict each other.
        """
        if self.dither is True and self.subtype in ("PCM_24", "FLOAT"):
            raise UsageError(
                f"--dither is for 16-bit samples, and --subtype {self.subtype} has more; give one of them"
            )
        given = {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) is not UNCHANGED
            and each.name not in ("order", "start", "end", "sequence", "cover")
        }
        if "rate" in given:
            given["sample_rate"] = given.pop("rate")
        order = None if self.order is UNCHANGED else self.order
        start, end = (None if each is UNCHANGED else each for each in (self.start, self.end))
        if self.sequence is not UNCHANGED:
            if order not in (None, "manual"):
                raise UsageError(f"--from needs --order manual, not --order {order}")
            order, given["manual"] = "manual", tuple(self.sequence)
        if start is not None or end is not None:
            given["ordering"] = _chain_between(order, start, end, present)
        elif order is not None:
            given["ordering"] = parse_ordering(order)
        return given

    def read_cover(self) -> bytes | Keep | None:
        """The content of the cover. Raises NotFoundError or UsageError if the file can't be used."""
        if self.cover is UNCHANGED or self.cover is None:
            return self.cover
        return read_image(self.cover)


def _chain_between(
    order: str | None, start: int | None, end: int | None, present: Ordering | None
) -> Ordering:
    """The chain with these ends. An end that is not given stays as in the present ordering."""
    if order not in (None, "chain"):
        raise UsageError(f"--start and --end need --order chain, not --order {order}")
    if present is not None and order is None and present.name == "chain":
        start, end = present.start if start is None else start, present.end if end is None else end
    return Ordering("chain", start=start, end=end)
