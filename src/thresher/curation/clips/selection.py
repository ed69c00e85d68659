"""Select clips: the ids of all clips that a query matches, or the one clip that a term names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, location
from thresher.catalog.database.text_columns import in_nfc
from thresher.catalog.edits import Edits
from thresher.catalog.files import paths
from thresher.catalog.queries.lookups import Lookups
from thresher.catalog.queries.query import (
    Query,
    Terms,
    context_of,
    edited,
    normalise,
    parse,
    parse_sort,
    select_clips,
    shown,
    with_defaults,
)
from thresher.catalog.queries.selection_rules import SELECTION_RULE
from thresher.catalog.recordings.clip_source import END, IS_SHOWN, SOURCE, START
from thresher.catalog.recordings.cut_clips import wholes_of
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.errors import NotFoundError, UsageError

_IDS_IN_MESSAGE = 5

SAME_SECONDS = 0.002
"""How far a time of a playlist may be from that of a clip, which is a whole number of frames."""


def lookups_of(catalog: Catalog, terms: Terms, *, stored: bool = False) -> Lookups:
    """Look up what a query needs, for a write transaction that parses it: no file is touched there, and no sounds
    are compared.

    The needs of the songs and saved queries in it are among them. `stored` says that the terms were saved before,
    maybe by an earlier version. Raises QueryError.
    """
    lookups = Lookups.below(catalog.roots)
    with catalog.reading() as connection:
        parse(terms, context_of(catalog, connection, lookups), stored=stored)
    return lookups


def parse_terms(
    catalog: Catalog,
    connection: Connection,
    terms: Terms,
    *,
    defaults: bool = True,
    lookups: Lookups | None = None,
) -> Query:
    """Parse a query; with `defaults`, leave out rejected and unusable clips unless it names those fields."""
    query = parse(terms, context_of(catalog, connection, lookups))
    return with_defaults(query, song=False) if defaults else shown(query)


def select_ids(
    catalog: Catalog,
    connection: Connection,
    terms: Terms,
    *,
    song: bool = False,
    defaults: bool = True,
    sort: str | None = None,
    edits: Edits | None = None,
    rule: int = SELECTION_RULE,
    stored: bool = False,
    lookups: Lookups | None = None,
) -> list[int]:
    """Return the ids of the clips that the terms match, in the order of the terms, or of `sort`, such as "epoch+".

    `defaults` leaves out rejected and unusable clips unless the terms name those fields. `song` also leaves out
    clips that no song may contain, and those that the selection `rule` leaves out. `edits` add clips to the
    selection and drop clips from it. `stored` says that the terms were saved before, maybe by an earlier version.
    `lookups` are those of `lookups_of`. Raises QueryError.
    """
    context = context_of(catalog, connection, lookups)
    query = edited(parse(terms, context, stored=stored), edits)
    added = () if edits is None else edits.added
    query = (
        with_defaults(query, song=song, rule=rule, added=added) if song or defaults else shown(query, added)
    )
    statement = select_clips(query, clip.c.id)
    if sort is not None:
        statement = statement.order_by(None).order_by(*parse_sort(sort, context))
    return list(connection.scalars(statement))


def select_by_id(
    catalog: Catalog, connection: Connection, terms: Terms, *, lookups: Lookups | None = None
) -> list[int]:
    """Return the clips that match those alternatives of the terms that name clips by their id."""
    query = parse(terms, context_of(catalog, connection, lookups))
    if query.by_id is None:
        return []
    statement = select(clip.c.id).select_from(SOURCE).where(query.by_id, ~clip.c.removed)
    return list(connection.scalars(statement.order_by(clip.c.id)))


def recordings_of(connection: Connection, clip_ids: Sequence[int]) -> list[int]:
    """Return the ids of the recordings that contain these clips, in ascending order."""
    found: set[int] = set()
    for chunk in chunks(clip_ids):
        found.update(connection.scalars(select(clip.c.recording_id).where(clip.c.id.in_(chunk))))
    return sorted(found)


def find_clip(catalog: Catalog, connection: Connection, term: str) -> int:
    """Return the id of the one clip that an id, a path or a query names.

    A path is relative to the working folder, or as listings show it. Raises NotFoundError if no clip matches,
    UsageError if several do.
    """
    return _only(_clips_named(catalog, connection, term), term)


def find_clip_of_recording(catalog: Catalog, connection: Connection, term: str) -> int:
    """Do the same as `find_clip`, but several clips of one recording stand for its whole."""
    found = _clips_named(catalog, connection, term)
    of_recordings = recordings_of(connection, found) if len(found) > 1 else []
    wholes = wholes_of(connection, of_recordings) if len(of_recordings) == 1 else {}
    return next(iter(wholes.values())) if wholes else _only(found, term)


def _clips_named(catalog: Catalog, connection: Connection, term: str) -> list[int]:
    """Return the clips that an id, a path or a query names. Raises NotFoundError if there are none."""
    if term.isascii() and term.isdigit():
        found = select_ids(catalog, connection, [term], defaults=False)
        if not found:
            raise _no_such_id(connection, term)
    else:
        found = _clips_at_path(catalog, connection, term)
        found = found or select_ids(catalog, connection, normalise([term]), defaults=False)
    if not found:
        if os.path.lexists(term):
            raise NotFoundError(f'"{_printable(term)}" is not in the catalog; `thresher ingest` adds it')
        raise NotFoundError(f'no clip matches "{_printable(term)}"; `thresher list` shows all clips')
    return found


def _no_such_id(connection: Connection, term: str) -> NotFoundError:
    number = int(term) if len(term) < len(str(LARGEST_INTEGER)) else -1
    if connection.scalar(select(clip.c.id).where(clip.c.id == number, clip.c.removed)) is None:
        return NotFoundError(f"no clip has the id {term}; `thresher list` shows all clips")
    return NotFoundError(
        f"clip {term} was taken away by a split or `thresher unmark`; `thresher undo` reverts that, and "
        "`thresher history` lists the decisions"
    )


def clip_at_path(
    catalog: Catalog, connection: Connection, path: str, span: tuple[float, float] | None = None
) -> int | None:
    """Return the id of the clip at a path, None if there is none. Raises UsageError if there are several.

    `span` is the start and the end of the clip in seconds, if they are known. It may be that of a mark.
    """
    if span is not None:
        of_recording = _clips_at_path(catalog, connection, path, marks=True)
        is_same = (
            func.abs(column - seconds) < SAME_SECONDS
            for column, seconds in zip((START, END), span, strict=True)
        )
        same = select(clip.c.id).select_from(SOURCE).where(clip.c.id.in_(of_recording), *is_same)
        if same_ids := list(connection.scalars(same.order_by(clip.c.id))):
            return int(same_ids[0])
    found = _clips_at_path(catalog, connection, path)
    return _only(found, path) if found else None


def _only(found: Sequence[int], term: str) -> int:
    if len(found) > 1:
        ids = ", ".join(str(clip_id) for clip_id in found[:_IDS_IN_MESSAGE])
        rest = ", …" if len(found) > _IDS_IN_MESSAGE else ""
        raise UsageError(f'"{_printable(term)}" matches {len(found):,} clips; give one id of {ids}{rest}')
    return found[0]


def _clips_at_path(catalog: Catalog, connection: Connection, term: str, *, marks: bool = False) -> list[int]:
    """Return the clips of the recording at a path: the one present there, else the one seen there last.

    These are its parts if it was split, else its whole. Marks are not among them, unless asked for.
    """
    try:
        given = os.fsencode(term)
    except UnicodeEncodeError:
        return []
    stored = catalog.stored(term)
    names = [stored.path_text, paths.display_text(given)]
    places = (stored.place, paths.Place("", given))
    is_same = location.c.path_text.in_(names) | or_(
        *(and_(location.c.root == place.root, location.c.path == place.path) for place in places)
    )
    seen = _latest(connection, is_same)
    if seen is None and not all(map(str.isascii, names)):
        seen = _latest(connection, in_nfc(location.c.path_text).in_(list(map(nfc, names))))
    if seen is None:
        return []
    if seen.recording_id is None:
        raise NotFoundError(f'"{_printable(term)}" could not be read: {seen.reason}')
    of_recording = clip.c.recording_id == seen.recording_id
    ids = select(clip.c.id).select_from(SOURCE).where(of_recording, IS_SHOWN).order_by(clip.c.id)
    return list(connection.scalars(ids if marks else ids.where(clip.c.kind != "marked")))


def _latest(connection: Connection, condition: ColumnElement[bool]) -> Any:
    """Return the location that meets the condition: the one present, else the one seen last; None without one."""
    return connection.execute(
        select(location.c.recording_id, location.c.reason)
        .where(condition)
        .order_by(location.c.missing_since.is_not(None), location.c.missing_since.desc(), location.c.id)
        .limit(1)
    ).one_or_none()


def _printable(term: str) -> str:
    """Return a term with bytes that are not UTF-8 written as `\\xNN`."""
    return paths.display_text(term.encode("utf-8", "surrogateescape"))
