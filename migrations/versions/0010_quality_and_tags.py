"""Add the quality and the tags of songs. Existing songs keep the rule by which their files are written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("song", sa.Column("quality", sa.Float(), nullable=True))
    op.add_column("song", sa.Column("artist", sa.Text(), nullable=True))
    op.add_column("song", sa.Column("album", sa.Text(), nullable=True))
    op.add_column("song", sa.Column("file_rule", sa.Integer(), nullable=False, server_default="1"))
