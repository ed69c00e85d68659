"""Clips as files to download: one by its id, or those of a query as a ZIP file."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from thresher.curation.exports.archive import Download, clip_archive, clip_download
from thresher.errors import UsageError
from thresher.interfaces.web.room.heads import HEAD
from thresher.interfaces.web.room.piece_stream import PieceStream
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.routes.clips import ClipId, SearchText

router = APIRouter(tags=["files"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _described(kind: str, what: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": what, "content": {kind: _BINARY}}}


@router.get(
    "/files/{clip_id}", response_class=Response, responses=_described("application/octet-stream", "the file")
)
def clip_file(room: InRoom, request: Request, clip_id: ClipId) -> Response:
    """Return a clip as a file: that of a whole, byte for byte, or the span of a part or a mark."""
    found = clip_download(room.catalog, clip_id)
    return _download(request, found, mimetypes.guess_type(found.name)[0] or "application/octet-stream")


@router.get("/files", response_class=Response, responses=_described("application/zip", "a ZIP file"))
def clip_files(
    room: InRoom,
    request: Request,
    query: SearchText = "",
    ids: Annotated[str | None, Query(max_length=50_000, pattern=r"^\d{1,18}(,\d{1,18})*$")] = None,
) -> Response:
    """Return the clips of a query, or of given ids with commas between them, as a ZIP file."""
    if ids is not None and query:
        raise UsageError("give either a query or ids")
    # the sort names two fields, so that rejected and unusable clips are not left out of a selection
    terms = query if ids is None else [*ids.split(","), "id+", "rejected+", "status+"]
    return _download(request, clip_archive(room.catalog, terms), "application/zip")


def _download(request: Request, found: Download, kind: str) -> Response:
    plain = found.name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    headers = {"content-disposition": named, "cache-control": "private, no-store"}
    if request.scope.get(HEAD):
        found.pieces.close()
        size = {} if found.size is None else {"content-length": str(found.size)}
        return Response(headers={**headers, **size}, media_type=kind)
    return PieceStream(found.pieces, found.size, 200, headers, kind)
