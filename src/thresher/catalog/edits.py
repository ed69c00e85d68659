"""Edits of a song by hand: clips added and dropped, clips pinned to positions, and clips that stay together.

Edits describe the result, not the steps, so that they still apply when other clips match the query
of the song. The journal records the steps. Positions count from 1; `LAST` is the last position of a song of any
length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from thresher.errors import UsageError

LAST = -1


@dataclass(frozen=True)
class Edits:
    """Ids of clips: `added` to the clips that match the query, `dropped` from them, `pins` as (clip, position), and
    `together` as (clip, the clip right after it)."""

    added: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    pins: tuple[tuple[int, int], ...] = ()
    together: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_plain(cls, kept: Mapping[str, Any]) -> Self:
        """The edits that `plain` returned."""
        pairs = {key: tuple((one, other) for one, other in kept.get(key, ())) for key in ("pins", "together")}
        return cls(tuple(kept.get("added", ())), tuple(kept.get("dropped", ())), **pairs)

    def plain(self) -> dict[str, Any]:
        """These edits as values that JSON can hold, without empty ones."""
        return {
            key: [list(each) if isinstance(each, tuple) else each for each in value]
            for key, value in vars(self).items()
            if value
        }

    @property
    def positions(self) -> Mapping[int, int]:
        """The position of each pinned clip, from 1, or LAST."""
        return dict(self.pins)

    def add(self, clip_id: int) -> Self:
        """These edits, with a clip added that need not match the query."""
        return replace(self, added=_with(self.added, clip_id), dropped=_without(self.dropped, clip_id))

    def drop(self, clip_id: int) -> Self:
        """These edits, with a clip dropped even if it matches the query."""
        return replace(self.release(clip_id), dropped=_with(self.dropped, clip_id))

    def pin(self, clip_id: int, position: int) -> Self:
        """These edits, with a clip pinned to a position. Raises UsageError if another clip is pinned there."""
        self._check_not_dropped(clip_id)
        if position != LAST and position < 1:
            raise UsageError(f"{position} is not a position in a song; positions count from 1")
        taken = next((other for other, its in self.pins if its == position and other != clip_id), None)
        if taken is not None:
            where = "the end" if position == LAST else f"position {position}"
            raise UsageError(f"clip {taken} is pinned to {where}; --release {taken} first")
        pins = (*((other, its) for other, its in self.pins if other != clip_id), (clip_id, position))
        return replace(self, pins=tuple(sorted(pins, key=lambda pin: (pin[1] == LAST, pin[1]))))

    def keep_together(self, one: int, other: int) -> Self:
        """These edits, with `other` kept right after `one`.

        Raises UsageError if another clip stays there already, or if the clips would follow each other in a circle.
        """
        self._check_not_dropped(one)
        self._check_not_dropped(other)
        if (one, other) in self.together:
            return self
        for before, after in self.together:
            if before == one or after == other:
                raise UsageError(
                    f"clip {after} stays right after clip {before} already; "
                    f"--release {after if before == one else before} first"
                )
        following, at = dict(self.together), other
        while at in following:
            at = following[at]
        if at == one:
            raise UsageError(f"clip {one} stays after clip {other} already; --release it first")
        return replace(self, together=(*self.together, (one, other)))

    def swap(self, one: int, position: int, other: int, other_position: int) -> Self:
        """These edits, with two clips pinned to each other's positions; each position is that of the clip now."""
        pins = tuple(pin for pin in self.pins if pin[0] not in (one, other))
        # a clip that was kept next to one of them is now kept next to the clip that takes its position
        new = {one: other, other: one}
        together = tuple((new.get(a, a), new.get(b, b)) for a, b in self.together)
        return replace(self, pins=pins, together=together).pin(one, other_position).pin(other, position)

    def release(self, clip_id: int) -> Self:
        """These edits, without any edit of a clip."""
        return replace(
            self,
            added=_without(self.added, clip_id),
            dropped=_without(self.dropped, clip_id),
            pins=tuple(pin for pin in self.pins if pin[0] != clip_id),
            together=tuple(pair for pair in self.together if clip_id not in pair),
        )

    def sentences(self) -> list[str]:
        """These edits as sentences for people."""
        found = [
            f"clip {clip_id} is last" if position == LAST else f"clip {clip_id} is at position {position}"
            for clip_id, position in self.pins
        ]
        found += [f"clip {other} stays right after clip {one}" for one, other in self.together]
        for verb, clips in (("added", self.added), ("dropped", self.dropped)):
            if clips:
                found.append(f"{verb} {', '.join(map(str, clips))}")
        return found

    def _check_not_dropped(self, clip_id: int) -> None:
        if clip_id in self.dropped:
            raise UsageError(f"clip {clip_id} was dropped from the song; --add {clip_id} first")


def _with(clips: tuple[int, ...], clip_id: int) -> tuple[int, ...]:
    return clips if clip_id in clips else (*clips, clip_id)


def _without(clips: tuple[int, ...], clip_id: int) -> tuple[int, ...]:
    return tuple(each for each in clips if each != clip_id)
