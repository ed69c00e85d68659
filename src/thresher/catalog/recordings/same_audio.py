"""Recordings that hold the same audio in other bytes: re-tagged files, and the same sound in WAV and FLAC.

A new file whose audio is known becomes another location of its recording. Recordings that were stored before keys
of audio existed may turn out to be equal. Their equal keys link them, and they stay two recordings with their own
clips and decisions. The functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import batch, location, recording
from thresher.catalog.files.paths import Place
from thresher.catalog.recordings.locations import LocationState, present_at


@dataclass(frozen=True)
class Keyless:
    """How to compute the audio key of a recording that has none: its decoder, and whether it is truncated."""

    decoder: str | None
    is_truncated: bool


def keyless_contents(connection: Connection) -> dict[str, Keyless]:
    """Return the contents of recordings without an audio key, by the SHA-256 of their files."""
    statement = (
        select(location.c.sha256, recording.c.decoder, recording.c.status)
        .join(recording, recording.c.id == location.c.recording_id)
        .where(recording.c.audio_key.is_(None), recording.c.status.not_in(("unreadable", "empty")))
    )
    return {
        row.sha256: Keyless(row.decoder, row.status == "truncated")
        for row in connection.execute(statement)
        if row.sha256 is not None
    }


def recordings_with_audio(connection: Connection, keys: Mapping[Place, str]) -> dict[Place, list[int]]:
    """Return the recordings with the audio of each file, the earliest first.

    `keys` maps the places of files to audio keys. Files with unknown audio are left out.
    """
    of_key: dict[str, list[int]] = {}
    for chunk in chunks(sorted(set(keys.values()))):
        statement = select(recording.c.audio_key, recording.c.id).where(recording.c.audio_key.in_(chunk))
        for key, recording_id in connection.execute(statement.order_by(recording.c.id)):
            of_key.setdefault(key, []).append(recording_id)
    return {place: of_key[key] for place, key in keys.items() if key in of_key}


def recording_of_file(
    connection: Connection, place: Place, candidates: Sequence[int], vacated: Collection[LocationState]
) -> int | None:
    """Return which of the recordings with a file's audio the file belongs to; None if it is a new recording.

    It is the one that was at this place (the file was re-tagged), else one whose file is gone (it was re-tagged or
    converted, and moved), else the earliest. Files that one ingest finds together are recordings of their own: so
    only recordings of finished ingests count as the earliest, and an interrupted ingest ends like a complete one.
    """
    here = present_at(connection, place)
    if here is not None and here.recording_id in candidates:
        return int(here.recording_id)
    left = {state.id for state in vacated}
    places: dict[int, list[bool]] = {}
    statement = select(location.c.id, location.c.recording_id, location.c.missing_since)
    for row in connection.execute(statement.where(location.c.recording_id.in_(candidates))):
        is_gone = row.missing_since is not None or row.id in left
        places.setdefault(row.recording_id, []).append(is_gone)
    gone = [each for each in candidates if all(places.get(each, [True]))]
    if gone:
        return gone[0]
    finished = select(recording.c.id).join(batch, batch.c.id == recording.c.batch_id)
    is_known = (recording.c.id.in_(candidates), batch.c.finished_at.is_not(None))
    return connection.scalar(finished.where(*is_known).order_by(recording.c.id).limit(1))


def set_audio_key(connection: Connection, recording_id: int, key: str) -> None:
    """Store the audio key of a recording that has none."""
    without = (recording.c.id == recording_id, recording.c.audio_key.is_(None))
    connection.execute(update(recording).where(*without).values(audio_key=key))
