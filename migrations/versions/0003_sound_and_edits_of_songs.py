"""Sound and edits of songs; a rendering keeps all the settings that it was made with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("song", sa.Column("crossfade", sa.Float(), nullable=False, server_default="0"))
    op.add_column("song", sa.Column("gap", sa.Float(), nullable=False, server_default="0"))
    op.add_column("song", sa.Column("lufs", sa.Float(), nullable=True))
    op.add_column("song", sa.Column("subtype", sa.Text(), nullable=True))
    op.add_column("song", sa.Column("dither", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("song", sa.Column("edits", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("song", sa.Column("manual", sa.Text(), nullable=True))
    op.add_column("rendering", sa.Column("settings", sa.Text(), nullable=False, server_default="{}"))
    op.add_column(
        "rendering_clip", sa.Column("crossfade_frames", sa.Integer(), nullable=False, server_default="0")
    )
