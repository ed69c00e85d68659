"""The shapes of answers: rows of verbs as JSON that a browser reads without loss."""

from __future__ import annotations

import os
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from thresher.catalog.text.values import LARGEST_EXACT
from thresher.curation.clips.listing import ClipRow
from thresher.curation.exports.file_names import NameRequest, distinct_names, portable_name
from thresher.interfaces.plain import plain as plain_values


class Clip(BaseModel):
    """A clip as the grid shows it. Lengths are in seconds."""

    id: int
    path: str | None
    missing: bool
    run: str | None
    epoch: int | None
    step: int | None
    seconds: float | None
    start: float | None
    status: str
    kind: str
    role: str
    rating: int | None
    rejected: bool
    heard: bool
    suspect: bool
    tags: list[str]
    note: str | None
    score: float | None
    loudness: float | None = Field(description="integrated, in LUFS")
    peak: float | None = Field(description="1 is full scale")
    recording: int
    batch: int
    attributes: dict[str, Any]
    mark: str | None
    place: str | None = Field(description="which part or mark of its recording; null for a whole")
    file: str = Field(description="the name under which the clip is downloaded")


def clip_shape(row: ClipRow) -> Clip:
    """Return a row of a listing as the grid shows it."""
    values = {**row._asdict(), "place": row.place, "file": _file_name(row)}
    return Clip(**{name: plain(value) for name, value in values.items() if name in Clip.model_fields})


def _file_name(row: ClipRow) -> str:
    own = os.fsencode(os.path.basename(row.path or "clip"))
    suffix = None if row.kind == "whole" else b".flac" if own.lower().endswith(b".flac") else b".wav"
    (name,) = distinct_names([NameRequest(own, row.id, suffix, row.label)])
    return portable_name(name)


def as_json(answer: BaseModel) -> Response:
    """Return a large answer as it is: otherwise it is checked once more, which takes longer than to make it."""
    return Response(answer.model_dump_json(), media_type="application/json")


def plain(value: Any) -> Any:
    """Return a result as plain values.

    Integers that are not exact as numbers of JavaScript, and floats that JSON does not know, become text.
    """
    return _readable(plain_values(value))


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _readable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_readable(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_EXACT:
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
