"""Writers: who makes decisions. Each numbers its own, so that a decision that is lost leaves a gap.

A writer is a user on a machine. Writers share no counter, so that those of a shared catalog do not wait for each
other. The id of a writer says nothing about the names of the user and the machine.
"""

from __future__ import annotations

import getpass
import os
import platform
from functools import cache
from hashlib import blake2b

from sqlalchemy import Connection

from thresher.catalog.digests import removed_digests
from thresher.catalog.portable_sql import upsert
from thresher.catalog.schema import writer


@cache
def this_writer() -> str:
    """Return the id of the user of this process on this machine: 16 hexadecimal digits."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user has no name
        user = str(os.getuid())
    return blake2b(f"{user}@{platform.node()}".encode(errors="surrogateescape"), digest_size=8).hexdigest()


def next_sequence(connection: Connection, of_writer: str) -> int:
    """Count one more decision of a writer, and return its number: 1 for the first."""
    statement = upsert(writer).values(name=of_writer, decisions=1)
    counted = {"decisions": writer.c.decisions + 1, **removed_digests(writer)}
    found = connection.scalar(
        statement.on_conflict_do_update(index_elements=["name"], set_=counted).returning(writer.c.decisions)
    )
    return int(found or 0)
