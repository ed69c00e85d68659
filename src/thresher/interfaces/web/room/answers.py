"""Turn errors into answers: one sentence as JSON, with the HTTP status of the error's kind."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from thresher.errors import (
    AudioError,
    CatalogError,
    NotFoundError,
    QueryError,
    ReadOnlyCatalogError,
    ThresherError,
    UsageError,
)
from thresher.interfaces.web.room.advice import in_room
from thresher.interfaces.web.room.room import ReadOnlyError

_STATUS: tuple[tuple[type[ThresherError], int], ...] = (
    (ReadOnlyError, 403),
    (ReadOnlyCatalogError, 403),
    (UsageError, 400),
    (NotFoundError, 404),
    (CatalogError, 503),
    (AudioError, 409),
)


class Problem(BaseModel):
    """Why a request could not be answered."""

    error: str = Field(description="one sentence: what is wrong, and what to do")
    position: int | None = Field(None, description="index of the first wrong character of a query")


PROBLEMS = {
    status: {"model": Problem, "description": what}
    for status, what in (
        (400, "a value or a query is invalid"),
        (401, "the token is missing"),
        (403, "the request comes from another site, or the room is read-only"),
        (404, "there is no such clip, song, decision or file"),
        (409, "the audio could not be decoded"),
        (422, "a parameter is missing or has another type"),
        (503, "the catalog can't be used now, or the server is busy"),
    )
}
"""The answers that every route can give besides its own, for the description of the API."""


_LIMITS: Mapping[str, str] = {
    "string_too_short": "is too short (expected {min_length} or more characters)",
    "string_too_long": "is too long (expected up to {max_length:,} characters)",
    "too_short": "has too few values (expected {min_length} or more)",
    "too_long": "has too many values (expected up to {max_length:,})",
    "greater_than": "is too small (expected more than {gt:,.10g})",
    "greater_than_equal": "is too small (expected {ge:,.10g} or more)",
    "less_than": "is too large (expected less than {lt:,.10g})",
    "less_than_equal": "is too large (expected up to {le:,.10g})",
    "missing": "is missing",
}
"""Why a value is refused, by pydantic's name for it; other reasons are rare, and stay in pydantic's words."""

_UNKNOWN = "there is nothing at this address"


def add_error_answers(app: FastAPI) -> None:
    """Make an application answer with a Problem where a verb raises an error."""

    @app.exception_handler(ThresherError)
    async def of_verb(_request: Request, error: ThresherError) -> JSONResponse:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        position = error.position if isinstance(error, QueryError) else None
        return _answer(status, in_room(error), position)

    @app.exception_handler(HTTPException)
    async def of_address(_request: Request, error: HTTPException) -> JSONResponse:
        sentence = _UNKNOWN if error.status_code == 404 else error.detail.lower()
        return _answer(error.status_code, sentence, None, error.headers)

    @app.exception_handler(OSError)
    async def of_system(_request: Request, error: OSError) -> JSONResponse:
        return _answer(503, f"the system reports an error: {error.strerror or error}", None)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        damage = await to_thread(request.app.state.room.catalog.damage_behind, error)
        if damage is not None:
            return _answer(503, str(damage), None)
        what = f"unexpected {type(error).__name__}: {error}"
        return _answer(500, f"{what}; `thresher --debug serve` shows the traceback", None)

    @app.exception_handler(RequestValidationError)
    async def of_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(422, _refused(error.errors()[0]), None)


def _refused(wrong: Mapping[str, Any]) -> str:
    """Say which value of a request is refused, and why."""
    names = ["query" if part == "q" else str(part) for part in wrong["loc"][1:] if not isinstance(part, int)]
    name = " ".join(names) or "the request"
    reason = _LIMITS.get(wrong["type"])
    if reason is None:
        return f"{name}: {wrong['msg'].lower()}"
    shown = f" {wrong['input']}" if wrong["type"].startswith(("greater", "less")) else ""
    return f"{name}{shown} {reason.format(**wrong.get('ctx', {}))}"


def _answer(
    status: int, sentence: str, position: int | None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    # names of files can hold what is not UTF-8
    shown = sentence.encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": shown, "position": position}, status, headers)
