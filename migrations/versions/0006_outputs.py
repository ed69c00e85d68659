"""Note the audio files that thresher writes, so that no ingest takes them for clips."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "output",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("song_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('rendering', 'stem', 'clip')", name=op.f("ck_output_kind")),
        sa.ForeignKeyConstraint(["song_id"], ["song.id"], name="fk_output_song_id_song"),
        sa.PrimaryKeyConstraint("id", name="pk_output"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_output_sha256", "output", ["sha256"])
