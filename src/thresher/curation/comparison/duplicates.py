"""Duplicates: clips that hold the same sound, found by the metric `aligned`.

Two clips *match* if their best alignment scores at least `[dupes] score` over at least `[dupes] words` words
and stands out from the scores of other offsets; unrelated noises score fairly high at every offset. Their pitch and
the movement of their loudness have to agree, too, because fingerprints leave these out
(`signal/metrics/agreement.py`). Clips that an earlier version analysed have no profile. Then the fingerprints alone
decide, and the match says that the pitch was not judged.

A match that covers at least the share `[dupes] cover` of both clips is a *copy*. If it covers that share of one
clip only, the other clip *contains* that one. If it covers that share of neither, the two clips *share* a passage.

A group is one clip to keep and the copies of that clip. Copies of copies are not added: there are no chains.

Clips of one recording are not compared with each other: a part or a mark lies in its whole, and marks overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, select

from thresher.catalog.audio.decoder_names import LOSSLESS
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, location, nearest, recording
from thresher.catalog.queries.text import Terms
from thresher.catalog.scores import features, score_reads, scores
from thresher.catalog.settings.sections import DupesSection
from thresher.curation.clips.listing import ClipRow, list_clips, rows_of
from thresher.curation.comparison.score import score
from thresher.progress import Progress, no_progress
from thresher.signal.metrics.agreement import Profiled, agree
from thresher.signal.metrics.aligned import Alignment, align, standing_out
from thresher.signal.metrics.metric import Words
from thresher.signal.metrics.registry import find_metric

STANDS_OUT = 0.5
"""The least `standing_out` of a match. Copies of any quality reach it, loops and drones included. Two white
noises do not at any offset, although their words differ in only 15 % of the bits."""


@dataclass(frozen=True)
class Match:
    """A clip that matches another clip.

    `offset` is the time, in seconds, at which this clip begins in the other one. `seconds` is the length of the
    sound that both share. `score` is that of the best alignment, in [0, 1]. `judged` says whether the pitch of
    both was compared; if not, the fingerprints alone match.
    """

    clip: ClipRow
    score: float
    offset: float
    seconds: float
    judged: bool = True


@dataclass(frozen=True)
class Copy:
    """A clip and another clip with the same sound; `is_kept` says that the first is the one to keep."""

    clip: int
    of: int
    is_kept: bool


@dataclass(frozen=True)
class Group:
    """A clip to keep, and the clips that are copies of it."""

    kept: ClipRow
    copies: tuple[Match, ...]


@dataclass(frozen=True)
class SharedPart:
    """A clip, `part`, of which all (`is_contained`) or a passage is also in another clip, `whole`."""

    whole: ClipRow
    part: Match
    is_contained: bool


@dataclass(frozen=True)
class ByteCopies:
    """A clip whose recording is at several paths; of the clips of one recording, the first one.

    The files are equal byte for byte, or hold the same audio with other tags or in another lossless encoding.
    """

    clip: ClipRow
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Duplicates:
    """The duplicates among some clips."""

    groups: tuple[Group, ...]
    parts: tuple[SharedPart, ...]
    byte_copies: tuple[ByteCopies, ...]

    @property
    def not_judged(self) -> int:
        """The number of matches whose pitch was not compared."""
        matches = [match for group in self.groups for match in group.copies] + [
            part.part for part in self.parts
        ]
        return sum(not match.judged for match in matches)

    @property
    def others(self) -> list[int]:
        """Ids of the copies, ascending. Rejecting them loses no sound."""
        return sorted(match.clip.id for group in self.groups for match in group.copies)


@dataclass(frozen=True, eq=False)
class Sound:
    """The fingerprint of a clip, uint32, shape (words,), and its profile; None if it has none."""

    words: Words
    profiled: Profiled | None = None

    def content(self) -> tuple[Any, ...]:
        """Return what comparisons depend on, as values that can be keys of a dictionary."""
        found = self.profiled
        if found is None:
            return (self.words.tobytes(),)
        return self.words.tobytes(), found.profile.tobytes(), found.frames, found.sr


Comparisons: TypeAlias = dict[tuple[Any, Any], bool]
"""Whether a sound lies in another one, by the contents of both: a clip that changes is compared again."""


@dataclass(frozen=True)
class Matching:
    """The best alignment of two sounds that match, and whether their pitch was compared."""

    alignment: Alignment
    judged: bool


def read_sounds(connection: Connection, clip_ids: Sequence[int]) -> dict[int, Sound]:
    """Return the fingerprints and profiles of clips that have a fingerprint, by id."""
    words = features.read(connection, clip_ids, "fingerprint")
    profiled = features.read_profiled(connection, clip_ids)
    return {
        clip_id: Sound(found, profiled.get(clip_id)) for clip_id, found in zip(clip_ids, words, strict=True)
    }


@dataclass(frozen=True)
class _Pair:
    """Two clips that match, as indices into the clips sorted by `_preferences`; `first` is the one to keep.

    `cover_first` and `cover_second` are the shares of the two clips that the alignment covers.
    """

    first: int
    second: int
    alignment: Alignment
    judged: bool
    cover_first: float
    cover_second: float


def dupes(catalog: Catalog, terms: Terms = (), progress: Progress = no_progress) -> Duplicates:
    """Find the duplicates among the clips that match a query.

    Clips without scores by `aligned` are scored first.
    """
    score(catalog, "aligned", progress)
    listed = list_clips(catalog, terms)
    with catalog.reading() as connection:
        preference = _preferences(connection, listed)
    rows = sorted(listed, key=lambda row: preference[row.id])
    index_of = {row.id: index for index, row in enumerate(rows)}
    settings = catalog.settings.dupes
    with catalog.reading() as connection:
        close = _close_pairs(connection, index_of, settings)
        byte_copies = _byte_copies(connection, rows)
    # no transaction is open while sounds are aligned: it would keep other programs from writing
    pairs = list(_pairs(close, settings))
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


def _preferences(connection: Connection, rows: Sequence[ClipRow]) -> dict[int, tuple[Any, ...]]:
    """Return the sort keys of clips, by their ids. First is the clip to keep.

    It is complete, lossless, has the higher sample rate, is longer, came earlier. The rate of a lossy copy says
    little: an Opus file always has 48 kHz.
    """
    lossless: set[int] = set()
    for chunk in chunks(sorted({row.recording for row in rows})):
        subtypes = select(recording.c.id, recording.c.subtype).where(recording.c.id.in_(chunk))
        lossless |= {
            found.id for found in connection.execute(subtypes) if (found.subtype or "").startswith(LOSSLESS)
        }
    return {
        row.id: (
            row.status == "truncated",
            row.recording not in lossless,
            -(row.sample_rate or 0),
            -(row.seconds or 0.0),
            row.id,
        )
        for row in rows
    }


@dataclass(frozen=True)
class _ClosePairs:
    """The pairs of clips whose scores are high enough, as indices, and the sounds of these clips, by index."""

    pairs: Sequence[tuple[int, int]]
    sounds: Mapping[int, Sound]


def _close_pairs(connection: Connection, index_of: Mapping[int, int], settings: DupesSection) -> _ClosePairs:
    """Read the pairs that may match, sorted by the index of the clip to keep."""
    by = find_metric("aligned")
    metric_id = scores.metric_id(connection, by.name, by.version)
    close = score_reads.pairs_above(connection, metric_id, sorted(index_of), settings.score)
    places = [(index_of[one], index_of[other]) for one, other in close]
    sounds = read_sounds(connection, sorted({clip_id for pair in close for clip_id in pair}))
    return _ClosePairs(
        sorted((min(pair), max(pair)) for pair in places),
        {index_of[clip_id]: sound for clip_id, sound in sounds.items()},
    )


def _pairs(close: _ClosePairs, settings: DupesSection) -> Iterator[_Pair]:
    """Yield the pairs that match, in the order of the close ones."""
    for first, second in close.pairs:
        one, other = close.sounds[first], close.sounds[second]
        found = matching(one, other, settings)
        if found is not None:
            overlap = found.alignment.overlap
            covers = overlap / one.words.size, overlap / other.words.size
            yield _Pair(first, second, found.alignment, found.judged, *covers)


def copies_among(close: CloseClips, settings: DupesSection) -> set[int]:
    """Return which of the clips are a copy of another of them.

    A pair is aligned only while one of its clips is not known to be a copy. So a collapsed checkpoint, all of
    whose clips are copies, costs about one alignment per clip.
    """
    found: set[int] = set()
    for one, others in close.others.items():
        for other in others:
            is_new = one < other and not {one, other} <= found
            if is_new and _are_copies(close.sounds[one], close.sounds[other], settings):
                found |= {one, other}
    return found


def copies_of(catalog: Catalog, clip_ids: Sequence[int]) -> list[Copy]:
    """Return those of these clips that are a copy of the clip nearest to them by `aligned`, or have one there.

    Scores are read, not computed: clips that `aligned` has not scored are left out.
    """
    by = find_metric("aligned")
    close: dict[int, int] = {}
    with catalog.reading() as connection:
        metric_id = scores.metric_id(connection, by.name, by.version)
        for chunk in chunks(list(dict.fromkeys(clip_ids))):
            statement = (
                select(nearest.c.clip_id, nearest.c.other_id)
                .where(
                    nearest.c.metric_id == metric_id,
                    nearest.c.score >= catalog.settings.dupes.score,
                    nearest.c.clip_id.in_(chunk),
                )
                .order_by(nearest.c.clip_id)
            )
            close.update((row.clip_id, row.other_id) for row in connection.execute(statement))
        sounds = read_sounds(connection, sorted({*close, *close.values()}))
    rows = rows_of(catalog, sorted(sounds))
    with catalog.reading() as connection:
        order = _preferences(connection, rows)
    return [
        Copy(one, other, is_kept=order[one] < order[other])
        for one, other in close.items()
        if {one, other} <= order.keys() and _are_copies(sounds[one], sounds[other], catalog.settings.dupes)
    ]


@dataclass(frozen=True, eq=False)
class CloseClips:
    """The clips whose score with each clip is high enough for a copy, by id, and the sounds of all of them."""

    others: Mapping[int, Sequence[int]]
    sounds: Mapping[int, Sound]


def read_close_clips(connection: Connection, clip_ids: Sequence[int], settings: DupesSection) -> CloseClips:
    """Read what comparing clips needs to know of them. Clips that `aligned` has not scored are left out."""
    by = find_metric("aligned")
    metric_id = scores.metric_id(connection, by.name, by.version)
    close: dict[int, list[int]] = {}
    for one, other in score_reads.pairs_above(connection, metric_id, sorted(clip_ids), settings.score):
        close.setdefault(one, []).append(other)
        close.setdefault(other, []).append(one)
    return CloseClips(close, read_sounds(connection, sorted(close)))


def without_copies(
    clip_ids: Sequence[int], close: CloseClips, settings: DupesSection, known: Comparisons | None = None
) -> list[int]:
    """Return the clips, in their order of preference, that are not a copy or part of one before them.

    Comparisons that are in `known` are not made again; those that are made are added to it.
    """
    known = {} if known is None else known

    def is_known_to_lie_in(part: Sound, whole: Sound) -> bool:
        key = part.content(), whole.content()
        if key not in known:
            known[key] = lies_in(part, whole, settings)
        return known[key]

    kept: dict[int, None] = {}
    for clip_id in clip_ids:
        others = [other for other in close.others.get(clip_id, ()) if other in kept]
        if not any(is_known_to_lie_in(close.sounds[clip_id], close.sounds[other]) for other in others):
            kept[clip_id] = None
    return list(kept)


def _are_copies(one: Sound, other: Sound, settings: DupesSection) -> bool:
    """Return whether two sounds match and each covers the other."""
    return lies_in(one, other, settings) and lies_in(other, one, settings)


def lies_in(part: Sound, whole: Sound, settings: DupesSection) -> bool:
    """Return whether one sound matches another that covers it: as a copy or as a part."""
    found = matching(part, whole, settings)
    return found is not None and found.alignment.overlap >= settings.cover * part.words.size


def matching(one: Sound, other: Sound, settings: DupesSection) -> Matching | None:
    """Return the best alignment of two sounds if they match, else None."""
    alignment = align(one.words, other.words)
    matches = (
        alignment.score >= settings.score
        and alignment.overlap >= settings.words
        and standing_out(one.words, other.words) >= STANDS_OUT
    )
    if not matches:
        return None
    agrees = None
    if one.profiled is not None and other.profiled is not None:
        whole = alignment.overlap >= settings.cover * max(one.words.size, other.words.size)
        offset, overlap = alignment.offset_seconds, alignment.overlap_seconds
        agrees = agree(one.profiled, other.profiled, offset, overlap, whole=whole)
    return None if agrees is False else Matching(alignment, agrees is not None)


def _is_copy(pair: _Pair, settings: DupesSection) -> bool:
    return min(pair.cover_first, pair.cover_second) >= settings.cover


def _grouped(copies: Sequence[_Pair], count: int) -> list[int]:
    """Return for each of `count` clips the index of the clip kept in its place: its own if it is not a copy."""
    kept_by = list(range(count))
    for pair in copies:  # sorted by `first`, so it is already decided whether `first` is kept
        if kept_by[pair.first] == pair.first and kept_by[pair.second] == pair.second:
            kept_by[pair.second] = pair.first
    return kept_by


def _match(row: ClipRow, pair: _Pair, *, mirrored: bool = False) -> Match:
    found = pair.alignment
    if mirrored:
        found = replace(found, offset=-found.offset)
    return Match(row, found.score, found.offset_seconds, found.overlap_seconds, pair.judged)


def _part(rows: Sequence[ClipRow], pair: _Pair, settings: DupesSection) -> SharedPart:
    """Return a matching pair as a part: the part is the clip of which the match covers the larger share."""
    is_contained = max(pair.cover_first, pair.cover_second) >= settings.cover
    if pair.cover_second >= pair.cover_first:
        return SharedPart(rows[pair.first], _match(rows[pair.second], pair), is_contained)
    return SharedPart(rows[pair.second], _match(rows[pair.first], pair, mirrored=True), is_contained)


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
    first: dict[int, ClipRow] = {}
    for each in sorted(rows, key=lambda row: row.id):
        if each.id in paths:
            first.setdefault(each.recording, each)
    return tuple(ByteCopies(row, tuple(paths[row.id])) for row in first.values())
