"""What a musician changed in a song by hand: clips added and dropped, their places, and who stays beside whom.

Edits are kept as what holds, not as what was done, so that the song's query may be asked again at any time; the
journal tells how they came about. Places count from 1; `LAST` is the end of the song, however long it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from thresher.errors import UsageError

LAST = -1


@dataclass(frozen=True)
class Edits:
    """Ids of clips: `added` to what the query finds, `dropped` from it, `pins` as (clip, place), and `together` as
    (clip, the one that follows it)."""

    added: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    pins: tuple[tuple[int, int], ...] = ()
    together: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_plain(cls, kept: Mapping[str, Any]) -> Self:
        """The edits that `plain` gave."""
        pairs = {key: tuple((one, other) for one, other in kept.get(key, ())) for key in ("pins", "together")}
        return cls(tuple(kept.get("added", ())), tuple(kept.get("dropped", ())), **pairs)

    def plain(self) -> dict[str, Any]:
        """These edits as what JSON can hold; nothing where there are none."""
        return {
            key: [list(each) if isinstance(each, tuple) else each for each in value]
            for key, value in vars(self).items()
            if value
        }

    @property
    def places(self) -> Mapping[int, int]:
        """The place of each clip that has one, from 1, or LAST."""
        return dict(self.pins)

    def add(self, clip_id: int) -> Self:
        """With a clip that the query need not find."""
        added = (*_without(self.added, clip_id), clip_id)
        return replace(self, added=added, dropped=_without(self.dropped, clip_id))

    def drop(self, clip_id: int) -> Self:
        """Without a clip, whatever the query finds."""
        return replace(self.release(clip_id), dropped=(*_without(self.dropped, clip_id), clip_id))

    def pin(self, clip_id: int, place: int) -> Self:
        """With a clip at a place; UsageError where that is another's, or the clip can't be there."""
        if clip_id in self.dropped:
            raise UsageError(f"clip {clip_id} was dropped; --add {clip_id} first")
        if place != LAST and place < 1:
            raise UsageError(f"{place} is not a place in a song; places count from 1")
        taken = next((other for other, its in self.pins if its == place and other != clip_id), None)
        if taken is not None:
            where = "the end" if place == LAST else f"place {place}"
            raise UsageError(f"{where} is that of clip {taken}; --release {taken} first")
        pins = (*((other, its) for other, its in self.pins if other != clip_id), (clip_id, place))
        return replace(self, pins=tuple(sorted(pins, key=lambda pin: (pin[1] == LAST, pin[1]))))

    def keep_together(self, one: int, other: int) -> Self:
        """With `other` right behind `one`; UsageError where another is there, or they would follow in a ring."""
        for clip_id in (one, other):
            if clip_id in self.dropped:
                raise UsageError(f"clip {clip_id} was dropped; --add {clip_id} first")
        kept = tuple(pair for pair in self.together if pair != (one, other))
        for before, after in kept:
            if before == one or after == other:
                raise UsageError(
                    f"clip {after} stays behind clip {before} already; "
                    f"--release {after if before == one else before} first"
                )
        following, at = dict(kept), other
        while at in following:
            at = following[at]
        if at == one:
            raise UsageError(f"clip {one} stays somewhere behind clip {other} already; --release it first")
        return replace(self, together=(*kept, (one, other)))

    def swap(self, one: int, its: int, other: int, others: int) -> Self:
        """With two clips at each other's places, `its` being that of `one` now, `others` that of `other`."""
        pins = tuple(pin for pin in self.pins if pin[0] not in (one, other))
        # whoever was kept beside one of them is kept beside the clip that takes its place
        new = {one: other, other: one}
        together = tuple((new.get(a, a), new.get(b, b)) for a, b in self.together)
        return replace(self, pins=pins, together=together).pin(one, others).pin(other, its)

    def release(self, clip_id: int) -> Self:
        """Without all that was edited of a clip."""
        return replace(
            self,
            added=_without(self.added, clip_id),
            dropped=_without(self.dropped, clip_id),
            pins=tuple(pin for pin in self.pins if pin[0] != clip_id),
            together=tuple(pair for pair in self.together if clip_id not in pair),
        )

    def sentences(self) -> list[str]:
        """What people read of these edits."""
        said = [
            f"clip {clip_id} is {'last' if place == LAST else f'at {place}'}" for clip_id, place in self.pins
        ]
        said += [f"clip {other} stays behind clip {one}" for one, other in self.together]
        for verb, clips in (("added", self.added), ("dropped", self.dropped)):
            if clips:
                said.append(f"{verb} {', '.join(map(str, clips))}")
        return said


def _without(clips: tuple[int, ...], clip_id: int) -> tuple[int, ...]:
    return tuple(each for each in clips if each != clip_id)
