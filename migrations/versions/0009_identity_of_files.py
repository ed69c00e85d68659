"""Stamps of files (status change, inode, last look), the hash at each location, the identity of audio."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Times and inodes can exceed 64 bits with a sign, so they are text; SQLite changes no type in place.
    op.create_table(
        "location_new",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=True),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("path_text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("mtime_ns", sa.Text(), nullable=False),
        sa.Column("ctime_ns", sa.Text(), nullable=True),
        sa.Column("inode", sa.Text(), nullable=True),
        sa.Column("looked_at", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("missing_since", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "recording_id IS NOT NULL OR reason IS NOT NULL", name=op.f("ck_location_recording_or_reason")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name="fk_location_batch_id_batch"),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoint.id"], name="fk_location_checkpoint_id_checkpoint"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recording.id"],
            name="fk_location_recording_id_recording",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_location"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO location_new (id, recording_id, batch_id, checkpoint_id, path, path_text, sha256, size, "
        "mtime_ns, reason, missing_since) "
        "SELECT id, recording_id, batch_id, checkpoint_id, path, path_text, "
        "(SELECT recording.sha256 FROM recording WHERE recording.id = location.recording_id), size, "
        "CAST(mtime_ns AS TEXT), reason, missing_since FROM location"
    )
    op.drop_table("location")
    op.rename_table("location_new", "location")
    for column in ("batch_id", "checkpoint_id", "path_text", "recording_id", "sha256"):
        op.create_index(f"ix_location_{column}", "location", [column])
    op.create_index(
        "uq_location_present",
        "location",
        ["path"],
        unique=True,
        sqlite_where=sa.text("missing_since IS NULL"),
    )
    op.add_column("recording", sa.Column("audio_key", sa.Text(), nullable=True))
    op.create_index("ix_recording_audio_key", "recording", ["audio_key"])
    for name in ("rehashed", "retagged", "overwritten"):
        op.add_column("batch", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "ingested_folder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("ctime_changes", sa.Integer(), nullable=False),
        sa.Column("inode_changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ingested_folder"),
        sa.UniqueConstraint("path", name="uq_ingested_folder_path"),
        sqlite_autoincrement=True,
    )
