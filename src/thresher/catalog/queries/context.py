"""What a query is parsed for and what it becomes: the catalog's names, and a condition with a sort."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema
from thresher.catalog.database.schema import attribute, clip, recording, saved_query, song
from thresher.catalog.edits import Edits
from thresher.catalog.queries.field_kinds import Condition
from thresher.catalog.queries.folders import Folders
from thresher.catalog.queries.lookups import Lookups, NearClips
from thresher.catalog.queries.selection_rules import SELECTION_RULE, left_out
from thresher.catalog.queries.text_search import Texts
from thresher.catalog.recordings.clip_source import IS_HIDDEN, SOURCE, STATUS, any_id
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import UnfitError
from thresher.signal.metrics.registry import find_metric


@dataclass(frozen=True)
class SavedQuery:
    """The query of a song, with the song's edits and selection rule, or a saved query."""

    text: str
    edits: Edits = field(default_factory=Edits)
    rule: int = SELECTION_RULE


@dataclass(frozen=True)
class Context:
    """The catalog that queries are parsed for. Names are looked up only if a query needs them.

    `metric` is the one that `score:` means, `folders` looks up folders, `texts` searches the texts of the catalog,
    `now` is in seconds since 1970. `songs` and `queries` are the saved songs and queries by the form NFC of their
    names. `near` returns the other clips with their scores against one clip under a metric, the highest score
    first.
    """

    attribute_keys: Callable[[], Collection[str]]
    songs: Callable[[], Mapping[str, SavedQuery]]
    metric: str
    folders: Folders
    texts: Texts
    now: float
    near: Callable[[int, str], Sequence[tuple[int, float]]]
    queries: Callable[[], Mapping[str, SavedQuery]] = dict


@dataclass(frozen=True)
class Part:
    """One term of a query with its condition, without a negation in front of it."""

    text: str
    condition: Condition
    is_negated: bool


@dataclass(frozen=True)
class Query:
    """A condition over `clip_source.SOURCE`, true or false for each clip, and sort keys, of which the id is last.

    `named` holds the fields that the query names, sort keys included, but not those of the songs in it; `used` are
    the same in the order of the query. `by_id` is the condition of the alternatives that name clips by their id;
    None if there is none. `names_clips` says whether every alternative names clips by id or path. `height` and
    `is_all` are those of `terms.Found`. `near` holds, by field, the clips of the first term of that field
    with their scores, the highest first. `is_sorted_by_near` says that the sort is by these, because the query
    names none.
    """

    text: str
    condition: Condition
    sort: tuple[ColumnElement[Any], ...]
    named: frozenset[str]
    used: tuple[str, ...] = ()
    by_id: Condition | None = None
    names_clips: bool = False
    parts: tuple[Part, ...] = ()
    height: int = 0
    is_all: bool = False
    near: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    is_sorted_by_near: bool = False

    @property
    def negated_words(self) -> tuple[str, ...]:
        """The bare words after NOT."""
        return tuple(part.text for part in self.parts if part.is_negated and ":" not in part.text)


def context_of(catalog: Catalog, connection: Connection, lookups: Lookups | None = None) -> Context:
    """Return the context of queries read over `connection`, in whose transaction they are parsed and run.

    `lookups` are those of a transaction before this one, if the query was parsed there.
    """
    lookups = lookups or Lookups.below(catalog.roots)

    @cache
    def attribute_keys() -> frozenset[str]:
        return frozenset(connection.scalars(select(attribute.c.key).distinct()))

    @cache
    def songs() -> Mapping[str, SavedQuery]:
        columns = (song.c.name, song.c.query, song.c.edits, song.c.selection_rule)
        return {
            nfc(row.name): SavedQuery(row.query, Edits.from_plain(json.loads(row.edits)), row.selection_rule)
            for row in connection.execute(select(*columns).where(~song.c.deleted))
        }

    @cache
    def queries() -> Mapping[str, SavedQuery]:
        rows = connection.execute(
            select(saved_query.c.name, saved_query.c.query).where(~saved_query.c.deleted)
        )
        return {nfc(row.name): SavedQuery(row.query) for row in rows}

    return Context(
        attribute_keys,
        songs,
        catalog.settings.metrics.default_metric,
        lookups.folders,
        Texts(connection, lookups.searches),
        time.time(),
        partial(_near, connection, lookups),
        queries,
    )


