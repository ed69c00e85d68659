"""Store what decoded each recording, and each clip of a rendering.

Everything until now was decoded by libsndfile. Its version is not known for each recording. A rendering keeps the
version of its libraries in `rendering.versions`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("recording", sa.Column("decoder", sa.Text(), nullable=True))
    op.add_column("recording", sa.Column("decoder_version", sa.Text(), nullable=True))
    op.execute("UPDATE recording SET decoder = 'libsndfile' WHERE sample_rate IS NOT NULL")
    op.add_column(
        "rendering_clip", sa.Column("decoder", sa.Text(), nullable=False, server_default="libsndfile")
    )
    op.add_column("rendering_clip", sa.Column("decoder_version", sa.Text(), nullable=True))
