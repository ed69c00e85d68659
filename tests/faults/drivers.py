"""What talks to commands that do not end by themselves."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tests.faults.commands import LONGEST, Running

_REQUESTS: tuple[tuple[str, dict[str, Any] | None], ...] = (
    ("/api/rating", {"clips": [2], "rating": 3}),
    ("/audio/2", None),
    ("/peaks/2", None),
    ("/api/tags", {"clips": [2, 3], "add": ["bridge"]}),
    ("/api/heard", {"clips": [1], "rating": 4}),
    ("/api/marks", {"clips": [1], "start": 0.5, "end": 1.5, "name": "drop"}),
    ("/api/rejection", {"clips": [3], "rejected": True}),
)
"""What a page sends: paths, with the body of a change."""

_DONE = {"/api/heard": "rating:4"}
"""A change that would be made twice, with a query that finds what it made."""


def page(running: Running) -> str:
    """Do what a page of the listening room does, then press Ctrl-C. Return the answers that refuse a request.

    A page that finds what it wanted to change as it wanted it does not send the request again. It does send that
    of a mark: the same mark stays one, and its scores are completed.
    """
    address = _address(running)
    refusals = [] if address is None else list(_refusals(address))
    if not running.is_over(0):
        running.signal(signal.SIGINT)
    return "\n".join(refusals)


def _address(running: Running) -> str | None:
    """Return the address that a server prints, None if it ends before."""
    for _ in range(int(LONGEST / 0.01)):
        if match := re.search(r"http://\S+\?\S+", (running.place.root / "stdout").read_text("utf-8")):
            return match[0]
        if running.is_over(0.01):
            return None
    return None


def _refusals(address: str) -> Iterator[str]:
    parts = urlsplit(address)
    cookie = ""
    for path, body in ((f"{parts.path}?{parts.query}", None), *_REQUESTS):
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=LONGEST)
        headers = {"cookie": cookie, "content-type": "application/json"}
        try:
            if path in _DONE and _finds(connection, headers, _DONE[path]):
                continue
            text = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, text, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):  # the server was killed
            return
        finally:
            connection.close()
        cookie = cookie or (answer.getheader("set-cookie") or "").partition(";")[0]
        if answer.status >= 400:
            yield f"{answer.status} for {path}: {content.decode('utf-8', 'replace')}"


def _finds(connection: HTTPConnection, headers: dict[str, str], query: str) -> bool:
    connection.request("GET", f"/api/clips?q={query}", headers=headers)
    return bool(json.loads(connection.getresponse().read()).get("ids"))
