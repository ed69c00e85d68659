"""The room: what all requests of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from thresher.catalog.catalog import Catalog
from thresher.curation.comparison.clip_map import MapPoint
from thresher.curation.comparison.side_by_side import ClipPair
from thresher.curation.previews.cache import PreviewCache
from thresher.errors import ThresherError
from thresher.interfaces.web.room.changes import Changes
from thresher.interfaces.web.room.jobs import Jobs

READ_ONLY = "this room is read-only; start `thresher serve` without --read-only to decide"
"""Why a server that was started with `--read-only` refuses changes."""


class ReadOnlyError(ThresherError):
    """The room takes no changes."""


@dataclass(frozen=True)
class Room:
    """An open catalog and how the server was started.

    `refusal` says why the room takes no changes; None if it takes them. `changes` tells open pages what happens to
    the catalog; `previews` keeps pictures of clips, `maps` keeps maps by the ids of their clips, `pairs` duplicates
    by the ids of their clips and the newest decision.
    """

    catalog: Catalog
    changes: Changes
    previews: PreviewCache
    refusal: str | None = None
    maps: Jobs[list[MapPoint]] = field(default_factory=Jobs)
    pairs: Jobs[list[ClipPair]] = field(default_factory=Jobs)

    @property
    def file(self) -> Path:
        """The catalog.toml of the catalog."""
        return self.catalog.file


async def room_of(request: Request) -> Room:
    """Return the room of a request. Raises UpgradedError if the catalog can't be used any more."""
    room = request.app.state.room
    assert isinstance(room, Room)
    if room.changes.refusal is not None:
        raise room.changes.refusal
    return room


InRoom = Annotated[Room, Depends(room_of)]
"""The parameter of a route that receives the room."""


async def refuse_changes(request: Request) -> None:
    """Raise ReadOnlyError for a change, if the server takes none. Every route depends on it."""
    refusal = request.app.state.room.refusal
    if refusal is not None and request.method not in ("GET", "HEAD"):
        raise ReadOnlyError(refusal)
