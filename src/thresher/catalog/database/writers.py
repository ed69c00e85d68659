"""Writers: who makes decisions. Each numbers its own, so that a decision that is lost leaves a gap.

A writer is a user on a machine. Writers share no counter, so that those of a shared catalog do not wait for each
other. The label of a writer says who it is to people. Decisions of older versions have a writer without a label, or
one of `UNKNOWN`.
"""

from __future__ import annotations

import getpass
import os
import platform
from functools import cache
from hashlib import blake2b

from sqlalchemy import Connection

from thresher.catalog.database.digests import removed_digests
from thresher.catalog.database.portable_sql import upsert
from thresher.catalog.database.schema import writer

UNKNOWN = ("", "earlier")
"""The writers of decisions that were made before revision 0015 of the catalog."""


def _user_and_machine() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user has no name
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


@cache
def this_writer() -> str:
    """Return the id of the user of this process on this machine: 16 hexadecimal digits."""
    return blake2b(_user_and_machine().encode(errors="surrogateescape"), digest_size=8).hexdigest()


@cache
def this_label() -> str:
    """Return the label of the user of this process on this machine, such as `anna@studio`."""
    return _user_and_machine().encode(errors="surrogateescape").decode(errors="backslashreplace")


def next_sequence(connection: Connection, of_writer: str, label: str) -> int:
    """Count one more decision of a writer, and return its number: 1 for the first. The writer gets the label."""
    statement = upsert(writer).values(name=of_writer, decisions=1, label=label)
    counted = {"decisions": writer.c.decisions + 1, "label": label, **removed_digests(writer)}
    found = connection.scalar(
        statement.on_conflict_do_update(index_elements=["name"], set_=counted).returning(writer.c.decisions)
    )
    return int(found or 0)
