"""${message}.

A table that is rebuilt needs table_kwargs={"sqlite_autoincrement": True}, or it gives ids of forgotten rows again;
the index over expressions of `checkpoint` has to be made again by hand.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