def _near(
    connection: Connection, lookups: Lookups, clip_id: int, metric_name: str
) -> Sequence[tuple[int, float]]:
    """Return the other clips with their scores against one clip, the highest first; `lookups` remember them."""
    from thresher.catalog.scores import (  # loads numpy, which other queries do not need
        features,
        score_reads,
        scores,
    )

    by = find_metric(metric_name)
    checksums = features.checksums(connection, [clip_id], by.keeps)
    if not checksums:
        exists = connection.scalar(select(clip.c.id).where(clip.c.id == clip_id)) is not None
        raise UnfitError(
            f"clip {clip_id} has no {by.keeps}; `thresher show {clip_id}` shows its status"
            if exists
            else f"clip {clip_id} does not exist; `thresher list` shows all clips"
        )
    state = scores.read_state(connection, scores.metric_id(connection, by.name, by.version))
    ids = score_reads.comparable(connection, by, clip_id)
    source = (checksums, state, ids.tolist())
    known = lookups.near.get((clip_id, metric_name))
    if known is None or known.source != source:
        (kept,) = features.read(connection, [clip_id], by.keeps)
        known = NearClips(score_reads.read_comparable(connection, by, ids=ids).nearest_to(kept), source)
        lookups.near[clip_id, metric_name] = known
    return known.found


def with_defaults(
    query: Query, *, song: bool, rule: int = SELECTION_RULE, added: Sequence[int] = ()
) -> Query:
    """Leave out rejected and unusable clips unless the query names those fields, and what `shown` leaves out.

    For a song, leave out reference audio and empty clips too, and what its selection `rule` leaves out, except for
    clips that the query names by id and those `added` by hand.
    """
    query = shown(query, added)
    conditions = [query.condition]
    if "rejected" not in query.named:
        conditions.append(~clip.c.rejected)
    if "status" not in query.named:
        conditions.append(STATUS.in_(schema.USABLE_STATUSES))
    if song:
        conditions += [recording.c.role == "generated", clip.c.end_frame > clip.c.start_frame]
        conditions += [_unless_asked(query, added, condition) for condition in left_out(rule, query.named)]
    return replace(query, condition=and_(*conditions))


def shown(query: Query, added: Sequence[int] = ()) -> Query:
    """Leave out removed clips, and the wholes of split recordings.

    A query asks for wholes if it names the field `kind` or the clip's id. Those `added` by hand are not left out.
    """
    conditions = [query.condition, ~clip.c.removed]
    if "kind" not in query.named:
        conditions.append(_unless_asked(query, added, IS_HIDDEN))
    return replace(query, condition=and_(*conditions))


def _unless_asked(query: Query, added: Sequence[int], condition: Condition) -> Condition:
    """Return the opposite of a condition, true for clips that are named by id or `added` by hand."""
    asked: list[Condition] = [any_id(added)] if added else []
    asked += [query.by_id] if query.by_id is not None else []
    return or_(~condition, *asked)


def edited(query: Query, edits: Edits | None) -> Query:
    """Add and drop clips by the edits of a song."""
    condition = query.condition
    if edits is not None and edits.added:
        condition = or_(condition, any_id(edits.added))
    if edits is not None and edits.dropped:
        condition = and_(condition, ~any_id(edits.dropped))
    return replace(query, condition=condition)


def select_clips(query: Query, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return the statement that reads columns of the query's clips, in its order."""
    return select(*columns).select_from(SOURCE).where(query.condition).order_by(*query.sort)
