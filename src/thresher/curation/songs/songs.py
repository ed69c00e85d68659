"""Songs as things that are kept: a name, a query, an ordering, what was edited by hand, and how it sounds.

A song is live – its clips are whatever its query finds today; `tracklist` lays them out. Saving, copying, renaming
and deleting are decisions: journalled and undoable.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.config import Settings
from thresher.catalog.database import insert_row
from thresher.catalog.decisions import Assignment, Decision, decide
from thresher.catalog.decisions import history as all_decisions
from thresher.catalog.edits import Edits
from thresher.catalog.query import join_terms
from thresher.catalog.schema import rendering, song
from thresher.catalog.values import LARGEST_INTEGER
from thresher.curation.clips.selection import select_ids
from thresher.errors import NotFoundError, QueryError, UsageError
from thresher.signal.metrics.registry import metric_entry

SAMPLE_RATES = (1_000, 384_000)
SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
LOUDNESSES = (-70.0, 0.0)
LONGEST_NAME = 200
LONGEST_JOIN = 60.0  # seconds of fades, crossfades and gaps


@dataclass(frozen=True)
class SongSettings:
    """What makes a song, by the names of the table's columns.

    `length` is in seconds, `clips` a number of clips, `sample_rate` in Hz, `channels` 1 or 2; None sets no
    limit, or leaves rate, channels and subtype to the clips. `fade` is how long each clip fades in and out,
    `crossfade` how long it overlaps with the next, `gap` the silence between them, all in seconds; `lufs` is the
    loudness that every clip gets, None leaving them as they are. `manual` is the sequence of clips for the
    ordering of that name.
    """

    query: str
    ordering: str
    metric: str
    length: float | None = None
    clips: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    fade: float = 0.005
    crossfade: float = 0.0
    gap: float = 0.0
    lufs: float | None = None
    subtype: str | None = None
    dither: bool = False
    edits: Edits = Edits()  # noqa: RUF009  frozen
    manual: tuple[int, ...] | None = None

    def plain(self) -> dict[str, Any]:
        """These settings as what JSON can hold."""
        return {**vars(self), "edits": self.edits.plain(), "manual": self.manual and list(self.manual)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> SongSettings:
        """The settings that `plain` gave; defaults for what they do not name, as those of an older program."""
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        known["edits"] = Edits.from_plain(known.get("edits", {}))
        known["manual"] = None if known.get("manual") is None else tuple(known["manual"])
        return cls(**known)

    def columns(self) -> dict[str, Any]:
        """These settings as the columns of the table."""
        plain = self.plain()
        for name in ("edits", "manual"):
            plain[name] = None if plain[name] is None else json.dumps(plain[name], separators=(",", ":"))
        return plain

    @classmethod
    def from_columns(cls, row: Mapping[str, Any]) -> SongSettings:
        """The settings that a row of the table holds."""
        texts = {name: None if row[name] is None else json.loads(row[name]) for name in ("edits", "manual")}
        return cls.from_plain({**row, **texts})


@dataclass(frozen=True)
class Song:
    """A saved song. `created_at` is in seconds since 1970, UTC."""

    id: int
    name: str
    settings: SongSettings
    created_at: float


@dataclass(frozen=True)
class SongRow:
    """A song as a list shows it: clips its query finds today, and how often it was rendered.

    `problem` says why it can't be read any more, as when a field that it names was forgotten.
    """

    name: str
    clips: int
    renderings: int
    settings: SongSettings
    problem: str | None = None


def save_song(
    catalog: Catalog, name: str, terms: Sequence[str] | None, changes: dict[str, Any] | None = None
) -> Song:
    """Save a new song, or edit the one of that name: its query where given, and the settings in `changes`.

    Raises QueryError for a bad query, UsageError for settings that can't be, NotFoundError for a new song
    without a query.
    """
    _check_name(name)
    wanted = dict(changes or {})
    with catalog.writing() as connection:
        old = _find(connection, name)
        if terms is not None:
            select_ids(catalog, connection, terms, song=True)  # says where in these terms it is wrong
            wanted["query"] = join_terms(terms)
        if old is None:
            _create(connection, catalog, name, wanted)
        else:
            _edit(connection, old, wanted)
        saved = find_song(connection, name)
        _check_pins(saved, _clips(catalog, connection, saved))  # what can't be laid out is not saved
        return saved


def _check_pins(saved: Song, clips: Sequence[int]) -> None:
    from thresher.signal.ordering.orderings import parse_ordering

    chosen = parse_ordering(saved.settings.ordering)
    for place, pin in (("start", chosen.start), ("end", chosen.end)):
        if pin is not None and pin not in clips:
            raise UsageError(f'clip {pin} is not in song "{saved.name}", which can\'t {place} with it')
    if chosen.start is not None and chosen.start == chosen.end and len(clips) > 1:
        raise UsageError(f"clip {chosen.start} can't be both the start and the end of {len(clips)} clips")


def _edit(connection: Connection, old: Song, wanted: dict[str, Any]) -> None:
    settings = replace(old.settings, **wanted)
    check_settings(settings)
    columns = settings.columns()
    wishes = [Assignment("song", old.id, key, columns[key]) for key in wanted]
    others = {key: value for key, value in wanted.items() if value != getattr(old.settings, key)}
    said = ", ".join(f"{key} {_said(value)}" for key, value in others.items())
    decide(connection, "song save", f'edit song "{old.name}": {said}', wishes)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return f"{len(value)} clips"
    return "none" if value is None else str(value)


def copy_song(catalog: Catalog, name: str, new: str) -> Song:
    """Make a song of another name that is like this one today; its renderings stay with the old one."""
    _check_name(new)
    with catalog.writing() as connection:
        found = find_song(connection, name)
        if _find(connection, new) is not None:
            raise UsageError(f'a song called "{new}" exists already; give another name')
        _insert(connection, new, found.settings, "song copy", f'copy song "{name}" to "{new}"')
        return find_song(connection, new)


def song_history(catalog: Catalog, name: str) -> list[Decision]:
    """Every decision that changed the song of that name, under whatever name it had, the latest first."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        return [
            each
            for each in all_decisions(connection)
            if any((change.entity, change.id) == ("song", found.id) for change in each.changes)
        ]


