"""Decisions: rate, reject, tag, annotate and trust clips, undo, and the history.

Each request is one decision in the journal, as one command is.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from thresher.catalog.decisions.journal import Decision
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.clips import decisions as verbs
from thresher.curation.clips.decisions import DecisionOutcome
from thresher.curation.cutting.undo import undo as undo_decision
from thresher.curation.listening.heard import mark_heard
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import plain

router = APIRouter(prefix="/api", tags=["decisions"])

Ids = Annotated[
    list[Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]], Field(min_length=1, max_length=100_000)
]
Text = Annotated[str, Field(max_length=10_000)]


class ClipsDecided(BaseModel):
    """The clips that a decision is about."""

    clips: Ids


class Rating(ClipsDecided):
    """A rating from 1 to 5, or null to remove it."""

    rating: int | None = Field(ge=1, le=5)


class Rejection(ClipsDecided):
    """Whether the clips are rejected."""

    rejected: bool


class Tags(ClipsDecided):
    """Tags to add and to remove."""

    add: list[Text] = Field(default=[], max_length=100)
    remove: list[Text] = Field(default=[], max_length=100)


class Note(ClipsDecided):
    """The text of a note; empty to remove it."""

    text: Text


class Hearing(ClipsDecided):
    """Clips that were heard, and the rating or the rejection that they got meanwhile.

    `not_before` is a time in seconds since 1970, UTC: the start of the listening session.
    """

    rating: int | None = Field(None, ge=1, le=5)
    rejected: bool = False
    not_before: float = Field(0.0, ge=0, le=1e11)


class Undo(BaseModel):
    """The number of a decision to undo; null for the latest one, in a shared catalog that of this server's user."""

    decision: int | None = Field(None, ge=1, le=LARGEST_INTEGER)


class Outcome(BaseModel):
    """How many clips were found, and the number of the decision; null if nothing changed."""

    found: int
    decision: int | None
    summary: str | None


class Entry(BaseModel):
    """An entry of the journal. `made_at` is in seconds since 1970, UTC.

    `by` says who made the decision, such as `anna@studio`, null if that is unknown; `own` says whether it was the
    user of this server.
    """

    decision: int
    made_at: float
    verb: str
    summary: str
    undoes: int | None
    undone_by: int | None
    by: str | None
    own: bool
    clips: list[int]


class History(BaseModel):
    """Entries of the journal, the latest first."""

    entries: list[Entry]


@router.post("/rating")
def rate(room: InRoom, wanted: Rating) -> Outcome:
    """Rate clips."""
    return _outcome(verbs.rate(room.catalog, _terms(wanted), wanted.rating))


@router.post("/rejection")
def reject(room: InRoom, wanted: Rejection) -> Outcome:
    """Reject clips, or show them again."""
    verb = verbs.reject if wanted.rejected else verbs.unreject
    return _outcome(verb(room.catalog, _terms(wanted)))


@router.post("/tags")
def tag(room: InRoom, wanted: Tags) -> Outcome:
    """Add tags to clips, and remove tags."""
    return _outcome(verbs.tag(room.catalog, _terms(wanted), add=wanted.add, remove=wanted.remove))


@router.post("/note")
def note(room: InRoom, wanted: Note) -> Outcome:
    """Write a note on clips."""
    return _outcome(verbs.note(room.catalog, _terms(wanted), wanted.text))


@router.post("/trust")
def trust(room: InRoom, wanted: ClipsDecided) -> Outcome:
    """Clear the suspect flag of clips."""
    return _outcome(verbs.trust(room.catalog, _terms(wanted)))


@router.post("/heard")
def heard(room: InRoom, wanted: Hearing) -> Outcome:
    """Mark clips as heard, and rate or reject them in the same decision."""
    decision = mark_heard(
        room.catalog,
        wanted.clips,
        rating=wanted.rating,
        reject=wanted.rejected,
        not_before=wanted.not_before,
    )
    return _outcome(DecisionOutcome(len(wanted.clips), decision))


@router.post("/undo")
def undo(room: InRoom, wanted: Undo) -> Entry:
    """Undo a decision. To redo, undo the undo."""
    return _entry(undo_decision(room.catalog, wanted.decision))


@router.get("/history")
def history(room: InRoom, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> History:
    """Return the latest entries of the journal."""
    return History(entries=[_entry(each) for each in verbs.history(room.catalog, limit)])


def _terms(wanted: ClipsDecided) -> list[str]:
    return [str(clip_id) for clip_id in wanted.clips]


def _outcome(done: DecisionOutcome) -> Outcome:
    decision = done.decision
    return Outcome(
        found=done.found,
        decision=None if decision is None else decision.id,
        summary=None if decision is None else plain(decision.summary),
    )


def _entry(decision: Decision) -> Entry:
    clips: list[Any] = [change.id for change in decision.changes if change.entity == "clip"]
    return Entry(
        decision=decision.id,
        made_at=decision.made_at,
        verb=decision.verb,
        summary=plain(decision.summary),
        undoes=decision.undoes,
        undone_by=decision.undone_by,
        by=decision.by,
        own=decision.own,
        clips=list(dict.fromkeys(clips)),
    )
