"""Salvage: make a song of the sounds in mostly silent recordings.

The recordings are split at their silences, and the song is made of the parts that are long enough. Both are one
decision, so that one undo takes both back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip
from thresher.catalog.queries.query import context_of, join_terms, parse, select_clips, with_defaults
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.measures import measure_value
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import recordings_of, select_by_id, select_ids
from thresher.curation.cutting.finding import analysed_parts
from thresher.curation.cutting.split import changed_by, planned_split, scored, stored_parts, with_the_rest
from thresher.curation.cutting.split_report import SplitReport
from thresher.curation.cutting.targets import CHANGED, Target, as_they_were, targets_of
from thresher.curation.songs.limits import Candidates
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.size import SongSize, size_of, song_size
from thresher.curation.songs.songs import Song, cover_of, store_song
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.formatting import counted
from thresher.progress import Progress, no_progress
from thresher.signal.features.split_settings import SplitSettings

MOSTLY = 0.5
"""The share of silent frames from which on a recording is mostly silent."""

LEAST_SOUND_SECONDS = 1.0
"""The length of a sound that is worth keeping, by default."""


@dataclass(frozen=True)
class Salvage:
    """A song of the sounds in mostly silent recordings, and how they were split.

    `recordings` is the number of mostly silent recordings that the query selects, `too_short` that of the sounds in
    them that are shorter than wanted.
    """

    song: Song
    size: SongSize
    split: SplitReport
    recordings: int
    too_short: int


def salvage_song(
    catalog: Catalog,
    name: str,
    terms: Terms,
    options: SongOptions | None = None,
    *,
    least: float = LEAST_SOUND_SECONDS,
    executor: str | None = None,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> Salvage:
    """Split the mostly silent recordings of the clips that the terms match, and save a song of the parts.

    Recordings that were split before stay as they are split. `least` is the length of the shortest part in the
    song, in seconds. A dry run analyses the files and changes nothing. It knows no copies among new parts, because
    these have no scores yet.

    Raises NotFoundError if nothing that the terms match is mostly silent, or nothing in it sounds long enough; then
    nothing is changed.
    """
    if not least >= 0:
        raise UsageError(f"--least {least:g} is below 0 seconds")
    settings = SplitSettings(silence=catalog.settings.trim.split_seconds)
    cover = cover_of(options or SongOptions())
    with catalog.reading() as connection:
        targets = _mostly_silent(catalog, connection, terms)
    whole = [target for target in targets if target.split is None]
    found = analysed_parts(catalog, whole, settings, executor=executor, progress=progress)
    changing = changed_by(whole, found)
    kept = [target for target in targets if target.split is not None or target in changing]
    if not kept:
        raise _nothing_sounds(terms, least)
    query = _query_of(kept, least)

    def carry_out(connection: Connection) -> tuple[SplitReport, Song, int, Candidates]:
        if changed := as_they_were(connection, kept)[1]:
            raise CatalogError(f"{changed[0].path or 'a recording'} {CHANGED}")
        report, assignments = stored_parts(catalog, connection, changing, found, settings)
        song, candidates, made = store_song(
            catalog,
            connection,
            name,
            query,
            options or SongOptions(),
            cover,
            after=assignments,
            source=f" of the sounds in {counted(len(kept), 'recording')}",
        )
        if not candidates.clips:
            raise _nothing_sounds(terms, least)
        short = _count(catalog, connection, _query_of(kept, 0.0)) - _count(catalog, connection, query)
        return replace(report, decision=made), song, short, candidates

    def rehearse(connection: Connection) -> tuple[Song, int, SongSize]:
        _, song, short, candidates = carry_out(connection)
        return song, short, size_of(connection, song.settings, candidates.kept())

    if dry_run:
        song, short, size = catalog.write(rehearse, dry_run=True)
        report = planned_split(catalog, changing, found, settings)
        return Salvage(song, size, with_the_rest(report, whole, found, settings), len(targets), short)
    report, song, short, _ = catalog.write(carry_out)
    report = with_the_rest(report, whole, found, settings)
    report = scored(catalog, report, progress, executor=executor)
    return Salvage(song, song_size(catalog, song), report, len(targets), short)


def _mostly_silent(catalog: Catalog, connection: Connection, terms: Terms) -> list[Target]:
    """Return the recordings of the clips that the terms match, if their wholes are mostly silent."""
    ids = {*_songs_and_wholes(catalog, connection, terms), *select_by_id(catalog, connection, terms)}
    if not ids:
        raise no_match(catalog, connection, terms)
    targets = [
        each for each in targets_of(connection, recordings_of(connection, sorted(ids))) if each.is_usable
    ]
    silence: dict[int, float] = {}
    for chunk in chunks([target.whole for target in targets]):
        statement = select(clip.c.id, measure_value("silence")).where(clip.c.id.in_(chunk))
        silence.update((row[0], row[1]) for row in connection.execute(statement) if row[1] is not None)
    found = [target for target in targets if silence.get(target.whole, 0.0) >= MOSTLY]
    if targets and not silence:
        raise NotFoundError(
            f"the silence in {join_terms(terms)} is not measured; `thresher score` measures clips"
        )
    if not found:
        raise NotFoundError(
            f"no recording of {join_terms(terms)} is mostly silent; `thresher list silence:{MOSTLY:g}..` lists "
            "those that are"
        )
    return found


def _songs_and_wholes(catalog: Catalog, connection: Connection, terms: Terms) -> list[int]:
    """Return the clips that a song of the terms may have, and the wholes of recordings that were split before."""
    query = parse(terms, context_of(catalog, connection))
    query = with_defaults(replace(query, named=query.named | {"kind"}), song=True)
    return list(connection.scalars(select_clips(query, clip.c.id)))


def _query_of(targets: Sequence[Target], least: float) -> str:
    """Return the query of the parts of recordings that last at least `least` seconds."""
    recordings = " , ".join(f"of:{target.whole}" for target in targets)
    return f"kind:part length:{least:g}.. ({recordings})"


def _count(catalog: Catalog, connection: Connection, query: str) -> int:
    return len(select_ids(catalog, connection, query, song=True))


def _nothing_sounds(terms: Terms, least: float) -> NotFoundError:
    return NotFoundError(
        f"no sound in the mostly silent recordings of {join_terms(terms)} lasts {least:g} s; `thresher split "
        "--dry-run` draws them, and a shorter --least takes more"
    )
