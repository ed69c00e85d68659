"""List clips as rows.

Lengths and positions in audio are seconds; times are seconds since 1970 (UTC). This module imports no numerical
library, so that listing ten thousand clips takes little longer than starting the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import checkpoint, clip, clip_tag, location, nearest, recording
from thresher.catalog.queries.query import Query, context_of, join_terms, select_clips
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings import measures
from thresher.catalog.recordings.clip_source import (
    IS_HEARD,
    SECONDS,
    SOURCE,
    START,
    STATUS,
    latest_metric,
    shown_location,
)
from thresher.catalog.recordings.cut_clips import CutPlace, cut_places_within
from thresher.catalog.scores.suspicion import IS_SUSPECT
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import parse_terms, select_ids
from thresher.curation.clips.values import (
    AttributeValue,
    read_attributes,
    read_values,
    shown_field,
    used_fields,
)
from thresher.errors import UsageError

_TAG_SEPARATOR = "\x1f"


class ClipRow(NamedTuple):
    """One clip in a listing.

    `path` is the earliest location at which its recording is present. If it is present nowhere, `path` is the
    earliest location and `missing` is true. `path` is None if no location is known. `score` is the clip's best
    score under the configured metric. `heard` means played or rated; `suspect` means similar to clips rejected
    before. `attributes` are what file names, sidecars and `--set` give, whole numbers as int. `ordinal` and
    `out_of` say which of the parts of its recording a part is, by their start, or a mark of its marks; `mark` is
    the name of a mark.
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
    attributes: Mapping[str, AttributeValue] = MappingProxyType({})
    mark: str | None = None
    ordinal: int | None = None
    out_of: int | None = None

    @property
    def place(self) -> str | None:
        """Which part or mark of its recording this is, in words; None for a whole, and for a removed clip."""
        return None if self._cut is None else self._cut.text

    @property
    def label(self) -> str | None:
        """The same in the name of a file."""
        return None if self._cut is None else self._cut.label

    @property
    def _cut(self) -> CutPlace | None:
        if self.ordinal is None or self.out_of is None:
            return None
        return CutPlace(self.kind, self.ordinal, self.out_of, self.mark)


_TAGS = ClipRow._fields.index("tags")


def list_clips(catalog: Catalog, terms: Terms = (), *, limit: int | None = None) -> list[ClipRow]:
    """List the clips that the terms match, without rejected and unusable ones unless the terms name those fields.

    Raises QueryError, and UsageError for a negative `limit`.
    """
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, terms)
        return read_rows(catalog, connection, query, limit=_checked(limit))


def found_ids(catalog: Catalog, terms: Terms = ()) -> list[int]:
    """Return the ids of the clips that `list_clips` lists, in the same order. Raises QueryError."""
    with catalog.reading() as connection:
        return select_ids(catalog, connection, terms)


def rows_of(catalog: Catalog, clip_ids: Sequence[int]) -> list[ClipRow]:
    """Return the rows of clips in the order of their ids, also of clips that listings leave out."""
    if not clip_ids:
        return []
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, [str(clip_id) for clip_id in clip_ids], defaults=False)
        found = {row.id: row for row in read_rows(catalog, connection, query)}
    return [found[clip_id] for clip_id in clip_ids if clip_id in found]


@dataclass(frozen=True)
class Listing:
    """Clips with the values of further fields.

    `fields` are the fields shown, by name, with their kinds. `values` holds the values of each clip by field.
    `used` are the fields that the query and its sort use and that were not asked for.
    """

    rows: tuple[ClipRow, ...]
    fields: Mapping[str, str]
    values: tuple[Mapping[str, Any], ...]
    used: tuple[str, ...]


def list_values(
    catalog: Catalog, terms: Terms = (), names: Sequence[str] = (), *, limit: int | None = None
) -> Listing:
    """List clips with the values of the named fields, and of those that the terms use if they have a value.

    Fields are those of queries, attributes included, such as "noise", "seed" or "score@prefix". Raises QueryError
    for an unknown field, UsageError for a negative limit or a field without a value.
    """
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, terms)
        context = context_of(catalog, connection)
        shown = [shown_field(name, context) for name in names]
        known = {field.name for field in shown}
        used = [field for name in query.used if name not in known for field in used_fields(name, context)]
        rows = read_rows(catalog, connection, query, limit=_checked(limit))
        stored = read_values(connection, query, [*shown, *used], limit=limit)
    near = {name: dict(found) for name, found in query.near.items()}
    fields = {field.name: field.kind for field in (*shown, *used)}
    values = tuple(
        {name: _field_value(name, kind, row, stored.get(row.id, {}), near) for name, kind in fields.items()}
        for row in rows
    )
    return Listing(tuple(rows), fields, values, tuple(field.name for field in used))


