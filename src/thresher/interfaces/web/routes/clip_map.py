"""The map of clips, and values by which its points are coloured."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from thresher.curation.clips.listing import found_ids, values_of
from thresher.curation.comparison.clip_map import clip_map
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import as_json, plain
from thresher.interfaces.web.routes.clips import SearchText

router = APIRouter(prefix="/api", tags=["map"])


class Map(BaseModel):
    """The points of the map, or how far their computation is.

    Point i is the clip `ids[i]` at `x[i]`, `y[i]`, both in [0, 1], y upwards. Clips without a descriptor have none.
    """

    ready: bool
    progress: float = Field(ge=0, le=1)
    ids: list[int] = []
    x: list[float] = []
    y: list[float] = []


class Values(BaseModel):
    """The values of one field by clip; clips without a value are left out."""

    field: str
    kind: str
    ids: list[int]
    values: list[Any]


@router.get("/map", response_model=Map)
def points(room: InRoom, query: SearchText = "") -> Response:
    """Return the map of a query's clips. It is computed in the background: ask again until it is ready."""
    ids = tuple(sorted(found_ids(room.catalog, query)))
    terms = [str(clip_id) for clip_id in ids]
    if not ids:
        return as_json(Map(ready=True, progress=1))
    job = room.maps.get(ids, lambda progress: clip_map(room.catalog, terms, progress))
    if not job.is_done:
        return as_json(Map(ready=False, progress=min(1.0, job.progress)))
    if job.error is not None:
        raise job.error
    found = job.result or []
    answer = Map(
        ready=True,
        progress=1,
        ids=[point.clip for point in found],
        x=[round(point.x, 5) for point in found],
        y=[round(point.y, 5) for point in found],
    )
    return as_json(answer)


@router.get("/values", response_model=Values)
def values(
    room: InRoom, field: Annotated[str, Query(min_length=1, max_length=200)], query: SearchText = ""
) -> Response:
    """Return the value of a field for each clip of a query."""
    kind, found = values_of(room.catalog, query, field)
    shown = {value: plain(value) for value in set(found.values())}
    return as_json(
        Values(field=field, kind=kind, ids=list(found), values=[shown[value] for value in found.values()])
    )
