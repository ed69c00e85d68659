"""Find the recordings and clips of an exported curation in a catalog, by content.

A recording is found by the SHA-256 of its file, else by the key of its audio: then its file was re-tagged or
converted. A part or a mark is found by its span, else a part by a span that nearly equals it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import clip, location, recording
from thresher.curation.backups.curation_records import RecordingRecord, Ref

_SAME = 0.9
"""The share of both spans that two parts of one recording must have in common to be the same part."""


@dataclass(frozen=True)
class KnownClip:
    """A clip of this catalog."""

    id: int
    kind: str
    start: int
    end: int
    removed: bool


class Matches:
    """What of an exported curation is in a catalog: `recordings` maps SHA-256 of the file to ids here."""

    def __init__(self, recordings: Mapping[str, int], clips: Mapping[int, Sequence[KnownClip]]) -> None:
        self.recordings = recordings
        self._clips = clips

    def find(self, wanted: Ref) -> int | None:
        """Return the id of a clip, None if it is not here."""
        recording_id = self.recordings.get(wanted.recording)
        if recording_id is None:
            return None
        of_kind = [each for each in self._clips.get(recording_id, ()) if each.kind == wanted.kind]
        if wanted.kind == "whole":
            return of_kind[0].id if of_kind else None
        if wanted.start is None or wanted.end is None:
            return None
        for each in of_kind:
            if (each.start, each.end) == (wanted.start, wanted.end):
                return each.id
        if wanted.kind == "part":
            for each in of_kind:
                if not each.removed and _common(each, wanted.start, wanted.end) >= _SAME:
                    return each.id
        return None

    def is_shown(self, wanted: Ref) -> bool:
        """Return whether a clip is here and was not removed."""
        clip_id = self.find(wanted)
        known = self._clips.get(self.recordings.get(wanted.recording, 0), ())
        return any(each.id == clip_id and not each.removed for each in known)


def _common(known: KnownClip, start: int, end: int) -> float:
    shared = min(known.end, end) - max(known.start, start)
    longest = max(known.end - known.start, end - start)
    return shared / longest if longest > 0 else 0.0


def match(connection: Connection, records: Sequence[RecordingRecord]) -> Matches:
    """Find the recordings and their clips."""
    found = _by_hash(connection, [each.sha256 for each in records])
    keys = {each.audio_key: each.sha256 for each in records if each.audio_key and each.sha256 not in found}
    for key, recording_id in _by_key(connection, list(keys)).items():
        found[keys[key]] = recording_id
    return Matches(found, _clips(connection, set(found.values())))


def _by_hash(connection: Connection, hashes: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(hashes):
        of_location = select(location.c.sha256, location.c.recording_id).where(
            location.c.sha256.in_(chunk), location.c.recording_id.is_not(None)
        )
        rows = connection.execute(of_location.order_by(location.c.id.desc()))
        found.update((sha256, recording_id) for sha256, recording_id in rows)
        own = select(recording.c.sha256, recording.c.id).where(recording.c.sha256.in_(chunk))
        found.update((sha256, recording_id) for sha256, recording_id in connection.execute(own))
    return found


def _by_key(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(keys):
        statement = select(recording.c.audio_key, recording.c.id).where(recording.c.audio_key.in_(chunk))
        for key, recording_id in connection.execute(statement.order_by(recording.c.id.desc())):
            found[str(key)] = recording_id  # the earliest one
    return found


def _clips(connection: Connection, recording_ids: Iterable[int]) -> dict[int, list[KnownClip]]:
    found: dict[int, list[KnownClip]] = {}
    columns = (
        clip.c.recording_id,
        clip.c.id,
        clip.c.kind,
        clip.c.start_frame,
        clip.c.end_frame,
        clip.c.removed,
    )
    for chunk in chunks(sorted(recording_ids)):
        statement = select(*columns).where(clip.c.recording_id.in_(chunk)).order_by(clip.c.removed, clip.c.id)
        for recording_id, *rest in connection.execute(statement):
            found.setdefault(recording_id, []).append(KnownClip(*rest))
    return found
