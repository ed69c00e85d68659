"""Limits on which of the clips that a song's query selects are in the song: no copies, few per checkpoint.

Both keep the best clips: those that were added or pinned by hand, then those with the highest rating, then the
earliest ones. Clips that name no checkpoint are not limited per checkpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.queries.lookups import Lookups
from thresher.curation.songs.settings import SongSettings
from thresher.errors import UsageError

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.settings.sections import DupesSection, Settings
    from thresher.curation.comparison.duplicates import CloseClips, Comparisons


def check_copies(settings: SongSettings, configured: Settings) -> None:
    """Raise UsageError if a song is to leave out copies, and the metric that finds them is not in use."""
    if settings.no_copies and "aligned" not in configured.metrics.use:
        raise UsageError(
            '--no-copies needs the scores of aligned; add "aligned" to [metrics] use in catalog.toml, then run '
            "`thresher score`"
        )


@dataclass(frozen=True)
class SongLookups(Lookups):
    """What the query of a song looked up, and the comparisons of sounds that were made to leave out copies.

    A write transaction that gets it touches no file and compares no sounds, unless clips changed meanwhile.
    """

    comparisons: Comparisons = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """The clips that a song's query and edits select, and what the song's limits depend on.

    They are read in a transaction. Which of them the limits keep is computed outside of transactions, because
    looking for copies compares sounds. `known` are the comparisons that were made before.
    """

    clips: Sequence[int]
    settings: SongSettings
    dupes: DupesSection
    facts: Mapping[int, Any]
    close: CloseClips | None
    known: Comparisons

    def kept(self) -> list[int]:
        """Return the clips that the song's limits keep, in the given order."""
        settings = self.settings
        if not settings.no_copies and settings.per_checkpoint is None:
            return list(self.clips)
        first = {*settings.edits.added, *settings.edits.positions}

        def preference(clip_id: int) -> tuple[Any, ...]:
            return clip_id not in first, -(self.facts[clip_id].rating or 0), clip_id

        kept = sorted(self.clips, key=preference)
        if self.close is not None:
            from thresher.curation.comparison.duplicates import without_copies

            kept = without_copies(kept, self.close, self.dupes, self.known)
        if settings.per_checkpoint is not None:
            kept = _few_per_checkpoint(kept, self.facts, settings.per_checkpoint)
        members = {*kept, *settings.edits.added}
        return [clip_id for clip_id in self.clips if clip_id in members]


def read_candidates(
    catalog: Catalog,
    connection: Connection,
    settings: SongSettings,
    clips: Sequence[int],
    known: Comparisons | None = None,
) -> Candidates:
    """Read what the limits of a song depend on, of the clips that its query and edits select."""
    dupes, known = catalog.settings.dupes, {} if known is None else known
    if not settings.no_copies and settings.per_checkpoint is None:
        return Candidates(clips, settings, dupes, {}, None, known)
    close = None
    if settings.no_copies:
        from thresher.curation.comparison.duplicates import read_close_clips

        close = read_close_clips(connection, clips, dupes)
    return Candidates(clips, settings, dupes, _facts(connection, clips), close, known)


def _few_per_checkpoint(clips: Sequence[int], facts: Mapping[int, Any], most: int) -> list[int]:
    counts: Counter[int] = Counter()
    kept = []
    for clip_id in clips:
        number = facts[clip_id].checkpoint_id
        if number is not None:
            counts[number] += 1
            if counts[number] > most:
                continue
        kept.append(clip_id)
    return kept


def _facts(connection: Connection, clips: Sequence[int]) -> dict[int, Any]:
    """Read the rating and the checkpoint of clips, by id."""
    found: dict[int, Any] = {}
    for chunk in chunks(clips):
        rows = connection.execute(
            select(clip.c.id, clip.c.rating, recording.c.checkpoint_id)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(clip.c.id.in_(chunk))
        )
        found.update((row.id, row) for row in rows)
    return found
