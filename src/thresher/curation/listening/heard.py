"""Mark clips as heard. This is a decision, so `undo` reverts it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.recordings.clip_rows import known_clips
from thresher.curation.clips.decisions import RATINGS
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import counted


def mark_heard(
    catalog: Catalog,
    clip_ids: Sequence[int],
    *,
    verb: str = "listen",
    rating: int | None = None,
    reject: bool = False,
    not_before: float = 0.0,
) -> Decision | None:
    """Mark clips as heard now, with the rating or rejection they got, in one decision.

    A rating also undoes a rejection, because a rated clip is meant to be kept. The time is at least
    `not_before` (seconds since 1970), in case the clock was set back. Returns None if nothing changed. A role that
    may only read marks nothing, and can't judge. Raises NotFoundError if none of the clips is in the catalog.
    """
    if rating is not None and (rating not in RATINGS or reject):
        raise UsageError(f"invalid rating {rating} (expected 1 to 5, without a rejection)")
    judged = {} if rating is None else {"rating": rating, "rejected": False}
    judged |= {"rejected": True} if reject else {}

    def mark(connection: Connection) -> Decision | None:
        known = sorted(known_clips(connection, clip_ids))
        if not known:
            raise NotFoundError("the clip is no longer in the catalog; `thresher list` shows all clips")
        values = {"heard_at": max(time.time(), not_before), **judged}
        assignments = (
            Assignment("clip", clip_id, name, value) for clip_id in known for name, value in values.items()
        )
        summary = _summary(verb, known, rating, reject=reject)
        return decide(connection, verb, summary, assignments)

    return catalog.write(mark) if judged else catalog.note(mark)


def _summary(verb: str, known: Sequence[int], rating: int | None, *, reject: bool) -> str:
    judgement = " reject" if reject else "" if rating is None else f" rate {rating}"
    which = str(known[0]) if len(known) == 1 else counted(len(known), "clip")
    return f"{verb}{judgement}: {which}"
