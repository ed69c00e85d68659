"""The ASGI application of a room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import Depends, FastAPI, HTTPException
from starlette.responses import FileResponse

from thresher.catalog.catalog import Catalog
from thresher.curation.previews.cache import PreviewCache
from thresher.interfaces.web.access import Access, AccessRules
from thresher.interfaces.web.room.answers import PROBLEMS, add_error_answers
from thresher.interfaces.web.room.changes import Changes
from thresher.interfaces.web.room.heads import Heads
from thresher.interfaces.web.room.room import Room, refuse_changes
from thresher.interfaces.web.routes import (
    checkpoints,
    clip_map,
    clips,
    cutting,
    decisions,
    duplicates,
    listening,
    media,
)
from thresher.interfaces.web.routes import files as file_routes
from thresher.interfaces.web.routes import room as room_routes
from thresher.interfaces.web.static_files import PageFiles
from thresher.interfaces.web.turns import Turns
from thresher.version import __version__

ROUTERS = (
    room_routes.router,
    clips.router,
    decisions.router,
    cutting.router,
    listening.router,
    duplicates.router,
    media.router,
    file_routes.router,
    clip_map.router,
    checkpoints.router,
)
"""The routes of the HTTP API."""


VIEWS = ("clips", "tiles", "listen", "duplicates", "map", "checkpoints")
"""The views of the page, which are addresses of their own."""


def create_app(catalog: Catalog, rules: AccessRules, *, refusal: str | None = None) -> FastAPI:
    """Return the application for an open catalog, which stays open while the application runs.

    `refusal` is the sentence with which it answers every change; None if it takes changes.
    """
    changes = Changes(catalog)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        changes.start()
        yield
        changes.stop()

    app = FastAPI(
        title="thresher",
        version=__version__,
        summary="The listening room of a catalog of generated audio",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        dependencies=[Depends(refuse_changes)],
        responses={status: dict(answer) for status, answer in PROBLEMS.items()},
    )
    app.state.room = Room(catalog, changes, PreviewCache(catalog.root), refusal)
    add_error_answers(app)
    for router in ROUTERS:
        app.include_router(router)
    static = files("thresher.interfaces.web") / "static"
    app.mount("/static", PageFiles(directory=str(static)), name="static")

    # every view has an address of its own; the page finds out which one it is
    @app.get("/", include_in_schema=False)
    @app.get("/{view}", include_in_schema=False)
    def page(view: str = "clips") -> FileResponse:
        if view not in VIEWS:
            raise HTTPException(404)
        return FileResponse(str(static / "index.html"), headers={"cache-control": "no-cache"})

    app.add_middleware(Heads)
    app.add_middleware(Turns)
    app.add_middleware(Access, rules=rules)  # the outermost one
    return app
