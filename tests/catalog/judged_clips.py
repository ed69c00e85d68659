"""Four clips that decisions are made about, and what was decided."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location
from thresher.catalog.decisions.journal import Decision
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip

CLIPS = 4


SILENT = 4


SPAN = {"kind": "whole", "ordinal": 0, "start_frame": 0, "end_frame": 16_000, "trim": "{}"}


def add_location(connection: Any, recording_id: int, path: str, checkpoint_id: int | None) -> None:
    connection.execute(
        insert(location).values(
            recording_id=recording_id,
            batch_id=1,
            checkpoint_id=checkpoint_id,
            path=path.encode(),
            path_text=path,
            size=1,
            mtime_ns=1,
        )
    )


def standing(catalog: Catalog) -> list[Decision]:
    """Decisions that are in force, the earliest first."""
    made = judging.history(catalog)
    return [each for each in reversed(made) if each.undoes is None and each.undone_by is None]


def rating(catalog: Catalog, clip_id: int = 1) -> int | None:
    return show_clip(catalog, str(clip_id)).clip.rating


ANNA, BEN = "anna@studio", "ben@desk"
