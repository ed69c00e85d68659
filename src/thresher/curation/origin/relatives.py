"""Clips with sound in common: near-duplicates of a clip, the clips that it continues, and those that continue it.

A continuation begins with its prompt, the end of another clip or all of it, and goes on with other sound. Only
fingerprints are compared: the work is proportional to their number, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings.clip_source import IS_HIDDEN
from thresher.catalog.scores import features
from thresher.catalog.settings.sections import DupesSection
from thresher.curation.comparison.duplicates import STANDS_OUT, Sound, matching
from thresher.signal.metrics.agreement import Profiled, agree
from thresher.signal.metrics.aligned import aligned_scores, standing_out
from thresher.signal.metrics.continuation import AT_AN_END, PROMPT_SCORE, Head, find_head, find_heads
from thresher.signal.metrics.correlation import LEAST_WORDS
from thresher.signal.metrics.metric import Fingerprints, Words

COPY, PART_OF, CONTAINS, SHARES = "copy", "part of", "contains", "shares"
MOST_EXAMINED = 500
"""At most this many clips with a sufficient score are examined for each kind of relation, the best scores first.
Among thousands of clips of noise or of a drone, nearly all have such a score."""

CONTINUES, CONTINUED_BY, SAME_START = "continues", "continued by", "same start"


@dataclass(frozen=True)
class Relation:
    """A clip with sound in common with a given clip.

    `kind` is what the given clip is to this one: copy, part of, contains, shares (a passage), continues (it begins
    with sound of this clip), continued by, or same start. The common sound is `seconds` long and begins at `start`
    in the given clip and at `other_start` in this one, in seconds. `score` is the share of equal bits, 0 to 1.
    """

    kind: str
    clip: int
    score: float
    start: float
    other_start: float
    seconds: float


@dataclass(frozen=True)
class Relations:
    """The relations of a clip, the best score first, and the number of clips that were not examined."""

    found: tuple[Relation, ...] = ()
    not_examined: int = 0


def relations(catalog: Catalog, clip_id: int) -> Relations:
    """Find the clips of other recordings with sound in common with a clip.

    Of the clips of one recording, the one with the longest common sound counts, and the whole of a recording that
    was split only where no other one has common sound. A clip without a fingerprint has no relations.
    No transaction is open while sounds are compared.
    """
    settings = catalog.settings.dupes
    with catalog.reading() as connection:
        places = _places(connection)
        own = places.get(clip_id)
        if own is None:
            return Relations()
        ids = [other for other, place in places.items() if place.recording != own.recording]
        (words,) = features.read(connection, [clip_id], "fingerprint")
        others = list(features.read(connection, ids, "fingerprint"))
    if not others:
        return Relations()
    packed = Fingerprints.pack(others)
    heads = _best_heads(find_head(words, packed)), _best_heads(find_heads(packed, words))
    profiled = _profiled(
        catalog, [clip_id, *(ids[index] for each in heads for index, _ in each[:MOST_EXAMINED])]
    )
    found = list(_prompts(clip_id, words, ids, others, profiled, heads, settings))
    prompted = {each.clip for each in found}
    scores = aligned_scores(Fingerprints.pack([words]), packed)[0]
    close = [
        index for index in (scores >= settings.score).nonzero()[0].tolist() if ids[index] not in prompted
    ]
    close.sort(key=lambda index: (-scores[index], ids[index]))
    examined = {ids[index]: others[index] for index in close[:MOST_EXAMINED]}
    profiled = _profiled(catalog, [clip_id, *examined])
    sounds = {each: Sound(theirs, profiled.get(each)) for each, theirs in examined.items()}
    found += _duplicates(Sound(words, profiled.get(clip_id)), sounds, settings)
    best = sorted(_best_of_recordings(found, places), key=lambda each: (-each.score, each.clip))
    left_out = (max(0, len(each) - MOST_EXAMINED) for each in (*heads, close))
    return Relations(tuple(best), max(left_out))


def _best_heads(found: Sequence[tuple[int, Head]]) -> list[tuple[int, Head]]:
    """Return the heads that may be prompts, the best score first."""
    return sorted((each for each in found if each[1].score >= PROMPT_SCORE), key=lambda each: -each[1].score)


@dataclass(frozen=True)
class _Place:
    """The recording of a clip, and whether listings hide the clip: the whole of a recording that was split."""

    recording: int
    is_hidden: bool


def _places(connection: Connection) -> dict[int, _Place]:
    """Return the place of each clip that has a fingerprint, by the clip's id."""
    rows = connection.execute(
        select(clip.c.id, clip.c.recording_id, IS_HIDDEN.label("is_hidden"))
        .join(recording, recording.c.id == clip.c.recording_id)
        .where(clip.c.fingerprint.is_not(None), ~clip.c.removed)
        .order_by(clip.c.id)
    )
    return {row.id: _Place(row.recording_id, bool(row.is_hidden)) for row in rows}


