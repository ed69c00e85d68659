"""Rename seams to transitions; store measures as one row for each clip and measure."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MEASURES = (
    "silence",
    "loudness_range",
    "clipping",
    "noise",
    "dc_offset",
    "loop",
    "loop_period",
    "onset_rate",
    "tempo",
)
"""The columns of the former table, which are the names of the new rows."""


def upgrade() -> None:
    op.execute("ALTER TABLE rendering_clip RENAME COLUMN seam TO transition")
    # The old table makes room first, so that the new one gets the names of its constraints.
    op.execute("CREATE TABLE measure_columns AS SELECT * FROM measure")
    op.drop_table("measure")
    op.create_table(
        "measure",
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_measure_clip_id_clip", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("clip_id", "name", name="pk_measure"),
        sqlite_with_rowid=False,
    )
    for name in MEASURES:
        op.execute(
            "INSERT INTO measure (clip_id, name, version, value) "
            f"SELECT clip_id, '{name}', version, {name} FROM measure_columns"
        )
    op.drop_table("measure_columns")
