"""Choose which clips to put in a listening queue.

Distances are 1 - likeness, computed from descriptors. Lengths are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings.clip_source import IS_HEARD, SECONDS

if TYPE_CHECKING:
    from thresher.curation.comparison.distances import ClipDistances

LONGEST_SHARE = 0.25
"""Clips longer than this share of the queue are chosen last, because each displaces many shorter ones."""


@dataclass(frozen=True)
class QueueReach:
    """What a new queue leaves out.

    `left_out` counts the unheard clips that did not fit. `radius` is the largest distance from one of them to the
    nearest clip that is heard or in the queue, None if unknown. `without_descriptor` counts the unheard clips that
    have no descriptor.
    """

    left_out: int
    radius: float | None
    without_descriptor: int


@dataclass(frozen=True)
class QueueCandidates:
    """The clips that a queue may hold, and what the choice among them depends on.

    They are read in a transaction. The choice compares all of them, and is made outside of transactions.

    `ids` are in ascending order, `facts` are rows with the length and the checkpoint of each. `heard` are the
    clips of the catalog that were heard, the longest ago first, and `familiar` their checkpoints. `distances` are
    those of the unheard candidates, `to_heard` those of the heard clips.
    """

    ids: Sequence[int]
    facts: Mapping[int, Any]
    heard: Sequence[int]
    familiar: Set[int | None]
    unheard: Sequence[int]
    distances: ClipDistances
    to_heard: ClipDistances


def read_candidates(connection: Connection, ids: Sequence[int]) -> QueueCandidates:
    """Read what the choice among clips, in ascending order of ids, depends on."""
    from thresher.curation.comparison.distances import ClipDistances

    heard = heard_clips(connection)
    known = set(heard)
    unheard = [clip_id for clip_id in ids if clip_id not in known]
    return QueueCandidates(
        ids,
        _facts(connection, ids),
        heard,
        checkpoints_of(connection, heard),
        unheard,
        ClipDistances.read(connection, unheard),
        ClipDistances.read(connection, heard),
    )


def choose(candidates: QueueCandidates, seconds: float) -> tuple[list[int], QueueReach]:
    """Choose what to hear in `seconds`, and say what is left out."""
    import numpy as np

    from thresher.signal.statistics.farthest_first import cover

    facts, unheard, distances = candidates.facts, candidates.unheard, candidates.distances
    # checkpoint ids start at 1; clips without a checkpoint form a group of their own
    groups = np.array([facts[clip_id].checkpoint_id or 0 for clip_id in unheard], np.int64)
    lengths = np.array([facts[clip_id].seconds for clip_id in unheard], np.float64)
    covered = cover(
        distances.column,
        distances.to_nearest(candidates.to_heard),
        groups,
        lengths,
        seconds,
        longest=LONGEST_SHARE * seconds,
        familiar={number or 0 for number in candidates.familiar},
    )
    chosen = [unheard[choice.item] for choice in covered.choices]
    left_out = len(unheard) - len(chosen)
    described = len(distances.described)
    radius = covered.radius if left_out and described and np.isfinite(covered.radius) else None
    allowed = set(candidates.ids)
    left = seconds - sum(facts[clip_id].seconds for clip_id in chosen)
    for clip_id in (clip_id for clip_id in candidates.heard if clip_id in allowed):
        if facts[clip_id].seconds <= left or not chosen:
            chosen.append(clip_id)
            left -= facts[clip_id].seconds
    return chosen, QueueReach(left_out, radius, len(unheard) - described)


def heard_clips(connection: Connection, before: float | None = None) -> list[int]:
    """Return the clips that were heard, the longest ago first; with `before`, only those heard before that time.

    Wholes that were split since are among them, because their sound was heard; removed clips are not. Clips that
    were only rated come first, because the time at which they were heard is unknown.
    """
    statement = select(clip.c.id).where(IS_HEARD, ~clip.c.removed)
    if before is not None:
        statement = statement.where(clip.c.heard_at.is_(None) | (clip.c.heard_at < before))
    return list(connection.scalars(statement.order_by(clip.c.heard_at.nulls_first(), clip.c.id)))


def checkpoints_of(connection: Connection, ids: Sequence[int]) -> set[int | None]:
    """Return the ids of the checkpoints of clips; None stands for clips without a checkpoint."""
    return {row.checkpoint_id for row in _facts(connection, ids).values()}


def _facts(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    """Read the length and the checkpoint of clips."""
    found: dict[int, Any] = {}
    for chunk in chunks(list(ids)):
        rows = connection.execute(
            select(clip.c.id, SECONDS.label("seconds"), recording.c.checkpoint_id)
            .select_from(clip.join(recording, recording.c.id == clip.c.recording_id))
            .where(clip.c.id.in_(chunk))
        )
        found.update((row.id, row) for row in rows)
    return found
