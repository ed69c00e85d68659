"""Export the curation of a catalog as JSON lines that name clips by content.

Two exports of the same catalog are equal byte for byte. The order of the lines is that of docs/curation-file.md. A
line is written as soon as it is known, so that memory does not grow with the catalog.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from thresher.catalog.atomic_files import whole_file
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import (
    attribute,
    checkpoint,
    clip,
    clip_tag,
    cover,
    location,
    output,
    recording,
    rendering,
    rendering_clip,
    saved_query,
    song,
)
from thresher.catalog.decisions.fields import JUDGEMENTS
from thresher.catalog.decisions.journal import history
from thresher.catalog.output_guard import OutputGuard
from thresher.curation.backups.curation_file import (
    HEADER,
    NOT_OF_RENDERINGS,
    ClipRef,
    References,
    is_curation_file,
    line_of,
    portable_ordering,
    portable_query,
    portable_settings,
)
from thresher.curation.songs.sequence import arranged
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import all_songs
from thresher.errors import ThresherError, UsageError
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class CurationExport:
    """The number of lines of each type in an exported file."""

    path: str
    lines: dict[str, int]
    bytes: int


def export_catalog(catalog: Catalog, target: Path, progress: Progress = no_progress) -> CurationExport:
    """Write the curation of a catalog to a file. An earlier export in its place is replaced, no other file.

    Raises UsageError if another file is there, CatalogError if the file can't be written.
    """
    guard = OutputGuard(catalog)
    guard.check(target)
    _refuse_others(target)
    lines: dict[str, int] = {}
    with (
        whole_file(target, guard, lambda: _refuse_others(target)) as partial,
        partial.open("w", encoding="utf-8", newline="\n") as written,
    ):
        written.write(line_of(HEADER))
        for record in curation_records(catalog, progress):
            written.write(line_of(record))
            lines[record["type"]] = lines.get(record["type"], 0) + 1
        written.flush()
        os.fsync(written.fileno())
    return CurationExport(str(target), lines, target.stat().st_size)


def _refuse_others(target: Path) -> None:
    if os.path.lexists(target) and not is_curation_file(target):
        raise UsageError(
            f"{target} exists and is not an exported curation; it was not changed: give another name"
        )


def curation_records(catalog: Catalog, progress: Progress = no_progress) -> Iterator[dict[str, Any]]:
    """Yield the records of a catalog's curation, as they are at one moment."""
    with catalog.reading() as connection:
        references = _references(connection)
        yield from _checkpoints(connection)
        songs = list(_songs(catalog, connection, references))
        made = list(_renderings(connection, references))
        queries = list(_queries(connection, references))
        named = {each["recording"] for each in _named_clips([*songs, *made, *queries])}
        yield from _recordings(connection, named, progress)
        yield from queries
        yield from _covers(connection)
        yield from songs
        yield from made
        yield from _outputs(connection)
        yield from _decisions(connection, references)


def _references(connection: Connection) -> References:
    known: dict[int, ClipRef | None] = {}

    def ref(clip_id: int) -> ClipRef | None:
        if clip_id not in known:
            statement = (
                select(recording.c.sha256, clip.c.kind, clip.c.start_frame, clip.c.end_frame)
                .join(recording, recording.c.id == clip.c.recording_id)
                .where(clip.c.id == clip_id)
            )
            row = connection.execute(statement).one_or_none()
            known[clip_id] = None if row is None else clip_ref(*row)
        return known[clip_id]

    def within(first: int, last: int | None) -> list[int]:
        statement = select(clip.c.id).where(clip.c.id >= first, ~clip.c.removed).order_by(clip.c.id)
        return list(connection.scalars(statement if last is None else statement.where(clip.c.id <= last)))

    return References(ref, within)


def clip_ref(sha256: str, kind: str, start: int, end: int) -> ClipRef:
    """Return a clip by its content; the span of a whole depends on how it was trimmed, and does not count."""
    whole: ClipRef = {"recording": sha256, "kind": kind}
    return whole if kind == "whole" else {**whole, "start": start, "end": end}


def _named_clips(value: Any) -> Iterator[ClipRef]:
    """Yield the clips that records name, wherever in them."""
    if isinstance(value, list):
        for each in value:
            yield from _named_clips(each)
    elif isinstance(value, dict):
        if "recording" in value and "kind" in value:
            yield value
        for each in value.values():
            yield from _named_clips(each)


# -- the records -------------------------------------------------------------------------------------------


