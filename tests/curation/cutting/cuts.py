"""Cut the recordings of a test's catalog as `split` and `mark` do, at given spans; and a catalog of such clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soundfile

from tests.support import RATE, MakeSound, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment
from thresher.catalog.recordings.cut_clips import add_cut_clips
from thresher.curation.comparison.score import score_all
from thresher.curation.cutting.spans import analyse_spans
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.catch_up import catch_up
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.signal.features.trim import Span


def split_recording(catalog: Catalog, recording_id: int, spans: Sequence[Span]) -> list[int]:
    """Split a recording into parts, as one decision; return their ids."""
    contents = analyse_spans(catalog, {recording_id: spans}, executor="serial").contents[recording_id]
    with writing(catalog) as connection:
        ids = add_cut_clips(connection, recording_id, "part", contents)
        assignments = [Assignment("clip", part, "removed", False) for part in ids]
        assignments.append(Assignment("recording", recording_id, "split", '{"silence":0.4}'))
        decide(connection, "split", "split one recording", assignments)
    score_all(catalog)
    return ids


def mark_recording(catalog: Catalog, recording_id: int, span: Span, name: str | None = None) -> int:
    """Mark a span of a recording, as one decision; return the mark's id."""
    contents = analyse_spans(catalog, {recording_id: [span]}, executor="serial").contents[recording_id]
    with writing(catalog) as connection:
        (mark,) = add_cut_clips(connection, recording_id, "marked", contents, [name])
        decide(connection, "mark", "mark one clip", [Assignment("clip", mark, "removed", False)])
    score_all(catalog)
    return mark


PARTS = (Span(0, 5 * RATE), Span(6 * RATE, 11 * RATE), Span(12 * RATE, 17 * RATE))
"""The spans of the parts of the recording that `cut_shelf` splits."""


def cut_shelf(catalog: Catalog, sound: MakeSound) -> None:
    """Fill a catalog with parts, marks, a hidden whole and removed clips.

    Clip 1 is the hidden whole of run_epoch_1_0.wav, whose parts are the clips 5, 6 and 7, of 5 s each. The parts 5
    and 6 have the same sound, which the clip 2 of epoch 2 has, too. Clip 3 of epoch 1, of 4 s, has two marks that
    overlap: 8, "drop", from 1 s to 3 s, and 9, from 2 s to 3.5 s. Clip 4 of epoch 2 had the mark 10, which was
    removed.
    """
    folder = catalog.root / "out"
    folder.mkdir()
    first, gap = sound(1, 5.0), np.zeros((RATE, 1), np.float32)
    soundfile.write(
        folder / "run_epoch_1_0.wav", np.concatenate([first, gap, first, gap, sound(2, 5.0)]), RATE
    )
    soundfile.write(folder / "run_epoch_2_0.wav", first, RATE)
    soundfile.write(folder / "run_epoch_1_1.wav", sound(3, 4.0), RATE)
    soundfile.write(folder / "run_epoch_2_1.wav", sound(4, 4.0), RATE)
    for name in ("run_epoch_1_0", "run_epoch_2_0", "run_epoch_1_1", "run_epoch_2_1"):
        ingest(catalog, [folder / f"{name}.wav"], IngestOptions(executor="serial"))
    split_recording(catalog, 1, PARTS)
    mark_recording(catalog, 3, Span(RATE, 3 * RATE), "drop")
    mark_recording(catalog, 3, Span(2 * RATE, 7 * RATE // 2))
    mark_recording(catalog, 4, Span(RATE, 2 * RATE))
    undo(catalog)
    catch_up(catalog, executor="serial")
