"""Who may use the room: the Host and Origin of requests, the token or password, and headers that protect the page.

A page of another site can make a browser send requests to this server. Such requests are refused by their Host
(DNS rebinding) and by their Origin (cross-site requests), for audio and event streams too.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thresher.interfaces.web.addresses import host_name, is_loopback
from thresher.interfaces.web.server_key import is_token, token_of

COOKIE = "thresher_room"
TOKEN = "token"
_YEAR = 365 * 24 * 3600

PROTECTION: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every answer that has no others of these names."""

LARGEST_BODY = 1 << 20
"""The largest body of a request, in bytes."""

WRONG_PASSWORD_SECONDS = 1.0
"""How long the answer to a wrong password waits; one of them is answered at a time."""

_NO_TOKEN = "open the address that `thresher serve` printed; `thresher serve --link` prints it again"
_NO_PASSWORD = "the password is missing or wrong"


@dataclass(frozen=True)
class AccessRules:
    """`hosts` are the names, besides those of loopback, under which the server may be addressed, in small letters.

    Who knows the `password` may use the room, as well as who has the token.
    """

    key: bytes
    hosts: Collection[str] = ()
    password: str | None = None


class Access:
    """ASGI middleware that answers 403 or 401 to requests that must not pass."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules
        self._wrong_password = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def protect(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PROTECTION.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = await self._answer(scope)
        await (answer or self._app)(scope, receive, protect)

    async def _answer(self, scope: Scope) -> Response | None:
        """Return the answer to a request that must not pass, or that logs in; None if it may pass."""
        headers = Headers(scope=scope)
        host = host_name(headers.get("host", ""))
        if host is None or not self._is_known(host, scope):
            return _refusal(
                scope,
                403,
                "refused: this name is not one of the server's; open the address that `thresher serve` printed",
            )
        given = parse_qs(scope["query_string"].decode("latin-1")).get(TOKEN, [])
        is_visit = scope["method"] == "GET" and headers.get("sec-fetch-mode", "navigate") == "navigate"
        if given and is_visit and is_token(given[-1], self._rules.key):
            return self._admit(scope, headers)
        if not _is_same_origin(headers):
            return _refusal(scope, 403, "refused: a page of another site sent this request")
        if not is_token(_cookie(headers), self._rules.key) and (
            refusal := await self._check_password(scope, headers)
        ):
            return refusal
        if scope["method"] not in ("GET", "HEAD"):
            return _write_refusal(scope, headers)
        return None

    def _is_known(self, host: str, scope: Scope) -> bool:
        """Return whether a name is this server's; the address to which the client is connected can't be forged."""
        reached = scope.get("server")
        return is_loopback(host) or host in self._rules.hosts or (reached is not None and host == reached[0])

    async def _check_password(self, scope: Scope, headers: Headers) -> Response | None:
        """Answer a request without a cookie; None if it brings the password, which browsers send by themselves."""
        password = self._rules.password
        if password is None:
            return _refusal(scope, 401, _NO_TOKEN)
        given = _basic_password(headers)
        if given is not None:
            if hmac.compare_digest(given, password.encode()):
                return None
            async with self._wrong_password:
                await asyncio.sleep(WRONG_PASSWORD_SECONDS)
        answer = _refusal(scope, 401, _NO_PASSWORD)
        answer.headers["www-authenticate"] = 'Basic realm="thresher", charset="UTF-8"'
        return answer

    def _admit(self, scope: Scope, headers: Headers) -> Response:
        """Store the token in a cookie, and go on to the same address without it.

        After a click on another site, such as a terminal in the browser, a page of our own goes on: browsers send
        the cookie only if one of our pages leads there.
        """
        where = _address(scope)
        if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            answer: Response = RedirectResponse(where, 303)
        else:
            answer = HTMLResponse(
                f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(where)}"><title>thresher</title>'
            )
        answer.set_cookie(
            COOKIE, token_of(self._rules.key), max_age=_YEAR, httponly=True, samesite="strict", path="/"
        )
        return answer


def _address(scope: Scope) -> str:
    """Return the address of a request without the token and without the server."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    query.pop(TOKEN, None)
    rest = urlencode(query, doseq=True)
    # one slash only: "//name" would lead to another server
    path = "/" + quote(scope["path"].lstrip("/\\"))
    return f"{path}?{rest}" if rest else path


def _is_same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        return False
    # another port of this machine is the same site, but another program
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _write_refusal(scope: Scope, headers: Headers) -> Response | None:
    kind = headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != "application/json":
        return _refusal(scope, 415, "a change must be sent as JSON")
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        return _refusal(scope, 411, "a change must state its length")
    if int(length[:20]) > LARGEST_BODY:
        return _refusal(scope, 413, f"a change must not be longer than {LARGEST_BODY:,} bytes")
    return None


def _refusal(scope: Scope, status: int, sentence: str) -> Response:
    """Return a sentence for people who open a page, and as JSON for everything else."""
    if "text/html" in Headers(scope=scope).get("accept", ""):
        return PlainTextResponse(f"{sentence}\n", status)
    return JSONResponse({"error": sentence, "position": None}, status)


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _basic_password(headers: Headers) -> bytes | None:
    """Return the password of an Authorization header, whatever the name of the user; None if there is none."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
