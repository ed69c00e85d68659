"""Cut the recordings of a test's catalog as `split` and `mark` do, at given spans."""

from __future__ import annotations

from collections.abc import Sequence

from thresher.catalog.catalog import Catalog
from thresher.catalog.cut_clips import add_cut_clips
from thresher.catalog.decisions import Assignment, decide
from thresher.curation.comparison.score import score_all
from thresher.curation.cutting.spans import analyse_spans
from thresher.signal.features.trim import Span


def split_recording(catalog: Catalog, recording_id: int, spans: Sequence[Span]) -> list[int]:
    """Split a recording into parts, as one decision; return their ids."""
    contents = analyse_spans(catalog, {recording_id: spans}, executor="serial").contents[recording_id]
    with catalog.writing() as connection:
        ids = add_cut_clips(connection, recording_id, "part", contents)
        assignments = [Assignment("clip", part, "removed", False) for part in ids]
        assignments.append(Assignment("recording", recording_id, "split", '{"silence":0.4}'))
        decide(connection, "split", "split one recording", assignments)
    score_all(catalog)
    return ids


def mark_recording(catalog: Catalog, recording_id: int, span: Span, name: str | None = None) -> int:
    """Mark a span of a recording, as one decision; return the mark's id."""
    contents = analyse_spans(catalog, {recording_id: [span]}, executor="serial").contents[recording_id]
    with catalog.writing() as connection:
        (mark,) = add_cut_clips(connection, recording_id, "marked", contents, [name])
        decide(connection, "mark", "mark one clip", [Assignment("clip", mark, "removed", False)])
    score_all(catalog)
    return mark
