"""Add roots of stored paths, labels of writers, and the claims of scorers that share the work.

A stored path without a root stays as it was: relative to the catalog's folder, or absolute.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("writer", sa.Column("label", sa.Text(), nullable=False, server_default=""))
    for table in ("location", "rendering", "rendering_clip"):
        op.add_column(table, sa.Column("root", sa.Text(), nullable=False, server_default=""))
    op.drop_index("uq_location_present", "location")
    op.create_index(
        "uq_location_present",
        "location",
        ["root", "path"],
        unique=True,
        sqlite_where=sa.text("missing_since IS NULL"),
    )
    add_roots_of_folders()
    op.create_table(
        "claim",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("metric_id", sa.Integer(), nullable=False),
        sa.Column("first_position", sa.Integer(), nullable=False),
        sa.Column("clips", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["metric_id"], ["metric.id"], name="fk_claim_metric_id_metric"),
        sa.PrimaryKeyConstraint("id", name="pk_claim"),
        sa.UniqueConstraint("metric_id", "first_position", name="uq_claim_metric_id_first_position"),
        sqlite_autoincrement=True,
    )


def add_roots_of_folders() -> None:
    """Build `ingested_folder` again: its unique path becomes a unique root and path."""
    connection = op.get_bind()
    kept = connection.execute(
        sa.text("SELECT id, path, ctime_changes, inode_changes FROM ingested_folder")
    ).mappings()
    rows = [dict(row) for row in kept]
    op.drop_table("ingested_folder")
    made = op.create_table(
        "ingested_folder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False, server_default=""),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("ctime_changes", sa.Integer(), nullable=False),
        sa.Column("inode_changes", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_ingested_folder"),
        sa.UniqueConstraint("root", "path", name="uq_ingested_folder_root_path"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_ingested_folder_without_digest", "ingested_folder", ["id"], sqlite_where=sa.text("digest IS NULL")
    )
    if rows:
        op.bulk_insert(made, rows)