def _checkpoints(connection: Connection) -> Iterator[dict[str, Any]]:
    columns = (
        checkpoint.c.run,
        checkpoint.c.epoch,
        checkpoint.c.step,
        checkpoint.c.verdict,
        checkpoint.c.note,
    )
    judged = checkpoint.c.verdict.is_not(None) | checkpoint.c.note.is_not(None)
    in_order = (column.nulls_first() for column in columns[:3])
    for row in connection.execute(select(*columns).where(judged).order_by(*in_order)):
        yield {"type": "checkpoint", **row._mapping}


def _recordings(connection: Connection, named: set[str], progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield recordings about which something was decided, or that songs name, by SHA-256."""
    curated = _curated_recordings(connection)
    wanted = sorted(
        sha256
        for sha256, recording_id in connection.execute(select(recording.c.sha256, recording.c.id))
        if recording_id in curated or sha256 in named
    )
    done = 0
    for chunk in chunks(wanted):
        progress("exporting", done, len(wanted))
        done += len(chunk)
        rows = connection.execute(
            select(recording, _shown_path().label("path"), checkpoint.c.run, checkpoint.c.epoch)
            .add_columns(checkpoint.c.step)
            .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
            .where(recording.c.sha256.in_(chunk))
            .order_by(recording.c.sha256)
        ).all()
        ids = [row.id for row in rows]
        clips, pinned = _clips(connection, ids), _pinned(connection, ids)
        for row in rows:
            record = {"type": "recording", "sha256": row.sha256, "audio_key": row.audio_key, "path": row.path}
            if row.role != "generated":
                record["role"] = row.role
            if row.split is not None:
                record["split"] = json.loads(row.split)
            if row.checkpoint_pinned:
                record["checkpoint"] = {"run": row.run, "epoch": row.epoch, "step": row.step}
            if row.id in pinned:
                record["attributes"] = pinned[row.id]
            record["clips"] = clips.get(row.id, [])
            yield record


def _shown_path() -> Any:
    """Return the path of a recording that listings show."""
    return (
        select(location.c.path_text)
        .where(location.c.recording_id == recording.c.id)
        .order_by(location.c.missing_since.is_not(None), location.c.id)
        .limit(1)
        .correlate(recording)
        .scalar_subquery()
    )


def _judged() -> Any:
    return (
        clip.c.rating.is_not(None)
        | clip.c.rejected
        | clip.c.note.is_not(None)
        | clip.c.heard_at.is_not(None)
        | clip.c.trusted
        | ((clip.c.kind == "marked") & ~clip.c.removed)
        | clip.c.id.in_(select(clip_tag.c.clip_id))
    )


def _curated_recordings(connection: Connection) -> set[int]:
    found = set(connection.scalars(select(clip.c.recording_id).where(_judged())))
    is_decided = (
        (recording.c.role != "generated") | recording.c.split.is_not(None) | recording.c.checkpoint_pinned
    )
    found.update(connection.scalars(select(recording.c.id).where(is_decided)))
    pinned = select(location.c.recording_id).join(attribute, attribute.c.location_id == location.c.id)
    found.update(connection.scalars(pinned.where(attribute.c.pinned, location.c.recording_id.is_not(None))))
    return found


def _clips(connection: Connection, recording_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    tags: dict[int, list[str]] = {}
    of_recordings = select(clip.c.id).where(clip.c.recording_id.in_(recording_ids))
    for clip_id, tag in connection.execute(
        select(clip_tag.c.clip_id, clip_tag.c.tag).where(clip_tag.c.clip_id.in_(of_recordings))
    ):
        tags.setdefault(clip_id, []).append(tag)
    found: dict[int, list[dict[str, Any]]] = {}
    statement = (
        select(clip)
        .where(clip.c.recording_id.in_(recording_ids), _judged())
        .order_by(clip.c.kind.desc(), clip.c.start_frame, clip.c.end_frame, clip.c.ordinal)
    )
    for row in connection.execute(statement):
        record = clip_ref("", row.kind, row.start_frame, row.end_frame)
        del record["recording"]
        if row.name is not None:
            record["name"] = row.name
        if row.removed:
            record["removed"] = True
        record.update({name: getattr(row, name) for name in JUDGEMENTS if getattr(row, name)})
        if row.id in tags:
            record["tags"] = sorted(tags[row.id])
        found.setdefault(row.recording_id, []).append(record)
    return found


def _pinned(connection: Connection, recording_ids: list[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    statement = (
        select(location.c.recording_id, attribute.c.key, attribute.c.text)
        .join(location, location.c.id == attribute.c.location_id)
        .where(location.c.recording_id.in_(recording_ids), attribute.c.pinned)
        .order_by(attribute.c.key, location.c.id.desc())
    )
    for recording_id, key, text in connection.execute(statement):
        found.setdefault(recording_id, {})[key] = text
    return found


def _queries(connection: Connection, references: References) -> Iterator[dict[str, Any]]:
    statement = select(saved_query).where(~saved_query.c.deleted).order_by(saved_query.c.name)
    for row in connection.execute(statement):
        yield {"type": "query", "name": row.name, "query": portable_query(row.query, references)}


def _covers(connection: Connection) -> Iterator[dict[str, Any]]:
    for sha256 in connection.scalars(select(cover.c.sha256).order_by(cover.c.sha256)).all():
        content = connection.scalar(select(cover.c.content).where(cover.c.sha256 == sha256))
        yield {"type": "cover", "sha256": sha256, "content": base64.b64encode(content or b"").decode()}


def _songs(catalog: Catalog, connection: Connection, references: References) -> Iterator[dict[str, Any]]:
    for each in all_songs(connection):
        record: dict[str, Any] = {"type": "song", "name": each.name, "created_at": each.created_at}
        record["settings"] = portable_settings(each.settings.plain(), references)
        if each.settings.file_rule == 1:
            record["tag_query"] = each.tag_query
        try:
            found = arranged(catalog, connection, each)
        except ThresherError:  # such as a query for a song that was deleted
            pass
        else:
            record["clips"] = [references.clip(clip_id) for clip_id in (*found.body, *found.final)]
        yield record


def _renderings(connection: Connection, references: References) -> Iterator[dict[str, Any]]:
    """Yield the renderings of songs that are not deleted, by name and number."""
    statement = (
        select(rendering, song.c.name.label("song"))
        .join(song, song.c.id == rendering.c.song_id)
        .where(~song.c.deleted)
        .order_by(song.c.name, rendering.c.number)
    )
    for row in connection.execute(statement).all():
        values = {
            column.name: getattr(row, column.name)
            for column in rendering.c
            if column.name not in NOT_OF_RENDERINGS
        }
        values["versions"] = json.loads(row.versions)
        today = {"query": row.query, "ordering": row.ordering, **json.loads(row.rewritten or "{}")}
        portable = {
            "query": portable_query(today["query"], references),
            "ordering": portable_ordering(today["ordering"], references),
        }
        settings = json.loads(row.settings)
        if settings:
            values["settings"] = portable_settings(SongSettings.from_plain(settings).plain(), references)
        if portable != {"query": row.query, "ordering": row.ordering}:
            values["rewritten"] = portable
        values["clips"] = list(_rendered(connection, row.id, references))
        yield {"type": "rendering", "song": row.song, **values}


def _rendered(connection: Connection, rendering_id: int, references: References) -> Iterator[dict[str, Any]]:
    statement = select(rendering_clip).where(rendering_clip.c.rendering_id == rendering_id)
    for row in connection.execute(statement.order_by(rendering_clip.c.position)):
        values = {
            column.name: getattr(row, column.name)
            for column in rendering_clip.c
            if column.name not in NOT_OF_RENDERINGS
        }
        yield {"clip": references.clip(row.clip_id), **values}


def _outputs(connection: Connection) -> Iterator[dict[str, Any]]:
    statement = (
        select(output.c.sha256, output.c.kind, song.c.name)
        .outerjoin(song, song.c.id == output.c.song_id)
        .where(func.coalesce(song.c.deleted, False).is_(False))
        .distinct()
        .order_by(output.c.sha256, output.c.kind, song.c.name.nulls_first())
    )
    for row in connection.execute(statement):
        yield {"type": "output", "sha256": row.sha256, "kind": row.kind, "song": row.name}


def _decisions(connection: Connection, references: References) -> Iterator[dict[str, Any]]:
    """Yield the journal, the earliest decision first: for people, an import does not repeat it."""
    for each in reversed(history(connection)):
        changes = [
            {
                "clip": references.clip(change.id),
                "field": change.field,
                "before": change.before,
                "after": change.after,
            }
            for change in each.changes
            if change.entity == "clip"
        ]
        yield {
            "type": "decision",
            "made_at": each.made_at,
            **({} if each.by is None else {"by": each.by}),
            "verb": each.verb,
            "summary": each.summary,
            "undone": each.undone_by is not None,
            "changes": changes,
        }
