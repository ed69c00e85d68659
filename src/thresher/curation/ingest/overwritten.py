"""Report files that were overwritten with other audio, and what was decided about the audio they held."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, location, recording
from thresher.catalog.decisions.fields import judged_clips
from thresher.catalog.recordings.clip_source import IS_SHOWN
from thresher.curation.ingest.classify import Classified
from thresher.curation.ingest.reading import ReadFile
from thresher.curation.ingest.report import Overwritten, Tally
from thresher.curation.ingest.run import IngestRun


def note_songs(run: IngestRun, files: Sequence[ReadFile], tally: Tally) -> None:
    """Note which clips are in songs, if one of the files takes the place of another one, before it is stored.

    The songs are asked once in an ingest: as they are before any clip loses its file.
    """
    if tally.songs is not None or not any(_may_overwrite(run.known, file) for file in files):
        return
    # loads the query language, which few ingests need
    from thresher.curation.songs.membership import all_members

    with run.catalog.reading() as connection:
        tally.songs = all_members(run.catalog, connection)


def _may_overwrite(known: Classified, file: ReadFile) -> bool:
    """Return whether the catalog knows another content at the path of a file."""
    state = known.doubtful.get(file.found.path)
    return state is not None and file.sha256 is not None and state.sha256 != file.sha256


def overwritten_files(
    connection: Connection, displaced: Sequence[int], songs: Mapping[str, Collection[int]]
) -> tuple[Overwritten, ...]:
    """Return which of the displaced locations lost their audio; the others were found at another path since.

    `songs` holds the clips of each song, by the song's name.
    """
    lost = [
        row
        for chunk in chunks(sorted(displaced))
        for row in connection.execute(
            select(location.c.path_text, location.c.recording_id)
            .where(location.c.id.in_(chunk), location.c.missing_since.is_not(None))
            .order_by(location.c.id)
        )
    ]
    if not lost:
        return ()
    recording_ids = sorted({row.recording_id for row in lost})
    clips = _clips(connection, recording_ids)
    copied = _with_file(connection, recording_ids)
    all_clips = [clip_id for ids in clips.values() for clip_id in ids]
    shown = _shown(connection, recording_ids)
    judged = judged_clips(connection, all_clips)
    ratings = _ratings(connection, all_clips)
    return tuple(
        Overwritten(
            path=row.path_text,
            recording=row.recording_id,
            clips=tuple(each for each in clips[row.recording_id] if each in shown),
            has_copy=row.recording_id in copied,
            judged=not judged.isdisjoint(clips[row.recording_id]),
            rating=max((ratings[each] for each in clips[row.recording_id] if each in ratings), default=None),
            songs=tuple(
                name for name, ids in songs.items() if not set(clips[row.recording_id]).isdisjoint(ids)
            ),
        )
        for row in lost
    )


def _clips(connection: Connection, recording_ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {recording_id: [] for recording_id in recording_ids}
    for chunk in chunks(recording_ids):
        of_recording = clip.c.recording_id.in_(chunk)
        for row in connection.execute(
            select(clip.c.id, clip.c.recording_id).where(of_recording).order_by(clip.c.id)
        ):
            found[row.recording_id].append(row.id)
    return found


def _shown(connection: Connection, recording_ids: Sequence[int]) -> set[int]:
    """Return the clips of recordings without removed ones and without the wholes that were split."""
    statement = select(clip.c.id).join(recording, recording.c.id == clip.c.recording_id).where(IS_SHOWN)
    return {
        clip_id
        for chunk in chunks(recording_ids)
        for clip_id in connection.scalars(statement.where(clip.c.recording_id.in_(chunk)))
    }


def _ratings(connection: Connection, clip_ids: Sequence[int]) -> dict[int, int]:
    return {
        row.id: row.rating
        for chunk in chunks(clip_ids)
        for row in connection.execute(
            select(clip.c.id, clip.c.rating).where(clip.c.id.in_(chunk), clip.c.rating.is_not(None))
        )
    }


def _with_file(connection: Connection, recording_ids: Sequence[int]) -> set[int]:
    """Return the recordings that another file holds."""
    return {
        recording_id
        for chunk in chunks(recording_ids)
        for recording_id in connection.scalars(
            select(location.c.recording_id).where(
                location.c.recording_id.in_(chunk), location.c.missing_since.is_(None)
            )
        )
    }
