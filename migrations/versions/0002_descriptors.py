"""Descriptors: what clips sound like, for the metric `likeness`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("clip", sa.Column("descriptor", sa.LargeBinary(), nullable=True))
    op.add_column("clip", sa.Column("descriptor_crc32", sa.Integer(), nullable=True))
    op.add_column("clip", sa.Column("descriptor_version", sa.Integer(), nullable=True))
