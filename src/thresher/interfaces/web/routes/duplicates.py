"""Duplicates and suspects, as pairs of clips to hear side by side."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from thresher.curation.clips.listing import found_ids
from thresher.curation.comparison.side_by_side import clip_pairs
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.routes.clips import SearchText

router = APIRouter(prefix="/api", tags=["duplicates"])


class Pair(BaseModel):
    """Two clips; `offset` is the time in `first` at which `second` begins, in seconds, null if it is not known."""

    first: int
    second: int
    kind: Literal["copy", "contained", "shared", "suspect"]
    score: float
    offset: float | None
    seconds: float | None
    judged: bool


class Pairs(BaseModel):
    """The pairs, or how far their computation is."""

    ready: bool
    progress: float = Field(ge=0, le=1)
    pairs: list[Pair] = []


@router.get("/duplicates")
def duplicates(room: InRoom, query: SearchText = "") -> Pairs:
    """Return the duplicates and the suspects of a query. Ask again until they are ready."""
    ids = found_ids(room.catalog, query)
    terms = [str(clip_id) for clip_id in ids]
    if not ids:
        return Pairs(ready=True, progress=1)
    key = tuple(sorted(ids)), room.changes.now.decision
    job = room.pairs.get(key, lambda progress: clip_pairs(room.catalog, terms, progress))
    if not job.is_done:
        return Pairs(ready=False, progress=min(1.0, job.progress))
    if job.error is not None:
        raise job.error
    return Pairs(ready=True, progress=1, pairs=[Pair(**vars(pair)) for pair in job.result or []])
