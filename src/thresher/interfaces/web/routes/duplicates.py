"""Duplicates and suspects, as pairs of clips to hear side by side."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from thresher.curation.clips.listing import found_ids
from thresher.curation.comparison.duplicates import copies_of
from thresher.curation.comparison.side_by_side import clip_pairs
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.routes.clips import IdList, SearchText, ids_in

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


class Twin(BaseModel):
    """A clip and another one with the same sound; `is_kept`: the first is the one to keep."""

    clip: int
    of: int
    is_kept: bool


class Copies(BaseModel):
    """Those of some clips that are copies or have one."""

    copies: list[Twin]


@router.get("/copies")
def copies(room: InRoom, ids: IdList) -> Copies:
    """Return which of up to 500 clips are copies of the clip nearest to them, or have a copy there."""
    return Copies(copies=[Twin(**vars(found)) for found in copies_of(room.catalog, ids_in(ids))])


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
