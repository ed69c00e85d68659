"""What there is: clips as rows, one clip in full, the fields to ask by.

Lengths and places in audio are seconds; instants are seconds since 1970 (UTC). Nothing heavy is imported
here: a listing of ten thousand clips costs hardly more than starting the program.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, select

from thresher.catalog import measures, paths, suspicion
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import END, IS_HEARD, SECONDS, SOURCE, START, latest_metric, shown_location
from thresher.catalog.edits import Edits
from thresher.catalog.fields import FIELDS
from thresher.catalog.query import (
    Query,
    context_of,
    edited,
    normalise,
    parse,
    parse_sort,
    select_clips,
    split_text,
    with_defaults,
)
from thresher.catalog.schema import (
    attribute,
    batch,
    checkpoint,
    clip,
    clip_tag,
    location,
    metric,
    nearest,
    recording,
)
from thresher.catalog.suspicion import IS_SUSPECT, Suspicion
from thresher.catalog.values import LARGEST_INTEGER
from thresher.errors import NotFoundError, UsageError

Terms = str | Sequence[str]
"""Query text, or its terms; what a command was given becomes terms by `query.normalise`."""

_TAG_SEPARATOR = "\x1f"
_MOST_SHOWN = 5  # ids named in an error


class ClipRow(NamedTuple):
    """One clip as a listing shows it.

    `path` is the earliest place where its recording is present, else the earliest where it was, `missing`
    being true then; None where nothing is known of any. `score` is the best under the configured metric. `heard`:
    played or rated; `suspect`: like what was rejected before it came.
    """

    id: int
    path: str | None
    missing: bool
    run: str | None
    epoch: int | None
    step: int | None
    seconds: float | None
    status: str
    rating: int | None
    rejected: bool
    tags: tuple[str, ...]
    note: str | None
    score: float | None
    role: str
    kind: str
    start: float | None
    loudness: float | None
    peak: float | None
    sample_rate: int | None
    channels: int | None
    batch: int
    recording: int
    heard: bool
    suspect: bool


_TAGS = ClipRow._fields.index("tags")


@dataclass(frozen=True)
class LocationRow:
    """A place where a recording was seen, and what its name and sidecar said there."""

    path: str
    missing_since: float | None
    batch: int
    run: str | None
    epoch: int | None
    step: int | None
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class NeighbourRow:
    """The clip most like another one under a metric.

    `offset` is where it begins in that one, in seconds, as the metric `aligned` finds it; None under others.
    """

    metric: str
    version: int
    clip: int
    path: str | None
    score: float
    offset: float | None = None


@dataclass(frozen=True)
class ClipDetail:
    """Everything about one clip.

    `checkpoint_pinned` says that a correction stands over what its locations say; `checkpoints_disagree` that
    they name more than one checkpoint. `trim` is the settings its span came from, as JSON. `measures` are those of
    the registry, none where nothing was measured; `suspicions` the rejected clips that this one was like when
    it came.
    """

    clip: ClipRow
    end: float | None
    reason: str | None
    sha256: str
    container: str | None
    subtype: str | None
    frames: int | None
    mono_channel: int | None
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


@dataclass(frozen=True)
class FieldRow:
    """A name to ask by; attributes tell how many locations have one and a few of its values."""

    name: str
    kind: str
    description: str
    count: int | None
    examples: tuple[str, ...]


def list_clips(catalog: Catalog, terms: Terms = (), *, limit: int | None = None) -> list[ClipRow]:
    """The clips that the terms find, without rejected and unusable ones unless they name those fields."""
    if limit is not None and not 0 <= limit <= LARGEST_INTEGER:
        raise UsageError(f"a limit of {limit} clips makes no sense; write 0 to {LARGEST_INTEGER}")
    with catalog.reading() as connection:
        found = _query(catalog, connection, terms)
        return _rows(connection, _row_statement(catalog, found).limit(limit))


def list_measures(catalog: Catalog, clip_ids: Sequence[int]) -> dict[int, dict[str, float | None]]:
    """What clips are like, by the registry; those that were not measured are left out."""
    with catalog.reading() as connection:
        return measures.read(connection, clip_ids)


def count_clips(catalog: Catalog, terms: Terms = (), *, defaults: bool = True) -> int:
    """How many clips `list_clips` finds without a limit; without `defaults`, rejected and unusable ones too."""
    with catalog.reading() as connection:
        found = parse(_split(terms), context_of(catalog, connection))
        if defaults:
            found = with_defaults(found, song=False)
        statement = select(func.count()).select_from(SOURCE).where(found.condition)
        return int(connection.scalar(statement) or 0)


def clip_paths(catalog: Catalog, terms: Terms = ()) -> list[bytes]:
    """One absolute path that is present for each recording among the clips found, in their order."""
    with catalog.reading() as connection:
        found = _query(catalog, connection, terms)
        statement = select_clips(
            found, shown_location(location.c.path), shown_location(location.c.missing_since)
        )
        shown = [path for path, missing_since in connection.execute(statement) if path and not missing_since]
    return [catalog.absolute(path) for path in dict.fromkeys(shown)]


def select_ids(
    catalog: Catalog,
    connection: Connection,
    terms: Terms,
    *,
    song: bool = False,
    defaults: bool = True,
    sort: str | None = None,
    edits: Edits | None = None,
) -> list[int]:
    """Ids of the clips that the terms find, in their order or in that of `sort`, such as "epoch+".

    `defaults` leaves out rejected and unusable clips unless the terms name those fields; `song` also what no
    song may hold; `edits` add and drop clips. Raises QueryError.
    """
    context = context_of(catalog, connection)
    found = edited(parse(_split(terms), context), edits)
    if song or defaults:
        found = with_defaults(found, song=song)
    statement = select_clips(found, clip.c.id)
    if sort is not None:
        statement = statement.order_by(None).order_by(*parse_sort(sort, context))
    return list(connection.scalars(statement))


def show_clip(catalog: Catalog, term: str) -> ClipDetail:
    """Everything about the one clip of that id, path or query."""
    with catalog.reading() as connection:
        clip_id = find_clip(catalog, connection, term)
        context = context_of(catalog, connection)
        (row,) = _rows(connection, _row_statement(catalog, parse([str(clip_id)], context)))
        more = connection.execute(
            select(clip, recording, batch.c.started_at, END.label("end"))
            .select_from(SOURCE)
            .where(clip.c.id == clip_id)
        ).one()
        locations = _locations(connection, row.recording)
        said = {(at.run, at.epoch, at.step) for at in locations} - {(None, None, None)}
        return ClipDetail(
            clip=row,
            end=more.end,
            reason=more.reason,
            sha256=more.sha256,
            container=more.container,
            subtype=more.subtype,
            frames=more.frames,
            mono_channel=more.mono_channel,
            added=more.started_at,
            trim=more.trim,
            fingerprint_words=len(more.fingerprint or b"") // 4,
            fingerprint_backend=more.fingerprint_backend,
            fingerprint_version=more.fingerprint_version,
            checkpoint_pinned=more.checkpoint_pinned,
            checkpoints_disagree=len(said) > 1,
            locations=locations,
            nearest=_neighbours(connection, clip_id),
            measures=measures.read(connection, [clip_id]).get(clip_id, {}),
            suspicions=tuple(suspicion.read(connection, clip_id)),
        )


def find_clip(catalog: Catalog, connection: Connection, term: str) -> int:
    """The id of the one clip that an id, a path or a query means.

    A path is one in the file system, relative to the working folder, or one as listings show it. Raises
    NotFoundError where there is none, UsageError where there are several.
    """
    if term.isascii() and term.isdigit():
        found = select_ids(catalog, connection, [term], defaults=False)
        if not found:
            raise NotFoundError(f"no clip has the id {term}; `thresher list` shows what there is")
    else:
        found = _clips_at(catalog, connection, term)
        found = found or select_ids(catalog, connection, normalise([term]), defaults=False)
    if not found:
        if os.path.lexists(term):
            raise NotFoundError(f'"{_shown(term)}" is not in the catalog; `thresher ingest` adds it')
        raise NotFoundError(f'no clip matches "{_shown(term)}"; `thresher list` shows what there is')
    if len(found) > 1:
        ids = ", ".join(str(clip_id) for clip_id in found[:_MOST_SHOWN])
        rest = ", …" if len(found) > _MOST_SHOWN else ""
        raise UsageError(f'"{_shown(term)}" matches {len(found):,} clips; give one id of {ids}{rest}')
    return found[0]


def fields(catalog: Catalog) -> list[FieldRow]:
    """All fields that a query may name: the built-in ones, then what this catalog knows of its files."""
    with catalog.reading() as connection:
        statement = (
            select(
                attribute.c.key,
                func.count(),
                func.count(attribute.c.number),
                func.min(attribute.c.number),
                func.max(attribute.c.number),
                func.min(attribute.c.text),
                func.max(attribute.c.text),
            )
            .group_by(attribute.c.key)
            .order_by(attribute.c.key)
        )
        known = connection.execute(statement).all()
    return [
        *(FieldRow(field.name, field.kind, field.description, None, ()) for field in FIELDS.values()),
        *(_attribute_row(*row) for row in known if row[0] not in FIELDS),
    ]


def _attribute_row(
    key: str, count: int, numbers: int, low: Any, high: Any, first: str, last: str
) -> FieldRow:
    numeric = count == numbers
    ends = (f"{low:g}", f"{high:g}") if numeric else (first, last)
    kind = "number" if numeric else "text"
    return FieldRow(key, kind, "said by a file's name, a sidecar or --set", count, tuple(dict.fromkeys(ends)))


def _query(catalog: Catalog, connection: Connection, terms: Terms) -> Query:
    return with_defaults(parse(_split(terms), context_of(catalog, connection)), song=False)


def _split(terms: Terms) -> Sequence[str]:
    return split_text(terms) if isinstance(terms, str) else terms


def _row_statement(catalog: Catalog, found: Query) -> Select[Any]:
    tags = (
        select(func.aggregate_strings(clip_tag.c.tag, _TAG_SEPARATOR))
        .where(clip_tag.c.clip_id == clip.c.id)
        .correlate(clip)
        .scalar_subquery()
    )
    shown = location.alias("shown")
    metric_id = latest_metric(catalog.settings.metrics.default)
    statement = select_clips(
        found,
        clip.c.id,
        shown.c.path_text,
        shown.c.id.is_(None) | shown.c.missing_since.is_not(None),
        checkpoint.c.run,
        checkpoint.c.epoch,
        checkpoint.c.step,
        SECONDS,
        recording.c.status,
        clip.c.rating,
        clip.c.rejected,
        tags,
        clip.c.note,
        nearest.c.score,
        recording.c.role,
        clip.c.kind,
        START,
        clip.c.loudness,
        clip.c.peak,
        recording.c.sample_rate,
        recording.c.channels,
        recording.c.batch_id,
        recording.c.id,
        IS_HEARD,
        IS_SUSPECT,
    )
    return statement.select_from(
        SOURCE.outerjoin(shown, shown.c.id == shown_location(location.c.id)).outerjoin(
            nearest, and_(nearest.c.metric_id == metric_id, nearest.c.clip_id == clip.c.id)
        )
    )


def _rows(connection: Connection, statement: Select[Any]) -> list[ClipRow]:
    return [
        ClipRow._make((*row[:_TAGS], _tags(row[_TAGS]), *row[_TAGS + 1 :]))
        for row in connection.execute(statement)
    ]


def _tags(joined: str | None) -> tuple[str, ...]:
    return tuple(sorted(joined.split(_TAG_SEPARATOR))) if joined else ()


def _clips_at(catalog: Catalog, connection: Connection, term: str) -> list[int]:
    try:
        given = os.fsencode(term)
    except UnicodeEncodeError:
        return []
    same = location.c.path.in_([catalog.stored(term).path, given]) | (
        location.c.path_text == paths.display_text(given)
    )
    seen = connection.execute(
        select(location.c.recording_id, location.c.reason)
        .where(same)
        .order_by(location.c.missing_since.is_not(None), location.c.missing_since.desc(), location.c.id)
        .limit(1)
    ).one_or_none()
    if seen is None:
        return []
    if seen.recording_id is None:
        raise NotFoundError(f'"{_shown(term)}" could not be read: {seen.reason}')
    ids = select(clip.c.id).where(clip.c.recording_id == seen.recording_id).order_by(clip.c.id)
    return list(connection.scalars(ids))


def _locations(connection: Connection, recording_id: int) -> tuple[LocationRow, ...]:
    seen = connection.execute(
        select(location, checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)
        .select_from(location.outerjoin(checkpoint, checkpoint.c.id == location.c.checkpoint_id))
        .where(location.c.recording_id == recording_id)
        .order_by(location.c.id)
    ).all()
    said = connection.execute(
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
            {one.key: one.text for one in said if one.location_id == at.id},
        )
        for at in seen
    )


def _neighbours(connection: Connection, clip_id: int) -> tuple[NeighbourRow, ...]:
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
    return tuple(
        NeighbourRow(*row, offset=_offset(connection, clip_id, row.id) if row.name == "aligned" else None)
        for row in rows.all()
    )


def _offset(connection: Connection, clip_id: int, other_id: int) -> float:
    """Where the other clip begins in this one, in seconds."""
    from thresher.catalog import features as compared
    from thresher.signal.features.fingerprint import WORD_SECONDS
    from thresher.signal.metrics.aligned import align

    one, other = compared.read(connection, [clip_id, other_id], "fingerprint")
    return align(one, other).offset * WORD_SECONDS


def _shown(term: str) -> str:
    """`term` as text that can be printed."""
    return paths.display_text(term.encode("utf-8", "surrogateescape"))
