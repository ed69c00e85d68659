"""Index the nearest clips by clip: without the index, deleting a clip reads the nearest clips of all clips."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_nearest_clip_id", "nearest", ["clip_id"])
