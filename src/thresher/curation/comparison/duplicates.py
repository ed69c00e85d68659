"""Duplicates: the same sound more than once, told by `aligned`.

Two clips *match* where their best alignment scores at least `[dupes] score` over at least `words` words, and
stands out of what any other offset of the two scores: unrelated noises match a little everywhere. A match is
a *copy* where it covers both clips to the share `cover`, *contains* the one that it covers so, and is *shared*
where it covers neither. A group is one kept clip and the copies of it – of that one: there are no chains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from thresher.catalog import features as compared
from thresher.catalog import scores
from thresher.catalog.catalog import Catalog
from thresher.catalog.config import DupesSection
from thresher.catalog.schema import clip, location
from thresher.curation.clips.listing import ClipRow, list_clips
from thresher.curation.clips.selection import Terms
from thresher.curation.comparison.score import score
from thresher.curation.workers import Progress, no_progress
from thresher.signal.features.fingerprint import FIRST_WORD_SECONDS, WORD_SECONDS
from thresher.signal.metrics.aligned import Alignment, align, standing_out
from thresher.signal.metrics.metric import Words
from thresher.signal.metrics.registry import find_metric

STANDS_OUT = 0.5
"""A match lies at least this far of the way from what other offsets score to 1. Copies of any quality do, loops and
drones too; of two white noises, whose words differ in only 15 % of their bits, no offset does."""


@dataclass(frozen=True)
class Match:
    """A clip that matches another one: `offset` is where it begins in that one, `seconds` how long they share."""

    clip: ClipRow
    score: float
    offset: float
    seconds: float


@dataclass(frozen=True)
class Group:
    """A clip to keep, and its copies."""

    kept: ClipRow
    copies: tuple[Match, ...]


@dataclass(frozen=True)
class Part:
    """A clip that lies in another one whole (`is_contained`) or in part."""

    whole: ClipRow
    part: Match
    is_contained: bool


@dataclass(frozen=True)
class ByteCopies:
    """A clip whose file lies in several places."""

    clip: ClipRow
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Duplicates:
    """What there is more than once."""

    groups: tuple[Group, ...]
    parts: tuple[Part, ...]
    byte_copies: tuple[ByteCopies, ...]

    @property
    def others(self) -> list[int]:
        """Ids of the copies: what could be rejected without losing a sound."""
        return sorted(match.clip.id for group in self.groups for match in group.copies)


@dataclass(frozen=True)
class _Pair:
    """Two clips of which the first is the one to keep, by their places in that order."""

    first: int
    second: int
    alignment: Alignment
    cover_first: float
    cover_second: float


def dupes(catalog: Catalog, terms: Terms = (), progress: Progress = no_progress) -> Duplicates:
    """The duplicates among the clips that the terms find; what `aligned` has not scored yet is scored first."""
    score(catalog, "aligned", progress)
    rows = sorted(list_clips(catalog, terms), key=_preference)
    place = {row.id: number for number, row in enumerate(rows)}
    settings = catalog.settings.dupes
    with catalog.reading() as connection:
        pairs = list(_pairs(connection, place, settings))
        byte_copies = _byte_copies(connection, rows)
    kept_by = _grouped([pair for pair in pairs if _is_copy(pair, settings)], len(rows))
    copies: dict[int, list[Match]] = {}
    parts = []
    for pair in pairs:
        match = _match(rows[pair.second], pair)
        if kept_by[pair.second] == pair.first:
            copies.setdefault(pair.first, []).append(match)
        elif kept_by[pair.first] == pair.first and kept_by[pair.second] == pair.second:
            parts.append(_part(rows, pair, settings))
    groups = [Group(rows[kept], tuple(found)) for kept, found in sorted(copies.items())]
    return Duplicates(tuple(groups), tuple(parts), byte_copies)


def _preference(row: ClipRow) -> tuple[Any, ...]:
    """What to keep comes first: untruncated, of the higher rate, longer, earlier."""
    return row.status == "truncated", -(row.sample_rate or 0), -(row.seconds or 0.0), row.id


def _pairs(connection: Connection, place: dict[int, int], settings: DupesSection) -> Iterator[_Pair]:
    """The pairs that match, those of the clips to keep first."""
    by = find_metric("aligned")
    metric_id = scores.metric_id(connection, by.name, by.version)
    found = scores.pairs_above(connection, metric_id, sorted(place), settings.score)
    ordered = sorted(tuple(sorted((place[one], place[other]))) for one, other in found)
    ids = list(place)
    wanted = sorted({number for pair in ordered for number in pair})
    kept = compared.read(connection, [ids[number] for number in wanted], by.keeps)
    words: dict[int, Words] = dict(zip(wanted, kept, strict=True))
    for first, second in ordered:
        one, other = words[first], words[second]
        alignment = _matching(one, other, settings)
        if alignment is not None:
            yield _Pair(
                first, second, alignment, alignment.overlap / one.size, alignment.overlap / other.size
            )


def copies_among(connection: Connection, clip_ids: Sequence[int], settings: DupesSection) -> set[int]:
    """Which of these clips are a copy of another of them, as far as `aligned` has scored them.

    Most alike pairs are looked at only until both are known to be copies: where all are, that is once a clip.
    """
    by = find_metric("aligned")
    metric_id = scores.metric_id(connection, by.name, by.version)
    close = scores.pairs_above(connection, metric_id, sorted(clip_ids), settings.score)
    wanted = sorted({clip_id for pair in close for clip_id in pair})
    words = dict(zip(wanted, compared.read(connection, wanted, by.keeps), strict=True))
    found: set[int] = set()
    for one, other in close:
        if not {one, other} <= found and is_copy(words[one], words[other], settings):
            found |= {one, other}
    return found


def is_copy(one: Words, other: Words, settings: DupesSection) -> bool:
    """Whether two fingerprints are of the same sound, each covering the other."""
    return lies_in(one, other, settings) and lies_in(other, one, settings)


def lies_in(part: Words, whole: Words, settings: DupesSection) -> bool:
    """Whether the sound of one fingerprint is all in another: as a copy, or as a part of it."""
    alignment = _matching(part, whole, settings)
    return alignment is not None and alignment.overlap >= settings.cover * part.size


def _matching(one: Words, other: Words, settings: DupesSection) -> Alignment | None:
    """How two fingerprints lie on each other, where that is a match."""
    alignment = align(one, other)
    matches = (
        alignment.score >= settings.score
        and alignment.overlap >= settings.words
        and standing_out(one, other) >= STANDS_OUT
    )
    return alignment if matches else None


def _is_copy(pair: _Pair, settings: DupesSection) -> bool:
    return min(pair.cover_first, pair.cover_second) >= settings.cover


def _grouped(copies: Sequence[_Pair], count: int) -> list[int]:
    """For each clip the one that is kept for it, itself where it is no copy of a kept one."""
    kept_by = list(range(count))
    for pair in copies:  # in order of the first, so that it is settled whether that one is kept
        if kept_by[pair.first] == pair.first and kept_by[pair.second] == pair.second:
            kept_by[pair.second] = pair.first
    return kept_by


def _match(row: ClipRow, pair: _Pair, *, mirrored: bool = False) -> Match:
    found = pair.alignment
    offset = -found.offset if mirrored else found.offset
    # a word looks at more than it advances
    seconds = FIRST_WORD_SECONDS + (found.overlap - 1) * WORD_SECONDS
    return Match(row, found.score, offset * WORD_SECONDS, seconds)


def _part(rows: Sequence[ClipRow], pair: _Pair, settings: DupesSection) -> Part:
    """The clip that the match covers more of lies in the other one."""
    is_contained = max(pair.cover_first, pair.cover_second) >= settings.cover
    if pair.cover_second >= pair.cover_first:
        return Part(rows[pair.first], _match(rows[pair.second], pair), is_contained)
    return Part(rows[pair.second], _match(rows[pair.first], pair, mirrored=True), is_contained)


def _byte_copies(connection: Connection, rows: Sequence[ClipRow]) -> tuple[ByteCopies, ...]:
    several = (
        select(location.c.recording_id)
        .where(location.c.recording_id.is_not(None), location.c.missing_since.is_(None))
        .group_by(location.c.recording_id)
        .having(func.count() > 1)
    )
    paths: dict[int, list[str]] = {}
    statement = (
        select(clip.c.id, location.c.path_text)
        .join(location, location.c.recording_id == clip.c.recording_id)
        .where(clip.c.recording_id.in_(several), location.c.missing_since.is_(None))
        .order_by(clip.c.id, location.c.path_text)
    )
    for row in connection.execute(statement):
        paths.setdefault(row.id, []).append(row.path_text)
    by_id = sorted(rows, key=lambda row: row.id)
    return tuple(ByteCopies(row, tuple(paths[row.id])) for row in by_id if row.id in paths)
