"""The sound and the pictures of clips, by the clip's id only."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from thresher.curation.previews.pictures import peaks, spectrum, thumbnail
from thresher.curation.previews.source import clip_source
from thresher.curation.previews.wav import WavPreview
from thresher.interfaces.web.ranges import UnsatisfiableError, byte_ranges
from thresher.interfaces.web.room import InRoom
from thresher.interfaces.web.routes.clips import ClipId

router = APIRouter(tags=["media"])

_KEPT = {"cache-control": "private, max-age=31536000, immutable"}
_AUDIO = "audio/wav"

RangeName = Literal["full", "8k", "2k"]


@router.get("/audio/{clip_id}", response_class=Response, responses={206: {}, 304: {}, 416: {}})
def audio(
    room: InRoom,
    clip_id: ClipId,
    range_header: Annotated[str | None, Header(alias="range")] = None,
    if_range: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the span of a clip as a 16-bit WAV file, or ranges of it."""
    source = clip_source(room.catalog, clip_id)
    preview = WavPreview(source)
    tag = f'"{source.key}"'
    headers = {"accept-ranges": "bytes", "etag": tag, "cache-control": "private, no-cache"}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    try:
        ranges = byte_ranges(range_header, preview.size) if if_range in (None, tag) else None
    except UnsatisfiableError:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{preview.size}"})
    if ranges is None:
        return _stream(preview, [(0, preview.size - 1)], 200, headers, _AUDIO)
    if len(ranges) == 1:
        first, last = ranges[0]
        headers["content-range"] = f"bytes {first}-{last}/{preview.size}"
        return _stream(preview, ranges, 206, headers, _AUDIO)
    return _multipart(preview, ranges, headers)


@router.get("/peaks/{clip_id}", response_class=Response)
def waveform(room: InRoom, clip_id: ClipId) -> Response:
    """Return the waveform of a clip: pairs of signed bytes, lowest and highest sample of equal spans."""
    content = peaks(room.previews, clip_source(room.catalog, clip_id))
    return Response(content, media_type="application/octet-stream", headers=_KEPT)


@router.get("/thumbnails/{clip_id}", response_class=Response)
def picture(room: InRoom, clip_id: ClipId) -> Response:
    """Return the spectrum of a clip as a PNG file."""
    content = thumbnail(room.previews, clip_source(room.catalog, clip_id))
    return Response(content, media_type="image/png", headers=_KEPT)


@router.get("/spectra/{clip_id}", response_class=Response)
def spectrum_picture(
    room: InRoom, clip_id: ClipId, range_name: Annotated[RangeName, Query(alias="range")] = "full"
) -> Response:
    """Return a large picture of the spectrum of a clip as a PNG file: all of it, or up to 8 or 2 kHz."""
    content = spectrum(room.previews, clip_source(room.catalog, clip_id), range_name)
    return Response(content, media_type="image/png", headers=_KEPT)


def _stream(
    preview: WavPreview, ranges: list[tuple[int, int]], status: int, headers: dict[str, str], kind: str
) -> Response:
    ((first, last),) = ranges
    pieces = preview.bytes(first, last)
    head = next(pieces)  # an error of the decoder is answered as one
    length = {"content-length": str(last - first + 1)}

    def body() -> Iterator[bytes]:
        yield head
        yield from pieces

    return StreamingResponse(body(), status, {**headers, **length}, kind)


def _multipart(preview: WavPreview, ranges: list[tuple[int, int]], headers: dict[str, str]) -> Response:
    boundary = secrets.token_hex(12)
    begin = f"\r\n--{boundary}\r\ncontent-type: {_AUDIO}\r\ncontent-range: bytes "
    heads = [f"{begin}{first}-{last}/{preview.size}\r\n\r\n".encode() for first, last in ranges]
    end = f"\r\n--{boundary}--\r\n".encode()
    length = len(end) + sum(
        len(head) + last - first + 1 for head, (first, last) in zip(heads, ranges, strict=True)
    )

    def body() -> Iterator[bytes]:
        for head, (first, last) in zip(heads, ranges, strict=True):
            yield head
            yield from preview.bytes(first, last)
        yield end

    kind = f"multipart/byteranges; boundary={boundary}"
    return StreamingResponse(body(), 206, {**headers, "content-length": str(length)}, kind)
