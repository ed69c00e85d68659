"""Choose which clips of a checkpoint to hear first: the best ones and the oddest ones.

The best are the clips rated 3 or more, the highest rating first, then the unrated clips, then those rated 1 or
2. Among equals, clips that are not suspect come first, then the most *typical* ones: those whose mean likeness
to the checkpoint's other clips is highest. Without ratings, the first clip is therefore the medoid. The oddest
are the clips whose best likeness to any other clip of the catalog is lowest, among the clips that are not shown
as best.

Likeness is a score in [0, 1]. If clips have no `likeness` scores, unrated clips are ordered by id, and no clip
is odd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import nearest
from thresher.catalog.scores import score_reads, scores
from thresher.signal.metrics.likeness import LIKENESS

WORTH_HEARING = 3
"""The lowest rating that places a clip before unrated clips."""

MOST_COMPARED = 2_000
"""The most clips of one checkpoint that are compared with each other, because n clips take n² scores. Of more
clips, an evenly spaced sample is taken."""

Reason = Literal["rated", "typical", "first", "odd"]


@dataclass(frozen=True)
class JudgedClip:
    """A clip and the judgements that the choice depends on."""

    id: int
    rating: int | None = None
    suspect: bool = False


@dataclass(frozen=True)
class Pick:
    """A chosen clip and the reason. `value` is its rating, its mean likeness to the checkpoint's other clips,
    or its best likeness to any clip of the catalog, depending on the reason."""

    clip: int
    reason: Reason
    value: float | None


@dataclass(frozen=True)
class Picks:
    """The best and the oddest clips of a checkpoint."""

    best: tuple[Pick, ...]
    oddest: tuple[Pick, ...]


def pick(connection: Connection, clips: Sequence[JudgedClip], best: int, oddest: int) -> Picks:
    """Choose up to `best` best clips and up to `oddest` oddest clips of one checkpoint."""
    by = scores.metric_id(connection, LIKENESS.name, LIKENESS.version)
    typicality = mean_likeness(connection, by, evenly_spaced([clip.id for clip in clips], MOST_COMPARED))
    ordered = sorted(clips, key=lambda clip: _preference(clip, typicality))
    chosen = tuple(_best(clip, typicality) for clip in ordered[:best])
    shown = {each.clip for each in chosen}
    alone = best_likeness(connection, by, [clip.id for clip in clips if clip.id not in shown])
    odd = sorted(alone.items(), key=lambda pair: (pair[1], pair[0]))[:oddest]
    return Picks(chosen, tuple(Pick(clip_id, "odd", score) for clip_id, score in odd))


def mean_likeness(connection: Connection, by: int, clip_ids: Sequence[int]) -> dict[int, float]:
    """Return the mean score of each clip against those of other recordings; clips without a score are left out."""
    if len(clip_ids) < 2:
        return {}
    matrix = score_reads.between_recordings(connection, by, clip_ids).astype(np.float64)
    counts = np.isfinite(matrix).sum(axis=1)
    sums = np.nansum(matrix, axis=1)
    return {
        clip_id: float(total / count)
        for clip_id, total, count in zip(clip_ids, sums, counts, strict=True)
        if count
    }


def best_likeness(connection: Connection, by: int, clip_ids: Sequence[int]) -> dict[int, float]:
    """Return the highest score of each clip against any other clip of the catalog."""
    found: dict[int, float] = {}
    for chunk in chunks(list(clip_ids)):
        statement = select(nearest.c.clip_id, nearest.c.score).where(
            nearest.c.metric_id == by, nearest.c.clip_id.in_(chunk)
        )
        found.update((row.clip_id, row.score) for row in connection.execute(statement))
    return found


def evenly_spaced(clip_ids: Sequence[int], most: int) -> list[int]:
    """Return at most `most` of the ids, evenly spaced, with the first and the last one."""
    indices = np.linspace(0, len(clip_ids) - 1, min(len(clip_ids), most)).astype(int)
    return [clip_ids[index] for index in indices.tolist()]


def _preference(clip: JudgedClip, typicality: Mapping[int, float]) -> tuple[float, ...]:
    rating = WORTH_HEARING - 0.5 if clip.rating is None else clip.rating
    return -rating, clip.suspect, -typicality.get(clip.id, 0.0), clip.id


def _best(clip: JudgedClip, typicality: Mapping[int, float]) -> Pick:
    if clip.rating is not None:
        return Pick(clip.id, "rated", clip.rating)
    value = typicality.get(clip.id)
    return Pick(clip.id, "first" if value is None else "typical", value)
