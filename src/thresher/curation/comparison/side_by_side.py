"""Pairs of clips to compare side by side: duplicates, and suspects with the rejected clips that they resemble.

Offsets and lengths are seconds, scores are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.text import Terms
from thresher.catalog.scores import features, suspicion
from thresher.catalog.scores.suspicion import COPY_METRIC, Suspicion
from thresher.curation.clips.selection import select_ids
from thresher.curation.comparison.duplicates import Match, dupes
from thresher.progress import Progress, no_progress
from thresher.signal.metrics.metric import Words

PairKind = Literal["copy", "contained", "shared", "suspect"]


@dataclass(frozen=True)
class ClipPair:
    """Two clips with the same or a similar sound.

    "copy": `second` is a copy of `first`, the clip to keep. "contained": all of `second` is in `first`. "shared":
    both have a passage in common. "suspect": `first` resembles `second`, which was rejected. `offset` is the time
    in `first` at which `second` begins, None if they are only similar; `seconds` is the length that they share,
    None if it is not known. `judged`: their pitch was compared.
    """

    first: int
    second: int
    kind: PairKind
    score: float
    offset: float | None
    seconds: float | None
    judged: bool


def clip_pairs(catalog: Catalog, terms: Terms = (), progress: Progress = no_progress) -> list[ClipPair]:
    """Return the duplicates among the clips that match a query, then the suspects among them.

    The pairs of one clip to keep follow each other. Clips without scores by `aligned` are scored first. A suspect
    is paired with the rejected clip that it resembles most.
    """
    found = dupes(catalog, terms, progress)
    pairs = [_matched(group.kept.id, match, "copy") for group in found.groups for match in group.copies]
    for part in found.parts:
        kind: PairKind = "contained" if part.is_contained else "shared"
        pairs.append(_matched(part.whole.id, part.part, kind))
    with catalog.reading() as connection:
        ids = set(select_ids(catalog, connection, terms))
        suspects = [each for each in select_ids(catalog, connection, "suspect:yes") if each in ids]
        resembled = _resembled(connection, suspects)
    return [*pairs, *map(_suspected, resembled)]


def _matched(first: int, match: Match, kind: PairKind) -> ClipPair:
    return ClipPair(first, match.clip.id, kind, match.score, match.offset, match.seconds, match.judged)


@dataclass(frozen=True, eq=False)
class _Resembled:
    """A suspect and the rejected clip that it resembles most; the fingerprints of both if it is a copy."""

    clip: int
    most: Suspicion
    words: tuple[Words, ...]


def _resembled(connection: Connection, suspects: Sequence[int]) -> list[_Resembled]:
    found = []
    for clip_id in suspects:
        resembled = suspicion.read(connection, clip_id)
        if resembled:
            most = resembled[0]
            both = [clip_id, most.other_id] if most.metric == COPY_METRIC else []
            found.append(_Resembled(clip_id, most, tuple(features.read(connection, both, "fingerprint"))))
    return found


def _suspected(resembled: _Resembled) -> ClipPair:
    from thresher.signal.metrics.aligned import align

    most, offset, seconds = resembled.most, None, None
    if resembled.words:
        found = align(*resembled.words)
        offset, seconds = found.offset_seconds, found.overlap_seconds
    return ClipPair(resembled.clip, most.other_id, "suspect", most.score, offset, seconds, judged=True)
