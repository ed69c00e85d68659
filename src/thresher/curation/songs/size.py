"""How many clips a song has and how long it is, from one query and without solving its ordering."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.queries.text import Terms
from thresher.curation.songs.limits import Candidates
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.placement import DEFAULT_RATE, longest_song, placed, within_limits
from thresher.curation.songs.sequence import COMPUTED, edits_not_applied, ordered, with_edits
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import Song, cover_of, lookups_to_save, song_candidates, store_song
from thresher.signal.mixing.resampling import resampled_frames


@dataclass(frozen=True)
class SongSize:
    """The number of a song's clips and its length in seconds.

    `is_cut` says that the limits of the song keep only some of these clips: which ones depends on an ordering
    that was not computed. `is_estimate` says that the length depends on such an ordering, because some clips
    are shorter than two crossfades. `edits_not_applied` are sentences.
    """

    clips: int
    seconds: float
    is_cut: bool
    is_estimate: bool
    edits_not_applied: tuple[str, ...]


def save_song_and_measure(
    catalog: Catalog,
    name: str,
    terms: Terms | None,
    options: SongOptions | Mapping[str, Any],
    *,
    dry_run: bool = False,
) -> tuple[Song, SongSize]:
    """Do what `save_song` does, and measure the saved song. A dry run saves nothing."""
    cover, lookups = cover_of(options), lookups_to_save(catalog, name, terms, options)

    def save(connection: Connection) -> tuple[Song, Candidates]:
        return store_song(catalog, connection, name, terms, options, cover, lookups=lookups)[:2]

    saved, candidates = catalog.write(save, dry_run=dry_run)
    clips = candidates.kept()
    with catalog.reading() as connection:
        return saved, size_of(connection, saved.settings, clips)


def song_size(catalog: Catalog, song: Song) -> SongSize:
    """Measure a song. Raises QueryError or NotFoundError if its query or ordering can't be read."""
    with catalog.reading() as connection:
        candidates = song_candidates(catalog, connection, song.settings)
    clips = candidates.kept()
    with catalog.reading() as connection:
        return size_of(connection, song.settings, clips)


def size_of(connection: Connection, settings: SongSettings, clips: Sequence[int]) -> SongSize:
    """Measure a song of these clips, which its limits on copies and checkpoints keep."""
    rows = _rows(connection, clips)
    clips = [each for each in clips if each in rows]  # one may have been forgotten since they were selected
    is_computed = settings.ordering.name in COMPUTED
    order = sorted(clips) if is_computed else ordered(settings, clips, None)
    sequence = with_edits(connection, settings, order)
    seconds = {clip_id: row.frames / (row.sample_rate or 1) for clip_id, row in rows.items()}
    is_cut = is_computed and _may_exceed_limits(list(seconds.values()), settings)
    kept, cut = [*sequence.body, *sequence.final], []
    if not is_cut:
        count, keeps_final = within_limits(
            [seconds[each] for each in sequence.body], [seconds[each] for each in sequence.final], settings
        )
        cut = [*sequence.body[count:], *(() if keeps_final else sequence.final)]
        kept = [each for each in kept if each not in set(cut)]
    rate = settings.sample_rate or max((rows[each].sample_rate or 1 for each in kept), default=DEFAULT_RATE)
    lengths = [resampled_frames(rows[each].frames, rows[each].sample_rate or 1, rate) for each in kept]
    last_start = placed(lengths, settings, rate)[-1][0] if lengths else 0
    frames = last_start + lengths[-1] if lengths else 0
    crossfade = round(settings.crossfade * rate)
    return SongSize(
        len(kept),
        frames / rate,
        is_cut,
        is_computed and any(length // 2 < crossfade for length in lengths),
        edits_not_applied(sequence.not_applied, cut, settings),
    )


def _may_exceed_limits(seconds: Sequence[float], settings: SongSettings) -> bool:
    """Whether the limits may leave out a clip; if not, all clips are kept in any ordering."""
    longest = longest_song(settings)
    most = math.inf if settings.clips is None else settings.clips
    return sum(seconds) + settings.gap * max(0, len(seconds) - 1) > longest or len(seconds) > most


def _rows(connection: Connection, clips: Sequence[int]) -> dict[int, Any]:
    """Length in frames and sample rate of clips, by id."""
    found: dict[int, Any] = {}
    for chunk in chunks(clips):
        rows = connection.execute(
            select(
                clip.c.id, (clip.c.end_frame - clip.c.start_frame).label("frames"), recording.c.sample_rate
            )
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(clip.c.id.in_(chunk))
        )
        found.update((row.id, row) for row in rows)
    return found
