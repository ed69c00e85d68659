"""Checkpoints: the figures of `thresher checkpoints`, verdicts, notes, and the comparison of two."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from thresher.curation.checkpoints.comparison import compare_checkpoints
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.checkpoints.verdicts import judge_checkpoint
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import plain
from thresher.interfaces.web.routes.clips import SearchText

router = APIRouter(prefix="/api/checkpoints", tags=["checkpoints"])

Name = Annotated[str, Field(min_length=1, max_length=500)]


class Checkpoints(BaseModel):
    """The checkpoints, sorted by run, epoch and step."""

    checkpoints: list[dict[str, Any]]


class Verdict(BaseModel):
    """A verdict (keep, drop, gone or none) on a checkpoint, named as tables print it, a note, or both."""

    checkpoint: Name
    verdict: str | None = Field(None, max_length=20)
    note: str | None = Field(None, max_length=10_000)


class Judged(BaseModel):
    """The full name of the checkpoint, and the decision; null if nothing changed."""

    checkpoint: str
    decision: int | None


class Compared(BaseModel):
    """Two checkpoints and the differences of their figures."""

    first: str
    second: str
    differences: list[dict[str, Any]]


@router.get("")
def summary(room: InRoom, query: SearchText = "") -> Checkpoints:
    """Return the figures of the checkpoints that wrote clips of a query, of all without one."""
    return Checkpoints(checkpoints=plain(checkpoints(room.catalog, terms=query or None)))


@router.post("/verdict")
def judge(room: InRoom, wanted: Verdict) -> Judged:
    """Set the verdict on a checkpoint, its note, or both."""
    name, decision = judge_checkpoint(room.catalog, wanted.checkpoint, wanted.verdict, wanted.note)
    return Judged(checkpoint=plain(name), decision=None if decision is None else decision.id)


@router.get("/compare")
def compare(
    room: InRoom,
    first: Annotated[str, Query(min_length=1, max_length=500)],
    second: Annotated[str, Query(min_length=1, max_length=500)],
) -> Compared:
    """Compare two checkpoints, and say which differences may be chance."""
    found = compare_checkpoints(room.catalog, first, second)
    differences = [{**plain(each), "is_chance": each.is_chance} for each in found.differences]
    return Compared(first=plain(found.first), second=plain(found.second), differences=differences)