def _best_of_recordings(found: Sequence[Relation], places: Mapping[int, _Place]) -> list[Relation]:
    best: dict[tuple[str, int], Relation] = {}
    for each in sorted(found, key=lambda each: (places[each.clip].is_hidden, -each.seconds, each.clip)):
        best.setdefault((each.kind, places[each.clip].recording), each)
    return list(best.values())


def _profiled(catalog: Catalog, clip_ids: Sequence[int]) -> Mapping[int, Profiled]:
    with catalog.reading() as connection:
        return features.read_profiled(connection, clip_ids)


def _duplicates(own: Sound, candidates: Mapping[int, Sound], settings: DupesSection) -> Iterator[Relation]:
    for other_id, other in candidates.items():
        found = matching(own, other, settings)
        if found is None:
            continue
        alignment = found.alignment
        covers = [alignment.overlap >= settings.cover * each.words.size for each in (own, other)]
        kind = COPY if all(covers) else PART_OF if covers[0] else CONTAINS if covers[1] else SHARES
        offset = alignment.offset_seconds
        start, other_start = max(0.0, offset), max(0.0, -offset)
        yield Relation(kind, other_id, alignment.score, start, other_start, alignment.overlap_seconds)


def _prompts(
    clip_id: int,
    words: Words,
    ids: Sequence[int],
    others: Sequence[Words],
    profiled: Mapping[int, Profiled],
    heads: tuple[Sequence[tuple[int, Head]], Sequence[tuple[int, Head]]],
    settings: DupesSection,
) -> Iterator[Relation]:
    """Yield the clips in which this one begins, by the first `heads`, and those that begin in it, by the second."""
    for index, head in heads[0][:MOST_EXAMINED]:
        kind = _kind_of(head, words, others[index], settings)
        if kind is not None and _agree(profiled, ids[index], clip_id, head):
            yield Relation(kind, ids[index], head.score, 0.0, head.offset_seconds, head.seconds)
    for index, head in heads[1][:MOST_EXAMINED]:
        kind = _kind_of(head, others[index], words, settings)
        if kind == CONTINUES and _agree(profiled, clip_id, ids[index], head):
            yield Relation(CONTINUED_BY, ids[index], head.score, head.offset_seconds, 0.0, head.seconds)


def _kind_of(head: Head, later: Words, earlier: Words, settings: DupesSection) -> str | None:
    """Return what `later`, whose beginning was found in `earlier`, is to it; None if it is not a continuation."""
    is_inside = head.words >= settings.cover * later.size
    if head.score < PROMPT_SCORE or head.words < LEAST_WORDS or is_inside:
        return None
    if standing_out(earlier, later[: head.words]) < STANDS_OUT:
        return None
    is_all = head.offset + head.words >= earlier.size - AT_AN_END
    return SAME_START if head.offset <= AT_AN_END and not is_all else CONTINUES


def _agree(profiled: Mapping[int, Profiled], earlier: int, later: int, head: Head) -> bool:
    """Return whether the pitch of both clips is the same in their common sound, as far as it is known."""
    one, other = profiled.get(earlier), profiled.get(later)
    if one is None or other is None:
        return True
    return agree(one, other, head.offset_seconds, head.seconds, whole=False) is not False
