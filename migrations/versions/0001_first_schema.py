"""The first schema of the catalog."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("paths", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("files", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("added", sa.Integer(), server_default="0", nullable=False),
        sa.Column("copies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("moved", sa.Integer(), server_default="0", nullable=False),
        sa.Column("missing", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reanalysed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["undoes_id"], ["decision.id"], name=op.f("fk_decision_undoes_id_decision")),
        sa.ForeignKeyConstraint(
            ["undone_by_id"], ["decision.id"], name=op.f("fk_decision_undone_by_id_decision")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "metric",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_metric_name_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "song",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("ordering", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("length", sa.Float(), nullable=True),
        sa.Column("clips", sa.Integer(), nullable=True),
        sa.Column("sample_rate", sa.Integer(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("fade", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_song")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_song_name", "song", ["name"], unique=True, sqlite_where=sa.text("NOT deleted"))
    op.create_table(
        "recording",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("subtype", sa.Text(), nullable=True),
        sa.Column("sample_rate", sa.Integer(), nullable=True),
        sa.Column("channels", sa.Integer(), nullable=True),
        sa.Column("frames", sa.Integer(), nullable=True),
        sa.Column("mono_channel", sa.Integer(), nullable=True),
        sa.Column("checkpoint_id", sa.Integer(), nullable=True),
        sa.Column("checkpoint_pinned", sa.Boolean(), server_default="0", nullable=False),
        sa.CheckConstraint("role IN ('generated', 'reference')", name=op.f("ck_recording_role")),
        sa.CheckConstraint(
            "status IN ('ok', 'silent', 'too_short', 'unreadable', 'truncated', 'empty', 'non_finite')",
            name=op.f("ck_recording_status"),
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_recording_batch_id_batch")),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoint.id"], name=op.f("fk_recording_checkpoint_id_checkpoint")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("sha256", name=op.f("uq_recording_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_recording_batch_id"), "recording", ["batch_id"], unique=False)
    op.create_index(op.f("ix_recording_checkpoint_id"), "recording", ["checkpoint_id"], unique=False)
    op.create_table(
        "rendering",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("song_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("plan_sha256", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("ordering", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("path_text", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("subtype", sa.Text(), nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["song_id"], ["song.id"], name=op.f("fk_rendering_song_id_song")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rendering")),
        sa.UniqueConstraint("song_id", "number", name=op.f("uq_rendering_song_id_number")),
        sa.UniqueConstraint("song_id", "plan_sha256", name=op.f("uq_rendering_song_id_plan_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "clip",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("start_frame", sa.Integer(), nullable=False),
        sa.Column("end_frame", sa.Integer(), nullable=False),
        sa.Column("trim", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint_crc32", sa.Integer(), nullable=True),
        sa.Column("fingerprint_backend", sa.Text(), nullable=True),
        sa.Column("fingerprint_version", sa.Text(), nullable=True),
        sa.Column("loudness", sa.Float(), nullable=True),
        sa.Column("peak", sa.Float(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("rejected", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('whole', 'part', 'marked')", name=op.f("ck_clip_kind")),
        sa.CheckConstraint("0 <= start_frame AND start_frame <= end_frame", name=op.f("ck_clip_span")),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("ck_clip_rating")),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recording.id"],
            name=op.f("fk_clip_recording_id_recording"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clip")),
        sa.UniqueConstraint(
            "recording_id", "kind", "ordinal", name=op.f("uq_clip_recording_id_kind_ordinal")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "location",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=True),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=True),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("path_text", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("mtime_ns", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("missing_since", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "recording_id IS NOT NULL OR reason IS NOT NULL", name=op.f("ck_location_recording_or_reason")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_location_batch_id_batch")),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoint.id"], name=op.f("fk_location_checkpoint_id_checkpoint")
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recording.id"],
            name=op.f("fk_location_recording_id_recording"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_location_batch_id"), "location", ["batch_id"], unique=False)
    op.create_index(op.f("ix_location_checkpoint_id"), "location", ["checkpoint_id"], unique=False)
    op.create_index("ix_location_path_text", "location", ["path_text"], unique=False)
    op.create_index(op.f("ix_location_recording_id"), "location", ["recording_id"], unique=False)
    op.create_index(
        "uq_location_present",
        "location",
        ["path"],
        unique=True,
        sqlite_where=sa.text("missing_since IS NULL"),
    )
    op.create_table(
        "rendering_clip",
        sa.Column("rendering_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("recording_sha256", sa.Text(), nullable=False),
        sa.Column("path_text", sa.Text(), nullable=False),
        sa.Column("start_frame", sa.Integer(), nullable=False),
        sa.Column("end_frame", sa.Integer(), nullable=False),
        sa.Column("sample_rate", sa.Integer(), nullable=False),
        sa.Column("mono_channel", sa.Integer(), nullable=True),
        sa.Column("gain", sa.Float(), nullable=False),
        sa.Column("fade_frames", sa.Integer(), nullable=False),
        sa.Column("output_start", sa.Integer(), nullable=False),
        sa.Column("output_frames", sa.Integer(), nullable=False),
        sa.Column("seam", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rendering_id"], ["rendering.id"], name=op.f("fk_rendering_clip_rendering_id_rendering")
        ),
        sa.PrimaryKeyConstraint("rendering_id", "position", name=op.f("pk_rendering_clip")),
    )
    op.create_table(
        "attribute",
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.Column("pinned", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["location.id"],
            name=op.f("fk_attribute_location_id_location"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("location_id", "key", name=op.f("pk_attribute")),
    )
    op.create_index("ix_attribute_key", "attribute", ["key"], unique=False)
    op.create_table(
        "clip_tag",
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clip.id"], name=op.f("fk_clip_tag_clip_id_clip"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("clip_id", "tag", name=op.f("pk_clip_tag")),
    )
    op.create_index("ix_clip_tag_tag", "clip_tag", ["tag"], unique=False)
    op.create_table(
        "nearest",
        sa.Column("metric_id", sa.Integer(), nullable=False),
        sa.Column("clip_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clip.id"], name=op.f("fk_nearest_clip_id_clip"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["metric_id"], ["metric.id"], name=op.f("fk_nearest_metric_id_metric")),
        sa.ForeignKeyConstraint(
            ["other_id"], ["clip.id"], name=op.f("fk_nearest_other_id_clip"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("metric_id", "clip_id", name=op.f("pk_nearest")),
    )
    op.create_index(op.f("ix_nearest_other_id"), "nearest", ["other_id"], unique=False)
    op.create_index("ix_nearest_score", "nearest", ["metric_id", "score"], unique=False)
    op.create_table(
        "score_row",
        sa.Column("metric_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("clip_id", sa.Integer(), nullable=True),
        sa.Column("scores", sa.LargeBinary(), nullable=False),
        sa.Column("crc32", sa.Integer(), nullable=False),
        sa.Column("retired", sa.Boolean(), server_default="0", nullable=False),
        sa.CheckConstraint("clip_id IS NOT NULL OR retired", name=op.f("ck_score_row_forgotten")),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clip.id"], name=op.f("fk_score_row_clip_id_clip"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["metric_id"], ["metric.id"], name=op.f("fk_score_row_metric_id_metric")),
        sa.PrimaryKeyConstraint("metric_id", "position", name=op.f("pk_score_row")),
    )
    op.create_index("ix_score_row_clip_id", "score_row", ["clip_id"], unique=False)
    op.create_index(
        "uq_score_row_live",
        "score_row",
        ["metric_id", "clip_id"],
        unique=True,
        sqlite_where=sa.text("NOT retired"),
    )
    op.create_index(
        "uq_checkpoint",
        "checkpoint",
        [sa.text("coalesce(run, '')"), sa.text("coalesce(epoch, -1)"), sa.text("coalesce(step, -1)")],
        unique=True,
    )
