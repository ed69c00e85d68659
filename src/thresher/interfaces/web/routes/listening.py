"""Listening sessions: the queue of `thresher listen`, which any page and any terminal continues."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from thresher.curation.listening.queue import (
    MINUTES,
    MOST_MINUTES,
    Queue,
    finish_listening,
    latest_listening,
    plan_listening,
    skip,
)
from thresher.curation.listening.tally import tally_listening
from thresher.errors import NotFoundError
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import plain
from thresher.interfaces.web.routes.clips import ClipId
from thresher.interfaces.web.routes.decisions import Outcome

router = APIRouter(prefix="/api/listening", tags=["listening"])


class Plan(BaseModel):
    """What a new session chooses from, and how long it is."""

    query: Annotated[str, Field(max_length=20_000)] = ""
    minutes: Annotated[float, Field(gt=0, le=MOST_MINUTES, allow_inf_nan=False)] = MINUTES


class Skipped(BaseModel):
    """A clip that the session leaves out."""

    clip: ClipId


class SessionClip(BaseModel):
    """A clip of a session. `why` says why it was chosen; `done`: it was heard, skipped or rejected."""

    id: int
    done: bool
    missing: bool
    seconds: float
    why: str
    distance: float | None


class Session(BaseModel):
    """The session that was made last. `left` and `left_seconds` are what is not done.

    `unheard` and `radius` are set for a new session only: how many unheard clips did not fit, and the distance
    within which each of them has a clip that is heard or in the session.
    """

    id: int | None
    query: str
    minutes: float
    started_at: float
    clips: list[SessionClip]
    left: int
    left_seconds: float
    checkpoints: list[dict[str, Any]]
    unheard: int | None = None
    radius: float | None = None


class Found(BaseModel):
    """The session; null if there was none yet."""

    session: Session | None


@router.get("")
def current(room: InRoom) -> Found:
    """Return the session that was made last, also if it is finished."""
    queue = latest_listening(room.catalog)
    return Found(session=None if queue is None else _session(queue))


@router.post("")
def begin(room: InRoom, wanted: Plan) -> Found:
    """Make a new session, which replaces the present one."""
    return Found(session=_session(plan_listening(room.catalog, wanted.query, wanted.minutes)))


@router.post("/skip")
def leave_out(room: InRoom, wanted: Skipped) -> Found:
    """Leave a clip of the session out, without marking it as heard."""
    queue = latest_listening(room.catalog)
    if queue is None or all(row.id != wanted.clip for row in queue.clips):
        raise NotFoundError(f"clip {wanted.clip} is not in the current session")
    skip(room.catalog, queue, wanted.clip)
    return current(room)


@router.post("/finish")
def finish(room: InRoom) -> Outcome:
    """Mark the rest of the session as heard, in one decision."""
    queue = latest_listening(room.catalog)
    made = finish_listening(room.catalog)
    found = 0 if queue is None else len(queue.left)
    return Outcome(found=found, decision=made.id, summary=plain(made.summary))


def _session(queue: Queue) -> Session:
    shown = [
        SessionClip(**{name: plain(getattr(row, name)) for name in SessionClip.model_fields})
        for row in queue.clips
    ]
    reach = queue.reach
    return Session(
        id=queue.id,
        query=plain(queue.query),
        minutes=queue.minutes,
        started_at=queue.started_at,
        clips=shown,
        left=len(queue.left),
        left_seconds=sum(row.seconds for row in queue.left),
        checkpoints=plain(tally_listening(queue)),
        unheard=None if reach is None else reach.left_out,
        radius=None if reach is None else plain(reach.radius),
    )
