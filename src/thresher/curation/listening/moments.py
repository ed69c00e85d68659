"""The clips most similar to one moment of a clip: those in which the moment occurs, then those that sound like it.

A moment *occurs* in a clip if a passage of the clip's fingerprint matches it as well as duplicates match, see
`[dupes] score`. Likeness compares the descriptor of the moment, which is computed from the samples, with the stored
descriptors of whole clips. Times are seconds from the start of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import features, score_reads
from thresher.catalog.scores.suspicion import COPY_METRIC
from thresher.curation.clips.listing import ClipRow, rows_of
from thresher.curation.clips.selection import find_clip
from thresher.curation.comparison.duplicates import STANDS_OUT
from thresher.curation.previews.source import ClipSource, clip_source, open_audio
from thresher.errors import AudioError, UsageError
from thresher.signal.features.trim import to_mono
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric

MOMENT_SECONDS = 5.0
"""The length of a moment by default. Shorter ones than 4.1 s have too few fingerprint words to be found again."""

SHORTEST_MOMENT, LONGEST_MOMENT = 0.1, 120.0
METRICS = ("aligned", "likeness")


@dataclass(frozen=True)
class MomentNeighbour:
    """A clip and how similar it is to a moment of another one, in [0, 1].

    By `metric` "aligned", the moment occurs in this clip, `at` seconds after the clip's start. By "likeness", the
    clip as a whole sounds like the moment, and `at` is None.
    """

    clip: ClipRow
    score: float
    metric: str
    at: float | None


def near_moment(
    catalog: Catalog,
    term: str,
    at: float,
    *,
    length: float = MOMENT_SECONDS,
    metric: str | None = None,
    limit: int = 20,
) -> list[MomentNeighbour]:
    """Return the `limit` clips most similar to `length` seconds of a clip from `at` on, the most similar first.

    `term` is a clip's id, path or query. By default, the clips in which the moment occurs come first, then the
    other clips by likeness; `metric` chooses one of the two. At the end of the clip, the moment is shorter. Clips
    of the same recording are left out.

    Raises NotFoundError if nothing fits `term` or its file is gone, AudioError if its file can't be read, and
    UsageError for a moment beyond the clip, a silent one, an unknown metric or a limit below 1.
    """
    if limit < 1:
        raise UsageError(f"the limit must be 1 or more, not {limit}")
    if metric is not None and metric not in METRICS:
        raise UsageError(f'a moment is not compared by "{metric}" (expected {" or ".join(METRICS)})')
    if not SHORTEST_MOMENT <= length <= LONGEST_MOMENT:
        allowed = f"expected {SHORTEST_MOMENT:g} to {LONGEST_MOMENT:g}"
        raise UsageError(f"a moment of {length:g} s is out of range ({allowed})")
    with catalog.reading() as connection:
        clip_id = find_clip(catalog, connection, term)
    source = clip_source(catalog, clip_id)
    seconds = source.frames / source.sample_rate
    if not 0 <= at < seconds:
        raise UsageError(f"there is no moment at {at:g} s of clip {clip_id}, which is {seconds:.2f} s long")
    end = min(at + length, seconds)
    found: list[tuple[int, float, str, float | None]] = []
    if metric != "likeness":
        found += _occurring(catalog, clip_id, (at, end))
    if metric != "aligned" and len(found) < limit:
        known = {clip_id for clip_id, *_ in found}
        alike = _alike(catalog, clip_id, _samples(catalog, source, at, end), source.sample_rate)
        found += [(each, score, "likeness", None) for each, score in alike if each not in known]
    found = found[:limit]
    rows = {row.id: row for row in rows_of(catalog, [other for other, *_ in found])}
    return [
        MomentNeighbour(rows[other], score, by, place) for other, score, by, place in found if other in rows
    ]


def _samples(catalog: Catalog, source: ClipSource, at: float, end: float) -> NDArray[np.float32]:
    """Return the mono samples of a moment: float32, shape (frames,)."""
    first, rate = source.start, source.sample_rate
    start, stop = first + round(at * rate), min(first + round(end * rate), source.end)
    with open_audio(source) as reader:
        blocks = [to_mono(block, source.mono_channel) for block in reader.blocks(start, stop)]
    y = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not y.size:
        raise AudioError(f"the file of clip {source.clip} ends before {at:g} s of the clip")
    if not np.isfinite(y).all():
        raise AudioError(f"clip {source.clip} holds samples that are NaN or infinite at {at:g} s")
    floor_db = catalog.settings.trim.floor_db
    if float(np.sqrt(np.mean(np.square(y - y.mean(), dtype=np.float64)))) <= 10.0 ** (floor_db / 20.0):
        raise UsageError(f"clip {source.clip} is silent from {at:g} to {end:g} s; choose a moment with sound")
    return y


def _alike(catalog: Catalog, clip_id: int, y: NDArray[np.float32], sr: int) -> list[tuple[int, float]]:
    """Return the clips that sound like mono samples of a clip, the most similar first, with their scores."""
    from thresher.signal.features.descriptors import descriptor

    likeness: Metric[Any] = find_metric("likeness")
    described = descriptor(y, sr)
    with catalog.reading() as connection:
        others = score_reads.read_comparable(connection, likeness, clip_id)
    return others.nearest_to(described)


def _occurring(
    catalog: Catalog, clip_id: int, moment: tuple[float, float]
) -> list[tuple[int, float, str, float | None]]:
    """Return the clips in which a moment occurs, the best first, with the time at which it does."""
    from thresher.signal.features.fingerprint import WORD_SECONDS
    from thresher.signal.metrics.passages import LEAST_PASSAGE_WORDS, occurrences, words_within

    with catalog.reading() as connection:
        if not features.checksums(connection, [clip_id], "fingerprint"):
            return []
        (own,) = features.read(connection, [clip_id], "fingerprint")
        ids = score_reads.comparable(connection, find_metric(COPY_METRIC), clip_id).tolist()
        others = list(features.read(connection, ids, "fingerprint"))
    begin, end = moment
    within = words_within(begin, end, own.size)
    if len(within) < LEAST_PASSAGE_WORDS:
        return []
    passage = own[within.start : within.stop]
    places = occurrences(passage, others, catalog.settings.dupes.score)
    before = within.start * WORD_SECONDS - begin  # from the moment's start to its first word
    found = [
        (other, place.score, COPY_METRIC, max(0.0, place.word * WORD_SECONDS - before))
        for other, place in zip(ids, places, strict=True)
        if place is not None and place.standing_out >= STANDS_OUT
    ]
    return sorted(found, key=lambda each: (-each[1], each[0]))
