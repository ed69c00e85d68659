"""Who may use the room: the Host and Origin of requests, the token, and headers that protect the page.

A page of another site can make a browser send requests to this server. Such requests are refused by their Host
(DNS rebinding) and by their Origin (cross-site requests), for audio and event streams too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thresher.interfaces.web.server_key import is_token, token_of

COOKIE = "thresher_room"
TOKEN = "token"
_YEAR = 365 * 24 * 3600

_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})

PROTECTION: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Headers of every answer."""

LARGEST_BODY = 1 << 20
"""The largest body of a request, in bytes."""


@dataclass(frozen=True)
class AccessRules:
    """`hosts` are the names, besides those of loopback, under which the server may be addressed."""

    key: bytes
    hosts: Collection[str] = ()


def is_loopback(name: str) -> bool:
    """Return whether a host name or address, without a port, is this machine itself."""
    bare = name.strip("[]").rstrip(".").casefold()
    if bare in _LOOPBACK_NAMES or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str | None:
    """Return the name in a Host header or the host part of an Origin, without the port; None if it is malformed."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


class Access:
    """ASGI middleware that answers 403 or 401 to requests that must not pass."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules

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

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, protect)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that must not pass, or that brings the token; None if it may pass."""
        headers = Headers(scope=scope)
        host = host_name(headers.get("host", ""))
        if host is None or not self._is_known(host):
            return _refused(
                "this name is not one of the server's; open the address that `thresher serve` printed"
            )
        if not self._is_same_origin(headers):
            return _refused("a page of another site sent this request")
        given = parse_qs(scope["query_string"].decode("latin-1")).get(TOKEN, [])
        if given and scope["method"] == "GET" and is_token(given[-1], self._rules.key):
            return self._admit(scope)
        if not is_token(_cookie(headers), self._rules.key):
            return PlainTextResponse(
                "Open the address that `thresher serve` printed; `thresher serve --link` prints it again.\n",
                401,
            )
        if scope["method"] not in ("GET", "HEAD"):
            return self._write_refusal(headers)
        return None

    def _is_known(self, host: str) -> bool:
        return is_loopback(host) or host.casefold() in {name.casefold() for name in self._rules.hosts}

    def _is_same_origin(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            return False
        return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none", "same-site")

    def _admit(self, scope: Scope) -> Response:
        """Store the token in a cookie, and go on to the same address without it."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        query.pop(TOKEN)
        rest = urlencode(query, doseq=True)
        # one slash only: "//name" would lead to another server
        path = "/" + scope["path"].lstrip("/\\")
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        answer.set_cookie(
            COOKIE, token_of(self._rules.key), max_age=_YEAR, httponly=True, samesite="strict", path="/"
        )
        return answer

    @staticmethod
    def _write_refusal(headers: Headers) -> Response | None:
        kind = headers.get("content-type", "").partition(";")[0].strip().casefold()
        if kind != "application/json":
            return PlainTextResponse("a change must be sent as JSON\n", 415)
        length = headers.get("content-length", "")
        if not length.isdigit():
            return PlainTextResponse("a change must state its length\n", 411)
        if int(length) > LARGEST_BODY:
            return PlainTextResponse(f"a change must not be longer than {LARGEST_BODY:,} bytes\n", 413)
        return None


def _refused(why: str) -> Response:
    return PlainTextResponse(f"refused: {why}\n", 403)


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
