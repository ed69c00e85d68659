"""Cutting: make a clip of a region, and split recordings at their silences. Each request is one decision."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from thresher.curation.cutting.marks import mark
from thresher.curation.cutting.split import split
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import plain
from thresher.interfaces.web.routes.decisions import ClipsDecided, Ids, Text

router = APIRouter(prefix="/api", tags=["cutting"])

LONGEST = 1_000_000.0
Seconds = Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False)]


class Region(ClipsDecided):
    """A region of one clip, in seconds from its start, and the name that its mark gets."""

    clips: Annotated[Ids, Field(max_length=1)]
    start: Seconds
    end: Seconds
    name: Text | None = None


class Cut(BaseModel):
    """The clips that a cut made or brought back, and the number of the decision; null if nothing changed.

    `reasons` say why recordings were left as they are.
    """

    found: int
    decision: int | None
    summary: str | None
    clips: list[int]
    reasons: list[str]


@router.post("/marks")
def make_mark(room: InRoom, wanted: Region) -> Cut:
    """Make a clip of a region of a clip."""
    made = mark(room.catalog, str(wanted.clips[0]), wanted.start, wanted.end, name=wanted.name)
    clips = [each.clip for each in made.marks if each.clip is not None]
    decision = made.decision
    return Cut(
        found=1,
        decision=None if decision is None else decision.id,
        summary=None if decision is None else plain(decision.summary),
        clips=clips,
        reasons=[plain(each.reason) for each in made.marks if each.reason],
    )


@router.post("/splits")
def make_split(room: InRoom, wanted: ClipsDecided) -> Cut:
    """Split the recordings of clips at their silences, as `thresher split` does."""
    made = split(room.catalog, [str(clip_id) for clip_id in wanted.clips], executor="serial")
    decision = made.decision
    left = [*made.unchanged, *made.failures]
    return Cut(
        found=len(wanted.clips),
        decision=None if decision is None else decision.id,
        summary=None if decision is None else plain(decision.summary),
        clips=[part.clip for part in made.parts if part.clip is not None],
        reasons=[plain(each.reason) for each in left],
    )
