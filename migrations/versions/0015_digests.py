"""Add digests of rows, checksums of measures, and the writers of decisions with their sequences.

The upgrade computes the digests at its end, as after each revision. The decisions that were made before get one
writer, "earlier", whose sequence follows their ids.
"""

from __future__ import annotations

import zlib

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

DIGESTS = {
    "batch": ["id"],
    "checkpoint": ["id"],
    "recording": ["id"],
    "location": ["id"],
    "ingested_folder": ["id"],
    "attribute": ["location_id", "key"],
    "clip": ["id"],
    "clip_tag": ["clip_id", "tag"],
    "suspicion": ["clip_id", "other_id", "metric"],
    "listening": ["id"],
    "listening_clip": ["listening_id", "position"],
    "clustering": ["id"],
    "cluster": ["number"],
    "cluster_clip": ["clip_id"],
    "metric": ["id"],
    "song": ["id"],
    "saved_query": ["id"],
    "rendering": ["id"],
    "rendering_clip": ["rendering_id", "position"],
    "output": ["id"],
    "decision": ["id"],
    "writer": ["name"],
    "safeguard": ["name"],
}
"""The tables that get a digest, with their keys."""


def upgrade() -> None:
    op.create_table(
        "writer",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("name", name="pk_writer"),
    )
    op.create_table(
        "safeguard",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("name", name="pk_safeguard"),
    )
    number_decisions()
    check_measures()
    for table, key in DIGESTS.items():
        names = ["digest", "analysis_digest"] if table in ("recording", "clip") else ["digest"]
        for name in names:
            if table not in ("writer", "safeguard"):
                op.add_column(table, sa.Column(name, sa.LargeBinary()))
            missing = sa.text(f"{name} IS NULL")
            op.create_index(f"ix_{table}_without_{name}", table, key, sqlite_where=missing)


def number_decisions() -> None:
    op.add_column("decision", sa.Column("writer", sa.Text(), nullable=False, server_default=""))
    op.add_column("decision", sa.Column("sequence", sa.Integer(), nullable=False, server_default="0"))
    connection = op.get_bind()
    ids = list(connection.scalars(sa.text("SELECT id FROM decision ORDER BY id")))
    if ids:
        connection.execute(
            sa.text("UPDATE decision SET writer = 'earlier', sequence = :sequence WHERE id = :id"),
            [{"sequence": sequence, "id": each} for sequence, each in enumerate(ids, start=1)],
        )
        connection.execute(
            sa.text("INSERT INTO writer VALUES ('earlier', :count, NULL)"), {"count": len(ids)}
        )
    op.create_index("uq_decision_sequence", "decision", ["writer", "sequence"], unique=True)


def check_measures() -> None:
    op.add_column("measure", sa.Column("crc32", sa.Integer(), nullable=False, server_default="0"))
    connection = op.get_bind()
    raw = connection.connection.dbapi_connection
    raw.create_function("measure_crc32", 4, _crc32, deterministic=True)
    connection.execute(sa.text("UPDATE measure SET crc32 = measure_crc32(clip_id, name, version, value)"))


def _crc32(clip_id: int, name: str, version: int, value: float | None) -> int:
    exact = None if value is None else float(value)
    return zlib.crc32(f"{clip_id} {name} {version} {exact!r}".encode())
