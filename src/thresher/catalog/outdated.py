"""Recordings that an earlier version called truncated or unreadable, and that today's may read in full.

Before ffmpeg was used, and before its word counted, libsndfile's error decided. It calls some intact files
malformed, such as Opus files whose pages state uneven times. The reasons that were stored then are not written any
more, so a recording that was analysed again is not counted again.
"""

from __future__ import annotations

from sqlalchemy import Connection, and_, distinct, exists, func, or_, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location, recording

_FORMER_DAMAGE = "damaged: %"
_FORMER_REASONS = (
    "Supported file format but file is malformed",
    "File contains data in an unimplemented format",
)


def outdated_recordings(catalog: Catalog) -> dict[str, int]:
    """Return how many recordings with a file have a status that an analysis may change now, by status."""
    with catalog.reading() as connection:
        return outdated_statuses(connection)


def outdated_statuses(connection: Connection) -> dict[str, int]:
    """Return the same within a transaction."""
    is_present = exists().where(location.c.recording_id == recording.c.id, location.c.missing_since.is_(None))
    is_outdated = or_(
        and_(
            recording.c.status == "truncated",
            recording.c.container == "OGG",
            or_(recording.c.reason.like(_FORMER_DAMAGE), recording.c.decoder_version.is_(None)),
        ),
        and_(recording.c.status == "unreadable", recording.c.reason.in_(_FORMER_REASONS)),
    )
    found = connection.execute(
        select(recording.c.status, func.count(distinct(recording.c.id)))
        .where(is_outdated, is_present)
        .group_by(recording.c.status)
        .order_by(recording.c.status)
    )
    return {row[0]: row[1] for row in found}
