"""Show everything that the catalog knows about one clip.

Lengths and positions in audio are seconds; times are seconds since 1970 (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import (
    attribute,
    batch,
    checkpoint,
    clip,
    location,
    metric,
    nearest,
    recording,
)
from thresher.catalog.recordings import measures
from thresher.catalog.recordings.clip_source import END, IS_SHOWN, REASON, SOURCE, shown_location
from thresher.catalog.recordings.cut_clips import CutClip, cut_clips
from thresher.catalog.scores import suspicion
from thresher.catalog.scores.suspicion import Suspicion
from thresher.curation.clips.listing import ClipRow, read_rows
from thresher.curation.clips.selection import find_clip_of_recording, parse_terms

if TYPE_CHECKING:
    from thresher.signal.metrics.metric import Words


@dataclass(frozen=True)
class LocationRow:
    """A location of a recording, and the values that its path and sidecar file give."""

    path: str
    missing_since: float | None
    batch: int
    run: str | None
    epoch: int | None
    step: int | None
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class NeighbourRow:
    """The clip most similar to a given clip under a metric.

    `offset` is the position in the given clip, in seconds, at which this one begins. Only the metric `aligned`
    finds it; it is None under other metrics.
    """

    metric: str
    version: int
    clip: int
    path: str | None
    score: float
    offset: float | None = None


@dataclass(frozen=True)
class CutRow:
    """A part or a mark. `start` and `end` are positions in its recording, `name` is that of a mark."""

    clip: int
    name: str | None
    start: float
    end: float


@dataclass(frozen=True)
class ClipDetail:
    """Everything about one clip.

    `checkpoint_pinned`: the curator corrected the checkpoint. `checkpoints_disagree`: the recording's locations
    name more than one checkpoint, and the curator has not corrected it. `decoder` read the file; its version is
    None if the catalog is older than that information. `trim` holds the settings that produced the span, as JSON.
    `measures` is empty if the clip is not measured. `suspicions` are the rejected clips that this clip is similar
    to, `same_audio` the clips of other recordings with the same audio. `split` says how the recording was split, as
    JSON, None if it was not; `parts` and `marks` are those of the recording, by their start.
    """

    clip: ClipRow
    end: float | None
    reason: str | None
    sha256: str
    container: str | None
    subtype: str | None
    frames: int | None
    mono_channel: int | None
    decoder: str | None
    decoder_version: str | None
    added: float
    trim: str
    fingerprint_words: int
    fingerprint_backend: str | None
    fingerprint_version: str | None
    checkpoint_pinned: bool
    checkpoints_disagree: bool
    locations: tuple[LocationRow, ...]
    nearest: tuple[NeighbourRow, ...]
    measures: Mapping[str, float | None]
    suspicions: tuple[Suspicion, ...]
    same_audio: tuple[int, ...] = ()
    split: str | None = None
    parts: tuple[CutRow, ...] = ()
    marks: tuple[CutRow, ...] = ()

    @property
    def is_hidden(self) -> bool:
        """Whether the clip is a whole for which its parts stand."""
        return self.clip.kind == "whole" and self.split is not None


def show_clip(catalog: Catalog, term: str) -> ClipDetail:
    """Return everything about the clip that an id, a path or a query names.

    Raises NotFoundError if no clip matches, UsageError if several do.
    """
    with catalog.reading() as connection:
        clip_id = find_clip_of_recording(catalog, connection, term)
        query = parse_terms(catalog, connection, [str(clip_id)], defaults=False)
        (row,) = read_rows(catalog, connection, query)
        more = connection.execute(
            select(clip, recording, batch.c.started_at, END.label("end"), REASON.label("why"))
            .select_from(SOURCE)
            .where(clip.c.id == clip_id)
        ).one()
        locations = _locations(connection, row.recording)
        cuts = cut_clips(connection, [row.recording]).get(row.recording, [])
        named = {(at.run, at.epoch, at.step) for at in locations} - {(None, None, None)}
        named = {names for names in named if names[1:] != (None, None)} or named
        neighbours = _neighbours(connection, clip_id)
        detail = ClipDetail(
            clip=row,
            end=more.end,
            reason=more.why,
            sha256=more.sha256,
            container=more.container,
            subtype=more.subtype,
            frames=more.frames,
            mono_channel=more.mono_channel,
            decoder=more.decoder,
            decoder_version=more.decoder_version,
            added=more.started_at,
            trim=more.trim,
            fingerprint_words=len(more.fingerprint or b"") // 4,
            fingerprint_backend=more.fingerprint_backend,
            fingerprint_version=more.fingerprint_version,
            checkpoint_pinned=more.checkpoint_pinned,
            checkpoints_disagree=len(named) > 1 and not more.checkpoint_pinned,
            locations=locations,
            nearest=(),
            measures=measures.read(connection, [clip_id]).get(clip_id, {}),
            suspicions=tuple(suspicion.read(connection, clip_id)),
            same_audio=_same_audio(connection, row, more.audio_key),
            split=more.split,
            parts=_cut_rows(cuts, "part", row.sample_rate),
            marks=_cut_rows(cuts, "marked", row.sample_rate),
        )
    return replace(detail, nearest=tuple(_with_offset(*each) for each in neighbours))


def _cut_rows(cuts: Sequence[CutClip], kind: str, sample_rate: int | None) -> tuple[CutRow, ...]:
    rate = sample_rate or 1
    return tuple(
        CutRow(each.id, each.name, each.start / rate, each.end / rate) for each in cuts if each.kind == kind
    )


def _locations(connection: Connection, recording_id: int) -> tuple[LocationRow, ...]:
    seen = connection.execute(
        select(location, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
        .select_from(location.outerjoin(checkpoint, checkpoint.c.id == location.c.checkpoint_id))
        .where(location.c.recording_id == recording_id)
        .order_by(location.c.id)
    ).all()
    stated = connection.execute(
        select(attribute)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id == recording_id)
        .order_by(attribute.c.key)
    ).all()
    return tuple(
        LocationRow(
            at.path_text,
            at.missing_since,
            at.batch_id,
            at.run,
            at.epoch,
            at.step,
            {one.key: one.text for one in stated if one.location_id == at.id},
        )
        for at in seen
    )


def _same_audio(connection: Connection, row: ClipRow, key: str | None) -> tuple[int, ...]:
    """Return the clips of other recordings with the same audio: wholes for a whole, else those of the same span."""
    if key is None:
        return ()
    others = (
        select(clip.c.id)
        .join(recording, recording.c.id == clip.c.recording_id)
        .where(recording.c.audio_key == key, recording.c.id != row.recording, ~clip.c.removed)
        .order_by(clip.c.id)
    )
    if row.kind == "whole":
        return tuple(connection.scalars(others.where(clip.c.kind == "whole")))
    own = clip.alias("own")
    has_same_span = (own.c.start_frame == clip.c.start_frame) & (own.c.end_frame == clip.c.end_frame)
    with_span = others.join(own, has_same_span).where(own.c.id == row.id, IS_SHOWN)
    return tuple(connection.scalars(with_span))


def _neighbours(connection: Connection, clip_id: int) -> list[tuple[NeighbourRow, tuple[Words, ...]]]:
    """Return the nearest clip by each metric, with the fingerprints of both clips if the metric finds an offset."""
    rows = connection.execute(
        select(
            metric.c.name, metric.c.version, clip.c.id, shown_location(location.c.path_text), nearest.c.score
        )
        .select_from(
            nearest.join(metric, metric.c.id == nearest.c.metric_id).join(
                clip, clip.c.id == nearest.c.other_id
            )
        )
        .where(nearest.c.clip_id == clip_id)
        .order_by(metric.c.name, metric.c.version)
    )
    found = []
    for row in rows.all():
        words: tuple[Words, ...] = ()
        if row.name == "aligned":
            from thresher.catalog.scores import features

            words = tuple(features.read(connection, [clip_id, row.id], "fingerprint"))
        found.append((NeighbourRow(*row), words))
    return found


def _with_offset(row: NeighbourRow, words: tuple[Words, ...]) -> NeighbourRow:
    if not words:
        return row
    from thresher.signal.metrics.aligned import align

    return replace(row, offset=align(*words).offset_seconds)
