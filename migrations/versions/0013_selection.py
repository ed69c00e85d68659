"""Add the selection rule of songs, two limits of their clips, and how much of a truncated recording is lost.

Existing songs keep rule 1, so that they select the same clips until the next `song save`.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

REACHED = re.compile(r"ends at (\d+\.\d+) s of (\d+\.\d+) s")
"""The reason of a truncated recording whose header declares a length."""


def upgrade() -> None:
    op.add_column("song", sa.Column("selection_rule", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("song", sa.Column("no_copies", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("song", sa.Column("per_checkpoint", sa.Integer(), nullable=True))
    op.add_column("recording", sa.Column("lost_share", sa.Float(), nullable=True))
    connection = op.get_bind()
    truncated = connection.execute(
        sa.text("SELECT id, reason FROM recording WHERE status = 'truncated' AND reason IS NOT NULL")
    )
    for number, reason in truncated.all():
        found = REACHED.match(reason)
        if found and float(found[2]) > 0:
            share = max(0.0, 1.0 - float(found[1]) / float(found[2]))
            connection.execute(
                sa.text("UPDATE recording SET lost_share = :share WHERE id = :id"),
                {"share": share, "id": number},
            )
