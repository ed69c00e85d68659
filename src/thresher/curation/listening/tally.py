"""Count what became of the clips of a queue, by checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from thresher.curation.listening.queue import ListenRow, Queue


@dataclass(frozen=True)
class CheckpointTally:
    """What became of the clips that one checkpoint has in a queue.

    `done` clips were heard, skipped or rejected since the queue was made; `rejected` and `kept` are among them.
    `rating` is the mean rating of the kept clips that have one, None without any.
    """

    run: str | None
    epoch: int | None
    step: int | None
    clips: int
    done: int
    kept: int
    rejected: int
    rating: float | None


def tally_listening(queue: Queue) -> tuple[CheckpointTally, ...]:
    """Count the clips of a queue by checkpoint, in the order in which the queue has them first."""
    rows: dict[tuple[str | None, int | None, int | None], list[ListenRow]] = {}
    for row in queue.clips:
        rows.setdefault((row.run, row.epoch, row.step), []).append(row)
    return tuple(_tally(*checkpoint, found) for checkpoint, found in rows.items())


def _tally(
    run: str | None, epoch: int | None, step: int | None, rows: Sequence[ListenRow]
) -> CheckpointTally:
    done = [row for row in rows if row.done]
    kept = [row for row in done if not row.rejected]
    ratings = [row.rating for row in kept if row.rating is not None]
    return CheckpointTally(
        run,
        epoch,
        step,
        clips=len(rows),
        done=len(done),
        kept=len(kept),
        rejected=len(done) - len(kept),
        rating=sum(ratings) / len(ratings) if ratings else None,
    )
