"""The columns of every table of clips, and how a clip's values read in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.interfaces.cli.output import clock, score_text
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.clips.listing import ClipRow


def _status(row: ClipRow) -> str:
    flags = {"rejected": row.rejected, "suspect": row.suspect and not row.rejected}
    return ", ".join([row.status, *(name for name, is_set in flags.items() if is_set)])


CLIP_COLUMNS = (
    Column("id", lambda row: row.id, is_number=True),
    Column("run", lambda row: row.run, keep=Keep.BOTH_ENDS, rank=3),
    Column("epoch", lambda row: row.epoch, is_number=True),
    Column("step", lambda row: row.step, is_number=True, rank=4),
    Column("length", lambda row: clock(row.seconds), is_number=True),
    Column("status", _status),
    Column("rating", lambda row: "★" * (row.rating or 0)),
    Column("score", lambda row: score_text(row.score), is_number=True, rank=1),
    Column("tags", lambda row: row.tags, keep=Keep.START, rank=2),
    Column("path", lambda row: f"{row.path or ''}{' (missing)' if row.missing else ''}", keep=Keep.END),
)
