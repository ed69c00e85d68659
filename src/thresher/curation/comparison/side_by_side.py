"""Pairs of clips to compare side by side: duplicates, and suspects with the rejected clips that they resemble.

Offsets and lengths are seconds, scores are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.text import Terms
from thresher.catalog.scores import features, suspicion
from thresher.catalog.scores.suspicion import COPY_METRIC
from thresher.curation.clips.selection import select_ids
from thresher.curation.comparison.duplicates import Match, dupes
from thresher.progress import Progress, no_progress

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
        pairs.extend(_suspects(connection, suspects))
    return pairs


def _matched(first: int, match: Match, kind: PairKind) -> ClipPair:
    return ClipPair(first, match.clip.id, kind, match.score, match.offset, match.seconds, match.judged)


def _suspects(connection: Connection, suspects: list[int]) -> Iterator[ClipPair]:
    from thresher.signal.metrics.aligned import align

    for clip_id in suspects:
        resembled = suspicion.read(connection, clip_id)
        if not resembled:
            continue
        best = resembled[0]
        offset = seconds = None
        if best.metric == COPY_METRIC:
            own, other = features.read(connection, [clip_id, best.other_id], "fingerprint")
            found = align(own, other)
            offset, seconds = found.offset_seconds, found.overlap_seconds
        yield ClipPair(clip_id, best.other_id, "suspect", best.score, offset, seconds, judged=True)
