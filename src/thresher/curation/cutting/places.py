"""Where a mark can be: times of a clip or of its recording, checked and turned into frames.

Times are seconds from the start of the clip as it is heard, or from the start of its recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Connection, RowMapping

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.recordings.cut_clips import wholes_of
from thresher.curation.clips.selection import find_clip, find_clip_of_recording
from thresher.errors import UsageError
from thresher.formatting import unknown
from thresher.signal.features.trim import Span

Origin = Literal["clip", "recording"]
"""What times count from: the start of a clip as it is heard, or the start of its recording."""

LEAST_MARK_SECONDS = 0.05
"""The length of the shortest mark."""

SLACK_SECONDS = 0.05
"""How far a mark may end beyond the end, where it is cut: listings round lengths to 0.1 s."""


@dataclass(frozen=True)
class MarkPlace:
    """The clip that a person named, and the frames `[start, end)` of its recording that a mark of it can have.

    `frames` is the length of the recording, as far as it is analysed. `noun` is what times count from, for
    messages: "clip 12" or "the recording of clip 12".
    """

    clip: int
    kind: str
    recording: int
    sha256: str
    start: int
    end: int
    frames: int
    sample_rate: int
    noun: str

    @property
    def seconds(self) -> float:
        """The length of what times count in."""
        return (self.end - self.start) / self.sample_rate

    def span(self, start: float, end: float) -> Span:
        """Return the frames of the recording between two times. Raises UsageError if no mark can be there."""
        for seconds in (start, end):
            if not math.isfinite(seconds):
                raise UsageError(f"{seconds} is not a time (expected seconds from 0 to {self.seconds:.3f})")
        if min(start, end) < 0:
            raise UsageError(
                f"{min(start, end):.3f} s is before the start of {self.noun}; times count from 0"
            )
        if start > end:
            raise UsageError(
                f"the start, {start:.3f} s, is after the end, {end:.3f} s; give the earlier time first"
            )
        if end > self.seconds + SLACK_SECONDS or start >= self.seconds:
            beyond = end if end > self.seconds + SLACK_SECONDS else start
            raise UsageError(
                f"{beyond:.3f} s is beyond the end of {self.noun}, which is {self.seconds:.3f} s long{self._more}"
            )
        first = self.start + round(start * self.sample_rate)
        last = min(self.end, self.start + round(end * self.sample_rate))
        if last - first < round(LEAST_MARK_SECONDS * self.sample_rate):
            length = (last - first) / self.sample_rate
            raise UsageError(
                f"a mark of {length:.3f} s is too short (expected {LEAST_MARK_SECONDS:g} s or more)"
            )
        return Span(first, last)

    def times(self, span: Span) -> tuple[float, float]:
        """Return where a span starts and ends, in seconds of what times count from."""
        return (span.start - self.start) / self.sample_rate, (span.end - self.start) / self.sample_rate

    @property
    def _more(self) -> str:
        if self.end - self.start >= self.frames:
            return ""
        length = self.frames / self.sample_rate
        return f"; --from recording counts from the start of its recording ({length:.3f} s)"


def find_place(catalog: Catalog, connection: Connection, term: str, origin: Origin) -> MarkPlace:
    """Return the place that an id, a path or a query names.

    Times of a recording can be named by several of its clips. Raises NotFoundError if no clip matches, UsageError
    if several do or if the clip has no sound.
    """
    if origin not in get_args(Origin):
        raise UsageError(unknown("origin of times", origin, get_args(Origin)))
    clip_id = _named_clip(catalog, connection, term, origin)
    row = clip_rows(connection, [clip_id])[clip_id]
    _check_sound(connection, clip_id, row)
    sample_rate = row[recording.c.sample_rate] or 1
    analysed = min(row[recording.c.frames] or 0, round(catalog.settings.audio.max_length * sample_rate))
    start, end = (row[clip.c.start_frame], row[clip.c.end_frame]) if origin == "clip" else (0, analysed)
    return MarkPlace(
        clip_id,
        row[clip.c.kind],
        row[recording.c.id],
        row[recording.c.sha256],
        start,
        min(end, analysed),
        analysed,
        sample_rate,
        f"clip {clip_id}" if origin == "clip" else f"the recording of clip {clip_id}",
    )


def _named_clip(catalog: Catalog, connection: Connection, term: str, origin: Origin) -> int:
    if origin == "recording":
        return find_clip_of_recording(catalog, connection, term)
    try:
        return find_clip(catalog, connection, term)
    except UsageError as error:
        try:
            find_clip_of_recording(catalog, connection, term)
        except UsageError:
            raise error from None
        raise UsageError(f"{error}, or count from the start of its recording: --from recording") from error


def _check_sound(connection: Connection, clip_id: int, row: RowMapping) -> None:
    """Raise UsageError if a clip or its recording has no sound that could be analysed."""
    whole_id = wholes_of(connection, [row[recording.c.id]])[row[recording.c.id]]
    whole = clip_rows(connection, [whole_id])[whole_id]
    if any(each[clip.c.start_frame] == each[clip.c.end_frame] for each in (row, whole)):
        why = row[recording.c.reason] or row[recording.c.status]
        raise UsageError(f"clip {clip_id} has no sound to mark: {row[recording.c.status]} ({why})")
