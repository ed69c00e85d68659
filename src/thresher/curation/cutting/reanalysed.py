"""Store what a new analysis makes of a recording's parts and marks, and say which of them are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.recordings.clip_content import ClipContent
from thresher.formatting import counted

if TYPE_CHECKING:
    from thresher.curation.analysis.task import Analysis
    from thresher.curation.cutting.recut import Cuts


def has_cuts(connection: Connection, recording_id: int, cuts: Cuts | None) -> bool:
    """Return whether a recording is still cut as it was when its analysis began."""
    from thresher.curation.cutting.recut import cuts_of

    return cuts_of(connection, [recording_id]).get(recording_id) == cuts


@dataclass(frozen=True)
class Recutting:
    """The new `contents` of clips by id; whether clips come or go, the parts that are `gone`, and notes about it.

    The caller stores the contents, and then calls `follow_recut`.
    """

    contents: Mapping[int, ClipContent]
    changes_clips: bool
    gone: Sequence[int]
    notes: Sequence[str]


NOTHING_CUT = Recutting({}, changes_clips=False, gone=(), notes=())


def recut_recording(
    catalog: Catalog, connection: Connection, cuts: Cuts, analysis: Analysis, trim: str
) -> Recutting:
    """Store which parts a recording has after a new analysis; `trim` is the key of the trim settings."""
    from thresher.curation.cutting.recut import recut, store_recut

    found = recut(cuts, analysis, trim)
    notes = [*_about_parts(catalog, connection, found.gone), *_about_marks(cuts, analysis)]
    store_recut(connection, cuts, found)
    return Recutting(found.contents, found.changes_clips, found.gone, notes)


def follow_recut(connection: Connection, done: Sequence[Recutting]) -> None:
    """Let the score matrices follow the clips that came or went."""
    if any(each.changes_clips for each in done):
        from thresher.catalog.scores.scores import follow_clips

        follow_clips(connection, [clip_id for each in done for clip_id in each.gone])


def _about_parts(catalog: Catalog, connection: Connection, gone: Sequence[int]) -> Iterator[str]:
    """Yield sentences about judged parts, and those in songs, that are gone, and the number of others."""
    if not gone:
        return
    from thresher.curation.cutting.split_report import LostClips

    lost = LostClips(catalog, connection, gone)
    described = [lost.clip(clip_id) for clip_id in gone]
    told = [each for each in described if each.judged or each.songs]
    for each in told:
        yield f"{each.words} is not found by its split any more; its judgements are kept"
    if others := len(gone) - len(told):
        yield f"{counted(others, 'part')} not found by its split any more"


def _about_marks(cuts: Cuts, analysis: Analysis) -> Iterator[str]:
    """Yield sentences about marks that reach beyond the end of the recording now."""
    rate = analysis.format.sample_rate if analysis.format else cuts.sample_rate
    for mark, found in zip(cuts.marks, analysis.clips, strict=False):
        name = f' "{mark.name}"' if mark.name else ""
        end = found.span.end / rate
        if not found.span.frames:
            yield f"mark {mark.id}{name} lies beyond the end of the recording now, at {end:.2f} s"
        elif end < mark.end / cuts.sample_rate - 1 / min(rate, cuts.sample_rate):
            yield f"mark {mark.id}{name} ends at {end:.2f} s now, where the recording ends"
