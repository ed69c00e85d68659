"""The room: what all requests of one server share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from thresher.catalog.catalog import Catalog
from thresher.curation.previews.cache import PreviewCache
from thresher.errors import ThresherError
from thresher.interfaces.web.changes import Changes


class ReadOnlyError(ThresherError):
    """The server was started with `--read-only`."""


@dataclass(frozen=True)
class Room:
    """An open catalog and how the server was started.

    `changes` tells open pages what happens to the catalog; `previews` keeps pictures of clips.
    """

    catalog: Catalog
    changes: Changes
    previews: PreviewCache
    read_only: bool = False

    @property
    def file(self) -> Path:
        """The catalog.toml of the catalog."""
        return self.catalog.file

    def check_writable(self) -> None:
        """Raise ReadOnlyError if the server takes no decisions."""
        if self.read_only:
            raise ReadOnlyError(
                "this room is read-only; start `thresher serve` without --read-only to decide"
            )


def room_of(request: Request) -> Room:
    """Return the room of a request."""
    room = request.app.state.room
    assert isinstance(room, Room)
    return room


InRoom = Annotated[Room, Depends(room_of)]
"""The parameter of a route that receives the room."""
