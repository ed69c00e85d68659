"""Compare two checkpoints, and say which differences may be chance.

Every difference has an interval by bootstrap over the clips (`signal/statistics/bootstrap.py`): with few clips for
each checkpoint it is wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import checkpoint, clip, recording
from thresher.catalog.recordings.clip_source import SECONDS
from thresher.catalog.recordings.measures import measure_value
from thresher.catalog.scores import score_reads, scores
from thresher.curation.checkpoints.highlights import evenly_spaced
from thresher.curation.checkpoints.minutes import Beyond, beyond_clips, sounding
from thresher.curation.checkpoints.summary import generated_files, in_training_order, written_by
from thresher.curation.checkpoints.verdicts import find_checkpoint, text_of
from thresher.curation.comparison.checkpoint_scores import SIMILARITY_METRIC, nearest_earlier
from thresher.errors import UsageError
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.metrics.registry import find_metric
from thresher.signal.statistics.bootstrap import Interval, mean_difference, pair_mean, pair_mean_difference

Values = NDArray[np.float64]

MOST_CLIPS = 1_000
"""The most clips of a checkpoint that are compared in pairs. Of more clips, an evenly spaced sample is taken."""

CLIP_FIGURES = ("seconds", "loudness", *(name for name in MEASURES if name != "silence"), "rating")


@dataclass(frozen=True)
class FigureDifference:
    """One figure of two checkpoints: its mean for each, over how many clips, and the difference of the means.

    `difference` is `second` - `first`. `low` and `high` are its 95 % interval, None if one checkpoint has too few
    clips.
    """

    figure: str
    first: float | None
    second: float | None
    clips_first: int
    clips_second: int
    difference: float | None
    low: float | None
    high: float | None

    @property
    def is_chance(self) -> bool | None:
        """Whether the difference may be chance: the interval contains 0. None without an interval."""
        if self.low is None or self.high is None:
            return None
        return Interval(self.low, self.high).holds_zero


@dataclass(frozen=True)
class Comparison:
    """The names of two checkpoints and their differences."""

    first: str
    second: str
    differences: tuple[FigureDifference, ...]


def compare_checkpoints(catalog: Catalog, first: str, second: str) -> Comparison:
    """Compare the clips of two checkpoints, whose names `find_checkpoint` resolves.

    `silence` is that of the files and counts silent files and trimmed ends, as in `checkpoints`. All other figures
    are those of usable clips. Raises NotFoundError or UsageError if a name matches no checkpoint or several.
    """
    with catalog.reading() as connection:
        rows = [find_checkpoint(connection, name) for name in (first, second)]
        if rows[0].id == rows[1].id:
            raise UsageError(f"cannot compare {text_of(rows[0])} with itself; name two different checkpoints")
        names = {row.id: row for row in connection.execute(select(checkpoint))}
        order = in_training_order(names)
        written = dict(zip(order, written_by(connection, order, names), strict=True))
        sides = [written[row.id] for row in rows]
        by_likeness = scores.metric_id(connection, SIMILARITY_METRIC, find_metric(SIMILARITY_METRIC).version)
        nearest = nearest_earlier(connection, by_likeness, list(written.values()))
        figures = [_figures(connection, side.clip_ids) for side in sides]
        silence = [_silence(connection, row.id) for row in rows]
        novelty = [
            1.0 - np.array([score for (rank, _), score in nearest.items() if rank == side.rank])
            for side in sides
        ]
        likeness = [
            score_reads.between_recordings(
                connection, by_likeness, evenly_spaced(side.clip_ids, MOST_CLIPS)
            ).astype(np.float64)
            for side in sides
        ]
    return Comparison(
        text_of(rows[0]),
        text_of(rows[1]),
        (
            _difference("silence", *silence),
            *(_difference(name, figures[0][name], figures[1][name]) for name in CLIP_FIGURES),
            _difference("novelty", *novelty),
            _of_pairs("collapse", *map(_known, likeness)),
        ),
    )


def _figures(connection: Connection, clip_ids: Sequence[int]) -> Mapping[str, Values]:
    """Return the known values of each figure; a clip without a value is left out of that figure."""
    known: dict[str, list[float]] = {name: [] for name in CLIP_FIGURES}
    columns: dict[str, Any] = {"seconds": SECONDS, "loudness": clip.c.loudness, "rating": clip.c.rating}
    columns |= {name: measure_value(name) for name in MEASURES}
    statement = select(*(columns[name].label(name) for name in CLIP_FIGURES)).select_from(
        clip.join(recording, recording.c.id == clip.c.recording_id)
    )
    for chunk in chunks(clip_ids):
        for row in connection.execute(statement.where(clip.c.id.in_(chunk)).order_by(clip.c.id)):
            for name, value in row._mapping.items():
                if value is not None:
                    known[name].append(value)
    return {name: np.array(values, np.float64) for name, values in known.items()}


def _silence(connection: Connection, checkpoint_id: int) -> Values:
    """Return the silent share of each file of a checkpoint."""
    files, kept = generated_files(), sounding()
    beyond, nothing = beyond_clips(connection), Beyond(0.0, 0.0)
    statement = (
        select(files.c.recording_id, func.coalesce(kept.c.sounding, 0.0), files.c.seconds)
        .select_from(files.outerjoin(kept, kept.c.recording_id == files.c.recording_id))
        .where(files.c.checkpoint_id == checkpoint_id, files.c.seconds > 0)
        .order_by(files.c.location_id)
    )
    return np.array(
        [
            1.0 - (sound + beyond.get(recording_id, nothing).sounding) / seconds
            for recording_id, sound, seconds in connection.execute(statement)
        ],
        np.float64,
    )


def _known(matrix: Values) -> Values:
    """Return the score matrix of the clips that have a score; NaN for pairs that do not count."""
    here = np.flatnonzero(np.isfinite(matrix).any(axis=1))
    return matrix[np.ix_(here, here)]


def _difference(figure: str, first: Values, second: Values) -> FigureDifference:
    means = [float(values.mean()) if values.size else None for values in (first, second)]
    return _as_difference(figure, means, (first.size, second.size), mean_difference(first, second))


def _of_pairs(figure: str, first: Values, second: Values) -> FigureDifference:
    means = [pair_mean(first), pair_mean(second)]
    return _as_difference(figure, means, (len(first), len(second)), pair_mean_difference(first, second))


def _as_difference(
    figure: str, means: Sequence[float | None], clips: tuple[int, int], interval: Interval | None
) -> FigureDifference:
    first, second = means
    return FigureDifference(
        figure=figure,
        first=first,
        second=second,
        clips_first=clips[0],
        clips_second=clips[1],
        difference=None if first is None or second is None else second - first,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )
