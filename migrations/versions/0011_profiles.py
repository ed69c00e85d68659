"""Keep the profile of clips: absolute pitch and the movement of loudness, which fingerprints leave out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("clip", sa.Column("profile", sa.LargeBinary(), nullable=True))
    op.add_column("clip", sa.Column("profile_crc32", sa.Integer(), nullable=True))
    op.add_column("clip", sa.Column("profile_version", sa.Integer(), nullable=True))
