"""The files of the page. Browsers keep them and ask each time whether they are current."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache

from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope


class PageFiles(StaticFiles):
    """Static files whose tags are made of their content: after an upgrade, no page has old scripts."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file, or that the browser has it."""
        tag = f'"{_digest(os.fspath(full_path), stat_result.st_mtime_ns, stat_result.st_size)}"'
        headers = {"cache-control": "no-cache", "etag": tag}
        known = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
        if tag in [each.strip().removeprefix("W/") for each in known.split(",")]:
            answer = Response(status_code=304, headers=headers)
            return NotModifiedResponse(answer.headers)
        return FileResponse(full_path, status_code, headers, stat_result=stat_result)


@lru_cache(maxsize=1024)
def _digest(path: str, _mtime_ns: int, _size: int) -> str:
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:32]
