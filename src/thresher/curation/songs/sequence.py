"""The sequence of a song's clips today: the clips that match its query, in its ordering, with its edits applied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import USABLE_STATUSES, clip, recording
from thresher.catalog.edits import LAST
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.curation.songs.limits import SongLookups
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import Song, matching_clips, song_candidates
from thresher.signal.ordering.pins import apply_pins, displaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPUTED = frozenset({"chain", "pairs"})
"""The orderings that need the scores of all clips."""


@dataclass(frozen=True)
class Arranged:
    """Ids of a song's clips in sequence: its `body`, and the `final` clips, which stay if limits cut the body.

    `not_applied` holds clips whose edits could not be applied, each with a sentence that says why.
    """

    body: tuple[int, ...]
    final: tuple[int, ...]
    not_applied: tuple[tuple[int, str], ...]


def arranged(
    catalog: Catalog, connection: Connection, found: Song, lookups: SongLookups | None = None
) -> Arranged:
    """The song's clips in its ordering, with its edits applied, for a transaction that needs them.

    `lookups` are those of `lookups_of_song`.
    """
    clips = matching_clips(catalog, connection, found, lookups)
    scores = read_scores(connection, found.settings, clips)
    return with_edits(connection, found.settings, ordered(found.settings, clips, scores))


def current_order(catalog: Catalog, found: Song, lookups: SongLookups | None = None) -> list[int]:
    """The song's clips in its ordering. No transaction is open while it is computed."""
    with catalog.reading() as connection:
        candidates = song_candidates(catalog, connection, found.settings, lookups)
    clips = candidates.kept()
    with catalog.reading() as connection:
        scores = read_scores(connection, found.settings, clips)
    return ordered(found.settings, clips, scores)


def read_scores(connection: Connection, settings: SongSettings, clips: Sequence[int]) -> NDArray[Any] | None:
    """The scores between clips in the order of their ids; None if the song's ordering needs no scores."""
    if settings.ordering.name not in COMPUTED:
        return None
    from thresher.catalog.scores import score_reads, scores
    from thresher.signal.metrics.registry import find_metric

    metric = find_metric(settings.metric)
    of_metric = scores.metric_id(connection, metric.name, metric.version)
    return score_reads.between(connection, of_metric, sorted(clips))


def ordered(settings: SongSettings, clips: Sequence[int], scores: NDArray[Any] | None) -> list[int]:
    """The clips in the song's ordering; `scores` are those of `read_scores`.

    For a field ordering, `clips` are sorted by that field already.
    """
    ordering = settings.ordering
    if ordering.name == "field":
        return list(clips)
    ids = sorted(clips)
    if ordering.name == "manual":
        known = set(ids)
        listed = [clip_id for clip_id in settings.manual or () if clip_id in known]
        return [*listed, *sorted(known - set(listed))]
    return [ids[position] for position in _positions(settings, ids, scores)]


def _positions(settings: SongSettings, ids: Sequence[int], scores: NDArray[Any] | None) -> list[int]:
    """The positions of `ids` in the song's ordering; numerical libraries are imported only here."""
    import numpy as np

    ordering, array = settings.ordering, np.array(ids, dtype=np.int64)
    if ordering.name == "shuffle":
        from thresher.signal.ordering.shuffle import shuffle

        found = shuffle(array, ordering.seed or 0)
    elif ordering.name == "pairs":
        from thresher.signal.ordering.pairs import pairs

        assert scores is not None
        found = pairs(scores, array)
    else:
        from thresher.signal.ordering.chain import chain

        # a pinned clip that no longer matches the query pins nothing
        start, end = (ids.index(pin) if pin in ids else None for pin in _ends(settings, ids))
        assert scores is not None
        found = chain(scores, array, start, end)
    positions: list[int] = found.tolist()
    return positions


