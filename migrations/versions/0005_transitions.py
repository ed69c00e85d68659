"""The score of a clip with the one before it is called a transition."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE rendering_clip RENAME COLUMN seam TO transition")
