"""Let every write transaction of this process lose once, as if another program's transaction got in its way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from sqlalchemy import Connection, Engine, event

from thresher.catalog.catalog import Catalog
from thresher.catalog.database import retries


class Lost(Exception):  # noqa: N818  the driver's name for it
    """The error of a transaction that the server ended in favour of another one."""

    sqlstate = "40001"


class _Losing(threading.local):
    """The connection of this thread's transaction that is going to lose, and how many have lost."""

    connection: Connection | None = None


@contextmanager
def every_write_loses_once() -> Iterator[Callable[[], int]]:
    """Make each `Catalog.write`, dry run or not, run twice: the first transaction loses as it ends.

    Yields a function that returns how many transactions have lost.
    """
    losing = _Losing()
    lost: list[None] = []
    write: Any = Catalog.write

    def losing_first(self: Catalog, function: Callable[[Connection], Any], **keywords: Any) -> Any:
        tries: list[None] = []

        def attempt(connection: Connection) -> Any:
            losing.connection = None if tries else connection
            tries.append(None)
            return function(connection)

        return write(self, attempt, **keywords)

    def end(connection: Connection) -> None:
        if losing.connection is connection:
            losing.connection = None
            lost.append(None)
            raise Lost

    with (
        mock.patch.object(Catalog, "write", losing_first),
        mock.patch.object(retries, "FIRST_PAUSE", 0.0),
    ):
        for name in ("commit", "rollback"):
            event.listen(Engine, name, end)
        try:
            yield lambda: len(lost)
        finally:
            for name in ("commit", "rollback"):
                event.remove(Engine, name, end)