def _clips(catalog: Catalog, connection: Connection, found: Song) -> list[int]:
    """The clips that a song finds; QueryError where its query or ordering can't be read as things are."""
    from thresher.signal.ordering.orderings import parse_ordering

    chosen = parse_ordering(found.settings.ordering)
    sort = str(chosen) if chosen.name == "field" else None
    # by its name, so that one that would select from itself is noticed
    return select_ids(catalog, connection, [f"song:={found.name}"], song=True, sort=sort)


def song_metric(settings: Settings) -> str:
    """The metric that orders a new song: the configured one, where its scores are kept."""
    wanted = settings.song.metric
    return wanted if wanted in settings.metrics.use else settings.metrics.default


def _create(connection: Connection, catalog: Catalog, name: str, wanted: dict[str, Any]) -> None:
    if "query" not in wanted:
        raise NotFoundError(f'no song is called "{name}" yet; `thresher song save "{name}" QUERY` makes it')
    defaults = catalog.settings
    settings = SongSettings(
        **{
            "ordering": defaults.song.order,
            "metric": song_metric(defaults),
            "fade": defaults.song.fade,
            **wanted,
        }
    )
    check_settings(settings)
    _insert(connection, name, settings, "song save", f'make song "{name}"')


def _insert(connection: Connection, name: str, settings: SongSettings, verb: str, summary: str) -> None:
    # It comes to be deleted and is then decided to be there, so that undoing its making deletes it again.
    values = {**settings.columns(), "name": name, "created_at": time.time(), "deleted": True}
    song_id = insert_row(connection, song, values)
    decide(connection, verb, summary, [Assignment("song", song_id, "deleted", False)])


def songs(catalog: Catalog) -> list[SongRow]:
    """All songs, by name."""
    with catalog.reading() as connection:
        counts = select(rendering.c.song_id, func.count()).group_by(rendering.c.song_id)
        made = {row.song_id: int(row[1]) for row in connection.execute(counts)}
        return [_row(catalog, connection, found, made.get(found.id, 0)) for found in _all(connection)]


def _row(catalog: Catalog, connection: Connection, found: Song, renderings: int) -> SongRow:
    clips, problem = 0, None
    try:
        clips = len(_clips(catalog, connection, found))
    except (QueryError, NotFoundError) as error:
        problem = str(error)
    return SongRow(found.name, clips, renderings, found.settings, problem)


def has_song(catalog: Catalog, name: str) -> bool:
    """Whether there is a song of that name."""
    with catalog.reading() as connection:
        return _find(connection, name) is not None


