"""The sequence of a song's clips today: what its query finds, in its ordering, with what was edited by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection

from thresher.catalog import score_reads, scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_rows import clip_rows
from thresher.catalog.edits import LAST
from thresher.catalog.schema import USABLE_STATUSES, clip, recording
from thresher.curation.clips.selection import select_ids
from thresher.curation.songs.songs import Song, SongSettings
from thresher.signal.metrics.registry import find_metric
from thresher.signal.ordering import orderings as ordering
from thresher.signal.ordering.chain import chain
from thresher.signal.ordering.pins import place, unmet


@dataclass(frozen=True)
class Arranged:
    """Ids of a song's clips in sequence: its `body`, and what has to be the end of it, wherever its limits cut.

    `unmet` are clips whose edits can't be had, with a sentence that says why.
    """

    body: tuple[int, ...]
    final: tuple[int, ...]
    unmet: tuple[tuple[int, str], ...]


def arranged(catalog: Catalog, connection: Connection, found: Song) -> Arranged:
    """The song's clips in its ordering, with what was edited by hand."""
    edits, chosen = found.settings.edits, ordering.parse_ordering(found.settings.ordering)
    order = _ordered(catalog, connection, found)
    known = set(order)
    places = {clip_id: at - 1 for clip_id, at in edits.pins if at != LAST}
    last = next((clip_id for clip_id, at in edits.pins if at == LAST), chosen.end)
    final = _group_before(last, edits.together, known) if last in known else []
    body = place([each for each in order if each not in final], places, edits.together)
    manual = found.settings.manual or () if chosen.name == "manual" else ()
    named = {*places, *(each for pair in edits.together for each in pair), *edits.added, *manual}
    named |= {clip_id for clip_id in (chosen.start, last) if clip_id is not None}
    off_place, apart = unmet((*body, *final), places, edits.together)
    sentences = [
        (clip_id, f"clip {clip_id} {why}, and is not in the song")
        for clip_id, why in _why_absent(connection, sorted(named - known - set(edits.dropped))).items()
    ]
    sentences += [
        (
            clip_id,
            f"clip {clip_id} can't be at {places[clip_id] + 1}: "
            + ("the song is shorter" if places[clip_id] >= len(order) else "another edit is in its way"),
        )
        for clip_id in off_place
    ]
    sentences += [
        (one, f"clips {one} and {other} can't stay together: another edit is between them")
        for one, other in apart
    ]
    return Arranged(body, tuple(final), tuple(sentences))


def _group_before(last: int | None, together: Sequence[tuple[int, int]], known: Collection[int]) -> list[int]:
    """The clips that have to come right before the last one, and it."""
    before = {other: one for one, other in together if one in known and other in known}
    group = [] if last is None else [last]
    while group and group[0] in before:
        group.insert(0, before[group[0]])
    return group


def _why_absent(connection: Connection, clip_ids: Sequence[int]) -> dict[int, str]:
    """Why clips that a song's edits name are not in it."""
    known = clip_rows(connection, clip_ids)
    reasons = {}
    for clip_id in clip_ids:
        row = known.get(clip_id)
        if row is None:
            reasons[clip_id] = "was forgotten"
        elif row[clip.c.rejected]:
            reasons[clip_id] = "is rejected"
        elif row[recording.c.status] not in USABLE_STATUSES:
            reasons[clip_id] = f"is {row[recording.c.status]}"
        else:
            reasons[clip_id] = "is not what the query finds"
    return reasons


def _ordered(catalog: Catalog, connection: Connection, found: Song) -> list[int]:
    """What the query finds and the edits add, in the song's ordering."""
    settings = found.settings
    chosen = ordering.parse_ordering(settings.ordering)
    if chosen.name == "field":
        return select_ids(
            catalog, connection, settings.query, song=True, sort=str(chosen), edits=settings.edits
        )
    ids = sorted(select_ids(catalog, connection, settings.query, song=True, edits=settings.edits))
    array = np.array(ids, dtype=np.int64)
    if chosen.name == "manual":
        known = set(ids)
        listed = [clip_id for clip_id in settings.manual or () if clip_id in known]
        return [*listed, *sorted(known - set(listed))]
    if chosen.name == "shuffle":
        order = ordering.shuffle(array, chosen.seed or 0)
    elif chosen.name == "pairs":
        order = ordering.pairs(_between(connection, found, ids), array)
    else:
        # a clip that is pinned and gone pins nothing
        start, end = (ids.index(pin) if pin in ids else None for pin in _ends(settings, ids))
        order = chain(_between(connection, found, ids), array, start, end)
    return [ids[at] for at in order]


def _ends(settings: SongSettings, ids: Sequence[int]) -> tuple[int | None, int | None]:
    """The clips that a chain has to begin and end with: by hand, else by its ordering."""
    chosen = ordering.parse_ordering(settings.ordering)
    by_hand = {at: clip_id for clip_id, at in settings.edits.pins if clip_id in ids}
    first, last = by_hand.get(1, chosen.start), by_hand.get(LAST, chosen.end)
    return first, (None if last == first else last)


def _between(connection: Connection, found: Song, ids: Sequence[int]) -> Any:
    metric = find_metric(found.settings.metric)
    return score_reads.between(connection, scores.metric_id(connection, metric.name, metric.version), ids)
