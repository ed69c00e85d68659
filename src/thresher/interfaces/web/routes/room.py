"""The room itself: its catalog, the query language, saved queries, and the stream of changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from thresher.curation.clips.field_values import common_values
from thresher.curation.clips.query_fields import fields
from thresher.curation.clips.saved_queries import delete_query, save_query, saved_queries
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.room.shapes import plain
from thresher.version import __version__

router = APIRouter(prefix="/api", tags=["room"])

KEEP_ALIVE = 15.0
"""Seconds after which a silent stream sends a comment, so that a lost page is noticed."""


class RoomState(BaseModel):
    """The catalog's name, the program's version, whether and why decisions are refused, and the newest ids."""

    name: str
    folder: str
    version: str
    read_only: bool
    refusal: str | None
    decision: int
    batch: int
    clip: int


class Records(BaseModel):
    """Records of one kind."""

    records: list[dict[str, Any]]


class FieldValues(BaseModel):
    """Values of a field, the most frequent first."""

    values: list[str]


class SavedQuery(BaseModel):
    """A query and the name that it gets, of up to 200 characters."""

    name: Annotated[str, Field(max_length=10_000)]
    query: Annotated[str, Field(max_length=20_000)]


class QueryName(BaseModel):
    """The name of a saved query."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("/room")
def state(room: InRoom) -> RoomState:
    """Describe the room."""
    now = room.changes.now
    return RoomState(
        name=plain(room.catalog.root.name),
        folder=plain(str(room.catalog.root)),
        version=__version__,
        read_only=room.refusal is not None,
        refusal=plain(room.refusal),
        decision=now.decision,
        batch=now.batch,
        clip=now.clip,
    )


@router.get("/fields")
def query_fields(room: InRoom) -> Records:
    """List the fields of the query language, attributes included."""
    return Records(records=plain(fields(room.catalog)))


@router.get("/fields/{name}")
def field_values(room: InRoom, name: Annotated[str, PathParameter(max_length=200)]) -> FieldValues:
    """Return the most frequent values of a field."""
    return FieldValues(values=plain(common_values(room.catalog, name)))


@router.get("/queries")
def queries(room: InRoom) -> Records:
    """List the saved queries."""
    return Records(records=plain(saved_queries(room.catalog)))


@router.post("/queries")
def save(room: InRoom, wanted: SavedQuery) -> Records:
    """Save a query under a name."""
    save_query(room.catalog, wanted.name, wanted.query)
    return queries(room)


@router.post("/queries/delete")
def delete(room: InRoom, wanted: QueryName) -> Records:
    """Delete a saved query."""
    delete_query(room.catalog, wanted.name)
    return queries(room)


_EVENTS = {"description": "events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}


@router.get("/changes", response_class=StreamingResponse, responses={200: _EVENTS})
async def changes(request: Request) -> StreamingResponse:
    """Stream what is newest after each change of the catalog, as server-sent events."""

    async def events() -> AsyncIterator[bytes]:
        stream = request.app.state.room.changes.stream()
        pending: asyncio.Future[Any] | None = None
        try:
            while True:
                pending = pending or asyncio.ensure_future(anext(stream))
                done, _ = await asyncio.wait([pending], timeout=KEEP_ALIVE)
                if not done:
                    yield b": still here\n\n"
                    continue
                change, pending = pending.result(), None
                yield f"data: {json.dumps(plain(change))}\n\n".encode()
        except StopAsyncIteration:
            return
        finally:
            if pending is not None:
                pending.cancel()

    return StreamingResponse(
        events(),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )
