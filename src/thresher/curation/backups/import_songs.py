"""The saved queries, songs and renderings of an exported curation, in a catalog whose clips have other ids.

A song or query whose name is taken here stays as it is, unless an import made it and nobody has changed it since,
or `replace` is given. Some orderings depend on ids, such as `shuffle:7`. Where a song would therefore play the same
clips in another order than in the file, it gets the ordering "manual" with that order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import insert_row
from thresher.catalog.database.schema import output, rendering, rendering_clip, saved_query, song
from thresher.catalog.decisions.journal import Assignment, history
from thresher.catalog.recordings.covers import store_cover
from thresher.catalog.text.normal_form import nfc
from thresher.curation.backups.curation_file import NOT_OF_RENDERINGS, local_settings, text_of
from thresher.curation.backups.curation_records import LATEST, Curation, Ref, RenderingRecord, SongRecord
from thresher.curation.backups.import_matching import Matches
from thresher.curation.songs.sequence import arranged
from thresher.curation.songs.settings import SongSettings, check_settings
from thresher.curation.songs.songs import Song
from thresher.errors import ThresherError, UsageError
from thresher.formatting import counted
from thresher.signal.ordering.orderings import Ordering

IMPORT = "import"
"""The verb of the decision of an import."""


class SongImport:
    """Brings songs, queries and renderings into a catalog, within one transaction."""

    def __init__(self, catalog: Catalog, connection: Connection, matches: Matches, *, replaces: bool) -> None:
        self.conflicts: list[str] = []
        self.notes: list[str] = []
        self.songs: dict[str, int] = {}
        self.renderings = self.waiting = 0
        self._catalog = catalog
        self._connection = connection
        self._matches = matches
        self._replaces = replaces
        self._last_verbs = _last_verbs(connection)

    def _find(self, value: Any) -> int | None:
        """Return the id of a clip that a record names."""
        if isinstance(value, Mapping):
            try:
                value = Ref(**value)
            except TypeError as error:
                raise UsageError(f"{value} is not a clip; nothing was imported") from error
        return self._matches.find(value) if isinstance(value, Ref) else None

    def store_covers(self, curation: Curation) -> None:
        """Keep the images that songs need. Raises UsageError for one that is damaged."""
        for each in curation.cover:
            try:
                content = base64.b64decode(each.content, validate=True)
            except binascii.Error as error:
                raise UsageError(f"the cover {each.sha256[:12]}… is damaged; nothing was imported") from error
            if hashlib.sha256(content).hexdigest() != each.sha256:
                raise UsageError(f"the cover {each.sha256[:12]}… is damaged; nothing was imported")
            store_cover(self._connection, content)

    def _may_change(self, entity: str, row_id: int) -> bool:
        return self._replaces or self._last_verbs.get((entity, row_id)) == IMPORT

    # -- queries -------------------------------------------------------------------------------------------

    def queries(self, curation: Curation) -> Iterator[Assignment]:
        """Yield the assignments that bring in saved queries."""
        for each in curation.query:
            pieces = each.query if isinstance(each.query, str) else list(each.query)
            text = text_of(pieces, self._find, "0")
            name = nfc(each.name)
            known = self._row(saved_query, name)
            if known is None:
                values = {"name": name, "query": text, "created_at": time.time(), "deleted": True}
                yield Assignment("query", insert_row(self._connection, saved_query, values), "deleted", False)
            elif known.query != text:
                if not self._may_change("query", known.id):
                    self.conflicts.append(f'saved query "{name}" is another one here')
                    continue
                yield Assignment("query", known.id, "query", text)

    def _row(self, table: Any, name: str) -> Any:
        return self._connection.execute(
            select(table).where(table.c.name == name, ~table.c.deleted)
        ).one_or_none()

    # -- songs ---------------------------------------------------------------------------------------------

    def changes(self, curation: Curation) -> Iterator[Assignment]:
        """Yield the assignments that bring in songs, then those that keep their order."""
        brought: list[tuple[SongRecord, int, SongSettings]] = []
        for each in curation.song:
            name, settings = nfc(each.name), self._settings(each)
            known = self._row(song, name)
            columns = settings.columns()
            if each.tag_query is not None and each.tag_query != settings.query:
                columns["former_query"] = each.tag_query  # tags of the song's file keep it
            if known is None:
                values = {**columns, "name": name, "created_at": each.created_at, "deleted": True}
                song_id = insert_row(self._connection, song, values)
                yield Assignment("song", song_id, "deleted", False)
            elif self._may_change("song", known.id):
                song_id = known.id
                kept = {"ordering", "manual"}  # given below, when all songs are there
                yield from (
                    Assignment("song", song_id, key, columns[key]) for key in columns if key not in kept
                )
            else:
                if SongSettings.from_columns(known._mapping) != settings:
                    self.conflicts.append(f'song "{name}" has other settings here')
                self.songs[name] = known.id
                continue
            self.songs[name] = song_id
            brought.append((each, song_id, settings))
        for each, song_id, settings in brought:
            final = self._in_order(each, song_id, settings).columns()
            yield from (Assignment("song", song_id, key, final[key]) for key in ("ordering", "manual"))

    def _settings(self, record: SongRecord) -> SongSettings:
        try:
            settings = SongSettings.from_plain(local_settings(record.settings, self._find))
            check_settings(settings)
            hash(settings)  # values of other types, such as lists
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f'the settings of song "{record.name}" are not valid ({error}); nothing was imported'
            ) from error
        return settings

    def _in_order(self, record: SongRecord, song_id: int, settings: SongSettings) -> SongSettings:
        """Return settings with which a song plays its clips in the order of the file."""
        if record.clips is None:
            return settings
        wanted = [self._find(each) for each in record.clips if each is not None]
        known = [each for each in wanted if each is not None]
        if len(known) < len(record.clips):
            missing = len(record.clips) - len(known)
            self.notes.append(
                f'song "{record.name}": {counted(missing, "clip")} of {len(record.clips):,} are not here yet'
            )
        try:
            found = arranged(self._catalog, self._connection, Song(song_id, record.name, settings, 0.0))
        except ThresherError as error:
            self.notes.append(f'song "{record.name}" can\'t be laid out here: {error}')
            return settings
        now = [*found.body, *found.final]
        if now == known:
            return settings
        if sorted(now) != sorted(known):
            self.notes.append(
                f'song "{record.name}" selects {len(set(now) - set(known)):,} other clips here, and lacks '
                f"{len(set(known) - set(now)):,}; `thresher song show` lists them"
            )
            return settings
        if len(known) < len(record.clips):
            return settings  # it gets its order when all of its clips are here
        self.notes.append(
            f'song "{record.name}": its ordering {settings.ordering} depends on ids; it has the ordering manual now'
        )
        return replace(settings, ordering=Ordering("manual"), manual=tuple(known))

    # -- renderings ----------------------------------------------------------------------------------------

    def store_renderings(self, curation: Curation) -> None:
        """Add the renderings all of whose clips are here, and note the files that they and exports wrote."""
        for each in curation.rendering:
            song_id = self.songs.get(nfc(each.song))
            if song_id is not None:
                self._store_rendering(each, song_id)
        for written in curation.output:
            song_id = None if written.song is None else self.songs.get(nfc(written.song))
            if written.song is not None and song_id is None:
                continue
            known = select(output.c.id).where(
                output.c.sha256 == written.sha256,
                output.c.kind == written.kind,
                output.c.song_id.is_not_distinct_from(song_id),
            )
            if self._connection.scalar(known.limit(1)) is None:
                values = {"sha256": written.sha256, "kind": written.kind, "song_id": song_id}
                self._connection.execute(insert(output).values(values))

    def _store_rendering(self, record: RenderingRecord, song_id: int) -> None:
        of_song = rendering.c.song_id == song_id
        same = select(rendering.c.id).where(of_song, rendering.c.plan_sha256 == record.plan_sha256)
        if self._connection.scalar(same) is not None:
            return
        clips = [self._find(each.get("clip")) for each in record.clips]
        if None in clips:
            self.waiting += 1
            return
        taken = self._connection.scalar(
            select(rendering.c.id).where(of_song, rendering.c.number == record.number)
        )
        last = self._connection.scalar(select(func.max(rendering.c.number)).where(of_song)) or 0
        try:
            values = self._columns(record)
            values |= {"song_id": song_id, "number": record.number if taken is None else last + 1}
            rendering_id = insert_row(self._connection, rendering, values)
            for position, (clip_id, each) in enumerate(zip(clips, record.clips, strict=True)):
                columns = _values(rendering_clip, each)
                columns |= {"rendering_id": rendering_id, "position": position, "clip_id": clip_id}
                self._connection.execute(insert(rendering_clip).values(columns))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UsageError(
                f'rendering {record.number} of song "{record.song}" is not valid ({error}); nothing was imported'
            ) from error
        self.renderings += 1

    def _columns(self, record: RenderingRecord) -> dict[str, Any]:
        """Return the values of a rendering's row, with the ids of this catalog."""
        given = {**record.columns, "versions": _compact(record.columns.get("versions", {}))}
        values = _values(rendering, given)
        settings, rewritten = given.get("settings"), given.get("rewritten")
        values["settings"] = _compact(local_settings(settings, self._find)) if settings else "{}"
        if rewritten:
            today = {name: text_of(text, self._find, "0") for name, text in rewritten.items()}
            values["rewritten"] = _compact(today)
        return values


def _values(table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of columns that an export writes as they are. Raises TypeError for one of another type."""
    values = {
        column.name: given[column.name]
        for column in table.c
        if column.name in given and column.name not in NOT_OF_RENDERINGS
    }
    for name, value in values.items():
        kind = table.c[name].type.python_type
        kinds = (int, float) if kind is float else (kind,)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise TypeError(f"{name} is {value!r}")
        if name == "created_at" and (value is None or not 0 <= value <= LATEST):
            raise ValueError(f"{name} is {value!r}")
    return values


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _last_verbs(connection: Connection) -> dict[tuple[str, int], str]:
    """Return the verb of the latest decision about each song and saved query."""
    found: dict[tuple[str, int], str] = {}
    for each in history(connection):
        for change in each.changes:
            if change.entity in ("song", "query"):
                found.setdefault((change.entity, change.id), each.verb)
    return found
