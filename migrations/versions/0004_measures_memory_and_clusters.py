"""Measures of clips, verdicts on checkpoints, what was heard and what is suspected, clusters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("verdict", sa.Text(), nullable=True))
    op.add_column("checkpoint", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("clip", sa.Column("heard_at", sa.Float(), nullable=True))
    op.add_column("clip", sa.Column("examined", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("clip", sa.Column("trusted", sa.Boolean(), nullable=False, server_default="0"))
    # what files said under names that are fields now stays askable, as what sidecars say under others is
    op.execute(
        "UPDATE OR IGNORE attribute SET key = 'sidecar_' || key WHERE key IN "
        "('loudness_range', 'clipping', 'dc_offset', 'loop_period', 'onset_rate', 'tempo')"
    )
    # only what comes from now on is held against what was rejected
    op.execute("UPDATE clip SET examined = 1")
    op.create_index("ix_clip_unexamined", "clip", ["id"], sqlite_where=sa.text("NOT examined"))
    op.create_table(
        "measure",
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("silence", sa.Float(), nullable=False),
        sa.Column("loudness_range", sa.Float(), nullable=True),
        sa.Column("clipping", sa.Float(), nullable=False),
        sa.Column("noise", sa.Float(), nullable=True),
        sa.Column("dc_offset", sa.Float(), nullable=False),
        sa.Column("loop", sa.Float(), nullable=True),
        sa.Column("loop_period", sa.Float(), nullable=True),
        sa.Column("onset_rate", sa.Float(), nullable=True),
        sa.Column("tempo", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name="fk_measure_clip_id_clip", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("clip_id", name="pk_measure"),
    )
    op.create_table(
        "suspicion",
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clip.id"], name="fk_suspicion_clip_id_clip", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["clip.id"], name="fk_suspicion_other_id_clip", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("clip_id", "other_id", "metric", name="pk_suspicion"),
    )
    op.create_index("ix_suspicion_other_id", "suspicion", ["other_id"])
    op.create_table(
        "listening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_listening"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "listening_clip",
        sa.Column("listening_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(
            ["listening_id"],
            ["listening.id"],
            name="fk_listening_clip_listening_id_listening",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clip.id"], name="fk_listening_clip_clip_id_clip", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listening_id", "position", name="pk_listening_clip"),
    )
    op.create_index("ix_listening_clip_clip_id", "listening_clip", ["clip_id"])
    op.create_table(
        "clustering",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fitted_at", sa.Float(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("smallest", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clustering"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cluster",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("medoid_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["medoid_id"], ["clip.id"], name="fk_cluster_medoid_id_clip", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_cluster"),
    )
    op.create_index("ix_cluster_medoid_id", "cluster", ["medoid_id"])
    op.create_table(
        "cluster_clip",
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clip.id"], name="fk_cluster_clip_clip_id_clip", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["number"], ["cluster.number"], name="fk_cluster_clip_number_cluster", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("clip_id", name="pk_cluster_clip"),
    )
    op.create_index("ix_cluster_clip_number", "cluster_clip", ["number"])
