"""Clips: the ids that a query finds, their rows, one clip in full, and the clips near it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import found_ids, list_values, rows_of
from thresher.curation.comparison.clip_order import chained
from thresher.curation.comparison.neighbours import near
from thresher.curation.listening.moments import (
    LONGEST_MOMENT,
    MOMENT_SECONDS,
    SHORTEST_MOMENT,
    near_moment,
)
from thresher.errors import NotFoundError
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import Clip, as_json, clip_shape, plain

router = APIRouter(prefix="/api/clips", tags=["clips"])

MOST_ROWS = 500
"""The most rows of one request."""

SearchText = Annotated[str, Query(alias="q", max_length=20_000, description="a query; empty for all clips")]
ClipId = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]


IdList = Annotated[str, Query(max_length=10_000, pattern=r"^\d{1,18}(,\d{1,18})*$")]
"""Ids of clips with commas between them."""


def ids_in(text: str) -> list[int]:
    """Return the first MOST_ROWS different ids of a list."""
    return list(dict.fromkeys(int(each) for each in text.split(",")))[:MOST_ROWS]


Order = Literal["query", "chain"]


class Found(BaseModel):
    """The clips that a query finds, in its order."""

    query: str
    ids: list[int]


class Rows(BaseModel):
    """The clips of some ids; ids that the catalog does not know are left out."""

    clips: list[Clip]


class ClipCluster(BaseModel):
    """The cluster of a clip; null if it is in none."""

    cluster: int | None


class Neighbours(BaseModel):
    """The clips most similar to one, the most similar first."""

    neighbours: list[dict[str, Any]]


class MomentClip(BaseModel):
    """A clip in which a moment occurs (metric "aligned", at that time), or that sounds like it ("likeness")."""

    clip: int
    score: float
    metric: str
    at: float | None


class Moment(BaseModel):
    """The clips most similar to a moment of a clip, the most similar first."""

    neighbours: list[MomentClip]


@router.get("", response_model=Found)
def find(room: InRoom, query: SearchText = "", order: Order = "query") -> Response:
    """Find the clips of a query.

    The order is that of the query, or by id; or a chain, in which similar clips are near each other.
    """
    found = found_ids if order == "query" else chained
    return as_json(Found(query=query, ids=found(room.catalog, query)))


@router.get("/rows")
def rows(room: InRoom, ids: IdList) -> Rows:
    """Return the rows of up to 500 clips, given by their ids with commas between them."""
    return Rows(clips=[clip_shape(row) for row in rows_of(room.catalog, ids_in(ids))])


@router.get("/{clip_id}")
def show(room: InRoom, clip_id: ClipId) -> dict[str, Any]:
    """Return everything about one clip."""
    found: dict[str, Any] = plain(show_clip(room.catalog, str(clip_id)))
    return found


@router.get("/{clip_id}/cluster")
def cluster(room: InRoom, clip_id: ClipId) -> ClipCluster:
    """Return the number of the cluster that a clip is in."""
    found = list_values(room.catalog, [f"id:{clip_id}", "rejected+", "status+"], ["cluster"]).values
    if not found:
        raise NotFoundError(f"no clip has the id {clip_id}")
    return ClipCluster(cluster=found[0]["cluster"])


@router.get("/{clip_id}/near")
def neighbours(
    room: InRoom,
    clip_id: ClipId,
    metric: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Neighbours:
    """Return the clips most similar to one clip."""
    found = near(room.catalog, str(clip_id), metric=metric, limit=limit)
    return Neighbours(neighbours=plain(found))


@router.get("/{clip_id}/moment")
def moment(
    room: InRoom,
    clip_id: ClipId,
    at: Annotated[float, Query(ge=0, le=1_000_000, allow_inf_nan=False)],
    length: Annotated[float, Query(ge=SHORTEST_MOMENT, le=LONGEST_MOMENT)] = MOMENT_SECONDS,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Moment:
    """Return the clips in which a moment of a clip occurs, then those that sound like it."""
    found = near_moment(room.catalog, str(clip_id), at, length=length, limit=limit)
    return Moment(
        neighbours=[
            MomentClip(clip=each.clip.id, score=each.score, metric=each.metric, at=each.at) for each in found
        ]
    )
