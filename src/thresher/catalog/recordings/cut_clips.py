"""Parts and marks: the clips that are cut out of a recording besides its whole.

Their ordinals only grow: a clip that was removed keeps its ordinal, so that it can come back. The functions run
inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import IS_CUT, clip
from thresher.catalog.recordings.clip_content import ClipContent, NewClip, add_clips


@dataclass(frozen=True)
class CutClip:
    """A part or a mark: its span in frames of its recording, `[start, end)`, and the name of a mark."""

    id: int
    recording_id: int
    kind: str
    start: int
    end: int
    name: str | None
    removed: bool


@dataclass(frozen=True)
class CutPlace:
    """Which of the shown parts of its recording a part is, or a mark of its marks, such as 3 of 50, by start."""

    kind: str
    number: int
    count: int
    name: str | None

    @property
    def text(self) -> str:
        """The place in words: `part 3 of 50`, `mark "drop"`, `mark 2 of 3`."""
        if self.kind == "marked":
            return f"mark {self.number} of {self.count}" if self.name is None else f'mark "{self.name}"'
        return f"part {self.number} of {self.count}"

    @property
    def label(self) -> str:
        """The place in the name of a file: `part03`, `mark2`, or the name of a mark."""
        if self.name is not None:
            return self.name
        return f"{'mark' if self.kind == 'marked' else 'part'}{self.number:0{len(str(self.count))}d}"


def cut_places(connection: Connection, clip_ids: Iterable[int]) -> dict[int, CutPlace]:
    """Return the places of those of these clips that are shown parts or marks, by id."""
    if connection.scalar(select(clip.c.id).where(IS_CUT).limit(1)) is None:
        return {}
    wanted = set(clip_ids)
    recordings: set[int] = set()
    for chunk in chunks(sorted(wanted)):
        of_chunk = clip.c.id.in_(chunk) & (clip.c.kind != "whole")
        recordings.update(connection.scalars(select(clip.c.recording_id).where(of_chunk)))
    found = cut_places_within(connection, sorted(recordings))
    return {clip_id: place for clip_id, place in found.items() if clip_id in wanted}


def cut_places_within(connection: Connection, recording_ids: Iterable[int]) -> dict[int, CutPlace]:
    """Return the places of all shown parts and marks of these recordings, by clip id."""
    found: dict[int, CutPlace] = {}
    for cuts in cut_clips(connection, recording_ids).values():
        for kind in ("part", "marked"):
            of_kind = [each for each in cuts if each.kind == kind]
            found.update(
                (each.id, CutPlace(kind, number, len(of_kind), each.name))
                for number, each in enumerate(of_kind, start=1)
            )
    return found


def cut_clips(
    connection: Connection, recording_ids: Iterable[int], *, with_removed: bool = False
) -> dict[int, list[CutClip]]:
    """Return the parts and marks of recordings by recording, in the order of their start; without any, left out."""
    columns = (clip.c.id, clip.c.recording_id, clip.c.kind, clip.c.start_frame, clip.c.end_frame)
    found: dict[int, list[CutClip]] = {}
    for chunk in chunks(list(recording_ids)):
        statement = (
            select(*columns, clip.c.name, clip.c.removed)
            .where(clip.c.recording_id.in_(chunk), clip.c.kind != "whole")
            .order_by(clip.c.start_frame, clip.c.end_frame, clip.c.id)
        )
        if not with_removed:
            statement = statement.where(~clip.c.removed)
        for row in connection.execute(statement):
            found.setdefault(row.recording_id, []).append(CutClip(*row))
    return found


def wholes_of(connection: Connection, recording_ids: Iterable[int]) -> dict[int, int]:
    """Return the id of the whole clip of each recording."""
    found: dict[int, int] = {}
    for chunk in chunks(list(recording_ids)):
        of_chunk = clip.c.recording_id.in_(chunk) & (clip.c.kind == "whole")
        rows = connection.execute(select(clip.c.recording_id, clip.c.id).where(of_chunk))
        found.update((row.recording_id, row.id) for row in rows)
    return found


def add_cut_clips(
    connection: Connection,
    recording_id: int,
    kind: str,
    contents: Sequence[ClipContent],
    names: Sequence[str | None] | None = None,
) -> list[int]:
    """Add parts ("part") or marks ("marked") to a recording; return their ids.

    They are added as removed: the decision of the curator that made them brings them in, and its undo takes them
    away again.
    """
    of_kind = (clip.c.recording_id == recording_id, clip.c.kind == kind)
    first = (
        int(connection.scalar(select(func.coalesce(func.max(clip.c.ordinal), 0)).where(*of_kind)) or 0) + 1
    )
    named = names or [None] * len(contents)
    new = [
        NewClip(recording_id, kind, first + place, content, name, removed=True)
        for place, (content, name) in enumerate(zip(contents, named, strict=True))
    ]
    return add_clips(connection, new)
