"""The sound and the pictures of clips, by the clip's id only."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from thresher.curation.analysis.task import trim_settings
from thresher.curation.previews.landmarks import VERSION as LANDMARKS_VERSION
from thresher.curation.previews.landmarks import landmarks
from thresher.curation.previews.pictures import VERSION, peaks, spectrum, thumbnail
from thresher.curation.previews.source import clip_source
from thresher.curation.previews.wav import WavPreview
from thresher.interfaces.web.room.heads import HEAD
from thresher.interfaces.web.room.piece_stream import PieceStream
from thresher.interfaces.web.room.ranges import UnsatisfiableError, byte_ranges
from thresher.interfaces.web.room.room import InRoom
from thresher.interfaces.web.routes.clips import ClipId

router = APIRouter(tags=["media"])

_AUDIO = "audio/wav"
_PNG = "image/png"

RangeName = Literal["full", "8k", "2k"]


def _kept(kind: str) -> dict[int | str, dict[str, Any]]:
    """Describe the answers of a route that returns a file of a kind."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"description": "the file", "content": content}, 304: {"description": "the client has it"}}


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_WHOLE = {"description": "the whole", "content": {_AUDIO: _BINARY}}
_PARTS = {
    "description": "one range, or several",
    "content": {_AUDIO: _BINARY, "multipart/byteranges": _BINARY},
}
_SAME: dict[str, Any] = {"description": "the client has it"}
_BEYOND: dict[str, Any] = {"description": "the ranges lie beyond the end"}

IfNoneMatch = Annotated[str | None, Header()]


@router.get(
    "/audio/{clip_id}",
    response_class=Response,
    responses={200: _WHOLE, 206: _PARTS, 304: _SAME, 416: _BEYOND},
)
def audio(
    room: InRoom,
    request: Request,
    clip_id: ClipId,
    range_header: Annotated[str | None, Header(alias="range")] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return the span of a clip as a 16-bit WAV file, or ranges of it."""
    preview = WavPreview(clip_source(room.catalog, clip_id), room.previews)
    tag = f'"{preview.key}"'
    headers = {"accept-ranges": "bytes", "etag": tag, "cache-control": "private, no-cache"}
    if _is_known(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    if request.scope.get(HEAD):  # the answer to HEAD knows no ranges
        return Response(headers={**headers, "content-length": str(preview.size)}, media_type=_AUDIO)
    try:
        ranges = byte_ranges(range_header, preview.size) if if_range in (None, tag) else None
    except UnsatisfiableError:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{preview.size}"})
    if ranges is None:
        return PieceStream(preview.bytes(0, preview.size - 1), preview.size, 200, headers, _AUDIO)
    if len(ranges) > 1:
        return _multipart(preview, ranges, headers)
    ((first, last),) = ranges
    headers["content-range"] = f"bytes {first}-{last}/{preview.size}"
    return PieceStream(preview.bytes(first, last), last - first + 1, 206, headers, _AUDIO)


@router.get("/peaks/{clip_id}", response_class=Response, responses=_kept("application/octet-stream"))
def waveform(room: InRoom, clip_id: ClipId, if_none_match: IfNoneMatch = None) -> Response:
    """Return the waveform of a clip: pairs of signed bytes, lowest and highest sample of equal spans."""
    source = clip_source(room.catalog, clip_id)
    return _picture(
        f"{source.key}-p{VERSION}",
        if_none_match,
        lambda: peaks(room.previews, source),
        "application/octet-stream",
    )


@router.get("/thumbnails/{clip_id}", response_class=Response, responses=_kept(_PNG))
def picture(room: InRoom, clip_id: ClipId, if_none_match: IfNoneMatch = None) -> Response:
    """Return the spectrum of a clip as a PNG file."""
    source = clip_source(room.catalog, clip_id)
    return _picture(f"{source.key}-t{VERSION}", if_none_match, lambda: thumbnail(room.previews, source), _PNG)


@router.get("/spectra/{clip_id}", response_class=Response, responses=_kept(_PNG))
def spectrum_picture(
    room: InRoom,
    clip_id: ClipId,
    range_name: Annotated[RangeName, Query(alias="range")] = "full",
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a large picture of the spectrum of a clip as a PNG file: all of it, or up to 8 or 2 kHz."""
    source = clip_source(room.catalog, clip_id)
    return _picture(
        f"{source.key}-s{VERSION}-{range_name}",
        if_none_match,
        lambda: spectrum(room.previews, source, range_name),
        _PNG,
    )


class Around(BaseModel):
    """What trimming left out at one end, in seconds; `peaks`, pairs of signed bytes, show the part at the clip."""

    seconds: float
    shown: float
    peaks: list[int]


class Marks(BaseModel):
    """The onsets and silences of a clip in seconds, null in long recordings, and what is around it."""

    onsets: list[float] | None
    silences: list[tuple[float, float]] | None
    before: Around
    after: Around


@router.get(
    "/landmarks/{clip_id}",
    response_class=Response,
    responses={200: {"model": Marks, "description": "the landmarks"}, 304: _SAME},
)
def clip_landmarks(room: InRoom, clip_id: ClipId, if_none_match: IfNoneMatch = None) -> Response:
    """Return the onsets and the silences of a clip, and the waveform of what trimming left out of it."""
    source = clip_source(room.catalog, clip_id)
    trim = trim_settings(room.catalog.settings)
    return _picture(
        f"{source.key}-m{LANDMARKS_VERSION}-{source.kind}",
        if_none_match,
        lambda: landmarks(room.previews, source, trim),
        "application/json",
    )


def _is_known(tag: str, header: str | None) -> bool:
    """Return whether an If-None-Match header names a tag."""
    named = [] if header is None else [each.strip().removeprefix("W/") for each in header.split(",")]
    return tag in named or "*" in named


def _picture(key: str, if_none_match: str | None, make: Callable[[], bytes], kind: str) -> Response:
    """Return a small file. A browser shows it for a minute without asking, because a clip's span can change."""
    headers = {"cache-control": "private, max-age=60", "etag": f'"{key}"'}
    if _is_known(headers["etag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(make(), media_type=kind, headers=headers)


def _multipart(preview: WavPreview, ranges: list[tuple[int, int]], headers: dict[str, str]) -> Response:
    boundary = secrets.token_hex(12)
    begin = f"\r\n--{boundary}\r\ncontent-type: {_AUDIO}\r\ncontent-range: bytes "
    heads = [f"{begin}{first}-{last}/{preview.size}\r\n\r\n".encode() for first, last in ranges]
    end = f"\r\n--{boundary}--\r\n".encode()
    length = len(end) + sum(
        len(head) + last - first + 1 for head, (first, last) in zip(heads, ranges, strict=True)
    )

    def body() -> Generator[bytes, None, None]:
        for head, (first, last) in zip(heads, ranges, strict=True):
            with closing(preview.bytes(first, last)) as pieces:
                yield from _begin_with(head, pieces)
        yield end

    return PieceStream(body(), length, 206, headers, f"multipart/byteranges; boundary={boundary}")


def _begin_with(head: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Put `head` before the first piece, so that nothing is sent before something could be decoded."""
    for piece in pieces:
        if piece:
            yield head + piece
            head = b""
        else:
            yield piece