def values_of(catalog: Catalog, terms: Terms, name: str) -> tuple[str, dict[int, Any]]:
    """Return the kind of a field, and its value for each clip that the terms match; without a value, left out.

    Raises QueryError, and UsageError for an unknown field or one without a value.
    """
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, terms)
        field = shown_field(name, context_of(catalog, connection))
        if field.kind == "attribute":
            ids = list(connection.scalars(select_clips(query, clip.c.id)))
            found = {each: known.get(field.name) for each, known in read_attributes(connection, ids).items()}
        elif field.value is None:
            raise UsageError(f'"{field.name}" has no single value; choose a number, a run or an attribute')
        else:
            stored = read_values(connection, query, [field])
            found = {clip_id: values[field.name] for clip_id, values in stored.items()}
    return field.kind, {clip_id: value for clip_id, value in found.items() if value is not None}


def _field_value(
    name: str, kind: str, row: ClipRow, stored: Mapping[str, Any], near: Mapping[str, Mapping[int, float]]
) -> Any:
    if kind == "attribute":
        return row.attributes.get(name)
    if kind == "clip":  # near
        return near.get(name, {}).get(row.id)
    return row.tags if kind == "tag" else row.path if kind == "path" else stored.get(name)


def _checked(limit: int | None) -> int | None:
    if limit is not None and not 0 <= limit <= LARGEST_INTEGER:
        raise UsageError(f"invalid limit {limit} (expected 0 to {LARGEST_INTEGER})")
    return limit


def list_measures(catalog: Catalog, clip_ids: Sequence[int]) -> dict[int, dict[str, float | None]]:
    """Return the measures of clips by clip id and measure name. Clips that are not measured are left out."""
    with catalog.reading() as connection:
        return measures.read(connection, clip_ids)


def count_clips(catalog: Catalog, terms: Terms = (), *, defaults: bool = True) -> int:
    """Count the clips that `list_clips` finds; without `defaults`, also rejected and unusable ones."""
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, terms, defaults=defaults)
        statement = select(func.count()).select_from(SOURCE).where(query.condition)
        return int(connection.scalar(statement) or 0)


def why_empty(catalog: Catalog, terms: Terms) -> str:
    """Say which of the terms match nothing; empty without terms."""
    with catalog.reading() as connection:
        return str(no_match(catalog, connection, terms)) if join_terms(terms) else ""


def clip_paths(catalog: Catalog, terms: Terms = ()) -> list[bytes]:
    """Return one absolute path for each recording of the clips found, in their order, if a file is present."""
    with catalog.reading() as connection:
        query = parse_terms(catalog, connection, terms)
        statement = select_clips(
            query,
            *(
                shown_location(column)
                for column in (location.c.root, location.c.path, location.c.missing_since)
            ),
        )
        shown = [
            (root, path)
            for root, path, missing_since in connection.execute(statement)
            if path and not missing_since
        ]
    found = (catalog.absolute(root, path) for root, path in dict.fromkeys(shown))
    return [path for path in found if path is not None]


def read_rows(
    catalog: Catalog, connection: Connection, query: Query, *, limit: int | None = None
) -> list[ClipRow]:
    """Read the rows of the clips that a parsed query matches, in its order, and their attributes."""
    rows = connection.execute(_row_statement(catalog, query).limit(limit)).all()
    attributes = read_attributes(connection, [row[0] for row in rows])
    nothing: Mapping[str, AttributeValue] = {}
    no_place = (None, None, None)
    found = [
        ClipRow._make(
            (*row[:_TAGS], _tags(row[_TAGS]), *row[_TAGS + 1 :], attributes.get(row[0], nothing), *no_place)
        )
        for row in rows
    ]
    return _placed(connection, found)


def _placed(connection: Connection, rows: list[ClipRow]) -> list[ClipRow]:
    """Return the rows with the places of parts and marks."""
    recordings = {row.recording for row in rows if row.kind != "whole"}
    if not recordings:
        return rows
    known = cut_places_within(connection, sorted(recordings))
    return [
        row._replace(mark=place.name, ordinal=place.number, out_of=place.count)
        if (place := known.get(row.id))
        else row
        for row in rows
    ]


def _row_statement(catalog: Catalog, query: Query) -> Select[Any]:
    tags = (
        select(func.aggregate_strings(clip_tag.c.tag, _TAG_SEPARATOR))
        .where(clip_tag.c.clip_id == clip.c.id)
        .correlate(clip)
        .scalar_subquery()
    )
    shown = location.alias("shown")
    metric_id = latest_metric(catalog.settings.metrics.default_metric)
    statement = select_clips(
        query,
        clip.c.id,
        shown.c.path_text,
        shown.c.id.is_(None) | shown.c.missing_since.is_not(None),
        checkpoint.c.run,
        checkpoint.c.epoch,
        checkpoint.c.step,
        SECONDS,
        STATUS,
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


def _tags(joined: str | None) -> tuple[str, ...]:
    return tuple(sorted(joined.split(_TAG_SEPARATOR))) if joined else ()