def _ends(settings: SongSettings, ids: Sequence[int]) -> tuple[int | None, int | None]:
    """The first and last clip of a chain: those pinned by hand, else those of its ordering."""
    by_hand = {position: clip_id for clip_id, position in settings.edits.pins if clip_id in ids}
    first, last = by_hand.get(1, settings.ordering.start), by_hand.get(LAST, settings.ordering.end)
    return first, (None if last == first else last)


def with_edits(connection: Connection, settings: SongSettings, order: Sequence[int]) -> Arranged:
    """A sequence of clips with the song's edits applied."""
    edits, known = settings.edits, set(order)
    positions = {clip_id: position - 1 for clip_id, position in edits.pins if position != LAST}
    last = next((clip_id for clip_id, position in edits.pins if position == LAST), settings.ordering.end)
    final = _group_before(last, edits.together, known) if last in known else []
    body = apply_pins([each for each in order if each not in final], positions, edits.together)
    absent = sorted(_named(settings, last) - known - set(edits.dropped))
    not_applied = [*_absent_sentences(connection, absent, settings)]
    misplaced, separated = displaced((*body, *final), positions, edits.together)
    for clip_id in misplaced:
        position = positions[clip_id]
        why = f"the song has {len(order)} clips" if position >= len(order) else "another edit prevents it"
        not_applied.append((clip_id, f"clip {clip_id} can't be at position {position + 1}: {why}"))
    for one, other in separated:
        why = "another edit puts a clip between them"
        not_applied.append((one, f"clips {one} and {other} can't stay together: {why}"))
    return Arranged(body, tuple(final), tuple(not_applied))


def _named(settings: SongSettings, last: int | None) -> set[int]:
    """The clips that the song's edits and ordering name."""
    edits, ordering = settings.edits, settings.ordering
    manual = settings.manual or () if ordering.name == "manual" else ()
    together = (each for pair in edits.together for each in pair)
    ends = (clip_id for clip_id in (ordering.start, last) if clip_id is not None)
    return {*edits.positions, *together, *edits.added, *manual, *ends}


def _group_before(last: int | None, together: Sequence[tuple[int, int]], known: Collection[int]) -> list[int]:
    """The last clip, with the clips in front of it that have to stay together with it."""
    before = {other: one for one, other in together if one in known and other in known}
    group = [] if last is None else [last]
    while group and group[0] in before:
        group.insert(0, before[group[0]])
    return group


def _absent_sentences(
    connection: Connection, clip_ids: Sequence[int], settings: SongSettings
) -> list[tuple[int, str]]:
    """Clips that are not in the song though its edits name them, each with a sentence that says why."""
    known = clip_rows(connection, clip_ids)
    return [(clip_id, _absent_sentence(clip_id, known.get(clip_id), settings)) for clip_id in clip_ids]


def _absent_sentence(clip_id: int, row: Any, settings: SongSettings) -> str:
    if row is None:
        return f"clip {clip_id} was forgotten"
    if row[clip.c.rejected]:
        return f"clip {clip_id} is rejected"
    if row[clip.c.removed]:
        return f"clip {clip_id} was removed by a split or by `thresher unmark`"
    if row[clip.c.kind] == "whole" and row[recording.c.split] is not None:
        return f"the recording of clip {clip_id} was split"
    status = row[clip.c.status] or row[recording.c.status]
    if status not in USABLE_STATUSES:
        return f"clip {clip_id} is {status}"
    why = f"the query does not match clip {clip_id}"
    if settings.no_copies or settings.per_checkpoint is not None:
        why += ", or another clip of its sound or checkpoint has its place"
    return why


def edits_not_applied(
    not_applied: Sequence[tuple[int, str]], cut: Sequence[int], settings: SongSettings
) -> tuple[str, ...]:
    """Sentences about edits that could not be applied, and about edits of clips that the limits cut off."""
    named = {*settings.edits.positions, *settings.edits.added}
    beyond = [f"clip {clip_id} is beyond the song's limits" for clip_id in sorted(named & set(cut))]
    return (*(sentence for clip_id, sentence in not_applied if clip_id not in set(cut)), *beyond)