def find_song(connection: Connection, name: str) -> Song:
    """The song of that name; NotFoundError names the nearest."""
    found = _find(connection, name)
    if found is not None:
        return found
    names = [each.name for each in _all(connection)]
    nearest = difflib.get_close_matches(name.lower(), [each.lower() for each in names], n=1)
    meant = next((each for each in names if nearest and each.lower() == nearest[0]), None)
    hint = f'; did you mean "{meant}"?' if meant else ";"
    raise NotFoundError(f'no song is called "{name}"{hint} `thresher song list` shows all {len(names)}')


def rename_song(catalog: Catalog, old: str, new: str) -> Song:
    """Give a song another name, which no other song may have."""
    _check_name(new)
    with catalog.writing() as connection:
        found = find_song(connection, old)
        if old != new and _find(connection, new) is not None:
            raise UsageError(f'a song called "{new}" exists already; give another name')
        wishes = [Assignment("song", found.id, "name", new)]
        with _keeping_others_readable(catalog, connection, old):
            decide(connection, "song rename", f'rename song "{old}" to "{new}"', wishes)
        return find_song(connection, new)


def delete_song(catalog: Catalog, name: str) -> None:
    """Take a song out of sight; its renderings are kept, and `undo` brings it back."""
    with catalog.writing() as connection:
        found = find_song(connection, name)
        wishes = [Assignment("song", found.id, "deleted", True)]
        with _keeping_others_readable(catalog, connection, name):
            decide(connection, "song delete", f'delete song "{name}"', wishes)


@contextmanager
def _keeping_others_readable(catalog: Catalog, connection: Connection, name: str) -> Iterator[None]:
    """UsageError, which rolls back, where the block leaves another song without one it selects from."""
    readable = {
        found.name for found in _all(connection) if _row(catalog, connection, found, 0).problem is None
    }
    yield
    for found in _all(connection):
        if found.name in readable and _row(catalog, connection, found, 0).problem is not None:
            raise UsageError(
                f'song "{found.name}" selects from "{name}"; give it another query first: '
                f'thresher song save "{found.name}" QUERY'
            )


def _find(connection: Connection, name: str) -> Song | None:
    row = connection.execute(select(song).where(song.c.name == name, ~song.c.deleted)).one_or_none()
    return None if row is None else _song(row)


def _all(connection: Connection) -> list[Song]:
    rows = connection.execute(select(song).where(~song.c.deleted).order_by(song.c.name))
    return [_song(row) for row in rows]


def _song(row: Any) -> Song:
    return Song(row.id, row.name, SongSettings.from_columns(row._mapping), row.created_at)


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UsageError(
            f"{name!r} can't name a song; use 1 to {LONGEST_NAME} printable characters, not only blanks"
        )


def check_settings(settings: SongSettings) -> None:
    """UsageError for settings that can't be."""
    from thresher.signal.ordering.orderings import parse_ordering

    lowest, highest = SAMPLE_RATES
    metric_entry(settings.metric)
    if settings.length is not None and settings.length <= 0:
        raise UsageError(f"a song's length of {settings.length:g} s is not above 0")
    if settings.clips is not None and not 1 <= settings.clips <= LARGEST_INTEGER:
        raise UsageError(f"{settings.clips} clips make no song; give 1 to {LARGEST_INTEGER}")
    if settings.sample_rate is not None and not lowest <= settings.sample_rate <= highest:
        raise UsageError(f"a rate of {settings.sample_rate} Hz is not from {lowest} to {highest}")
    if settings.channels not in (None, 1, 2):
        raise UsageError(f"{settings.channels} channels can't be rendered; give 1 or 2")
    for what, seconds in (("fade", settings.fade), ("crossfade", settings.crossfade), ("gap", settings.gap)):
        if not 0 <= seconds <= LONGEST_JOIN:
            raise UsageError(f"a {what} of {seconds:g} s is not from 0 to {LONGEST_JOIN:g}")
    if settings.crossfade and settings.gap:
        raise UsageError(
            f"clips can't overlap by {settings.crossfade:g} s and have {settings.gap:g} s of silence between them; "
            "set --crossfade 0 or --gap 0"
        )
    if settings.lufs is not None and not LOUDNESSES[0] <= settings.lufs <= LOUDNESSES[1]:
        raise UsageError(f"{settings.lufs:g} LUFS is not from {LOUDNESSES[0]:g} to {LOUDNESSES[1]:g}")
    if settings.subtype not in (None, *SUBTYPES):
        raise UsageError(f'"{settings.subtype}" is not one of {", ".join(SUBTYPES)}')
    chosen = parse_ordering(settings.ordering)
    if chosen.name == "manual" and settings.manual is None:
        raise UsageError("the order manual takes its clips from a file; give --from FILE")
