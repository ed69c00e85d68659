"""Songs: save, copy, rename and delete them.

A song is live: new clips that match its query join it. `tracklist` lays out its clips. Saving, copying,
renaming and deleting are decisions: the journal records them, and `undo` reverts them.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import insert_row
from thresher.catalog.database.schema import song
from thresher.catalog.database.text_columns import equals_any_form
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.decisions.journal import history as all_decisions
from thresher.catalog.queries.query import context_of, join_terms, parse
from thresher.catalog.queries.selection_rules import SELECTION_RULE
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.covers import store_cover
from thresher.catalog.text.normal_form import nfc
from thresher.curation.clips.saved_queries import check_name, keeping_readable, lookups_of_saved
from thresher.curation.clips.selection import lookups_of, select_ids
from thresher.curation.songs.limits import Candidates, SongLookups, check_copies, read_candidates
from thresher.curation.songs.options import UNCHANGED, Keep, SongOptions
from thresher.curation.songs.settings import FILE_RULE, SongSettings, check_settings, new_song_settings
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import command_on, listing_of
from thresher.signal.ordering.orderings import parse_ordering


@dataclass(frozen=True)
class Song:
    """A saved song. `created_at` is in seconds since 1970, UTC.

    `former_query` is the query as it was before an upgrade rewrote it for the present query language.
    """

    id: int
    name: str
    settings: SongSettings
    created_at: float
    former_query: str | None = None

    @property
    def tag_query(self) -> str:
        """The query as the tags of the song's file hold it."""
        return self.settings.query if self.former_query is None else self.former_query


def save_song(
    catalog: Catalog,
    name: str,
    terms: Terms | None = None,
    options: SongOptions | Mapping[str, Any] | None = None,
) -> Song:
    """Save a new song, or change the existing song of that name.

    `terms` is the query, None to keep the present one. `options` are named like the flags of `thresher song save`;
    a mapping of names in SongSettings, with the ordering as text, is accepted too, as earlier versions took it.
    Options that are not given stay as they are.

    Raises QueryError for a query that can't be read, UsageError for settings that contradict each other or are
    out of range, and NotFoundError for a new song without a query.
    """
    options = options or {}
    cover, lookups = cover_of(options), lookups_to_save(catalog, name, terms, options)

    def save(connection: Connection) -> Song:
        return store_song(catalog, connection, name, terms, options, cover, lookups=lookups)[0]

    return catalog.write(save)


def lookups_of_song(catalog: Catalog, name: str, terms: Terms | None = None) -> SongLookups:
    """Look up what the query of a song needs, for a write transaction that runs it: no file is touched there.

    `terms` are its new query, None for the stored one. Raises QueryError.
    """
    found = get_song(catalog, name) if terms is None else None
    if terms is not None:
        known = lookups_of(catalog, terms)
    elif found is not None:
        known = lookups_of(catalog, found.settings.query, stored=True)
    else:
        return SongLookups.below(catalog.roots)
    return SongLookups(known.folders, known.searches, known.near)


def lookups_to_save(
    catalog: Catalog, name: str, terms: Terms | None, options: SongOptions | Mapping[str, Any]
) -> SongLookups:
    """Do what `lookups_of_song` does, and compare the sounds that saving the song with these options compares."""
    check_name(name, "song name")
    lookups = lookups_of_song(catalog, name, terms)
    old = get_song(catalog, name)
    settings = _new_settings(catalog, name, old, _changes(old, terms, options))
    _compare_copies(catalog, settings, lookups)
    return lookups


def _compare_copies(catalog: Catalog, settings: SongSettings, lookups: SongLookups) -> None:
    """Compare the sounds of a song's clips if `_check_ends` has to know which of them are copies."""
    if settings.no_copies and (settings.ordering.start, settings.ordering.end) != (None, None):
        check_settings(settings)
        check_copies(settings, catalog.settings)
        with catalog.reading() as connection:
            candidates = song_candidates(catalog, connection, settings, lookups)
        candidates.kept()


def cover_of(options: SongOptions | Mapping[str, Any]) -> bytes | Keep | None:
    """The content of the cover that options name. Files are read before a transaction starts."""
    return options.read_cover() if isinstance(options, SongOptions) else UNCHANGED


def store_song(
    catalog: Catalog,
    connection: Connection,
    name: str,
    terms: Terms | None,
    options: SongOptions | Mapping[str, Any],
    cover: bytes | Keep | None = UNCHANGED,
    *,
    after: Iterable[Assignment] = (),
    source: str = "",
    lookups: SongLookups | None = None,
) -> tuple[Song, Candidates, Decision | None]:
    """Do what `save_song` does within a transaction; returns the song, its candidates, and the decision.

    `cover` is what `cover_of` returns for the options, `lookups` is what `lookups_to_save` returns. The assignments
    of `after` are made first, in the same decision; its summary ends with `source`.
    """
    check_name(name, "song name")
    old = _find(connection, name)
    wanted = _changes(old, terms, options)
    if cover is not UNCHANGED:
        wanted["cover"] = None if cover is None else store_cover(connection, cover)
    if terms is not None:
        # parsed on its own first, so that an error points into these terms
        parse(terms, context_of(catalog, connection, lookups))
    settings = _new_settings(catalog, name, old, wanted)
    check_settings(settings)
    if old is None:
        new = nfc(name)
        made = _insert(connection, new, settings, "song save", f'make song "{new}"{source}', after)
    else:
        made = _edit(connection, old, settings, wanted, after, source)
    saved = find_song(connection, name)
    check_copies(saved.settings, catalog.settings)
    candidates = song_candidates(catalog, connection, saved.settings, lookups)
    _check_ends(saved, candidates)
    return saved, candidates, made


def _changes(
    old: Song | None, terms: Terms | None, options: SongOptions | Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings that a query and options change, without the cover. Raises UsageError."""
    if isinstance(options, SongOptions):
        wanted = options.changes(None if old is None else old.settings.ordering)
    else:
        wanted = dict(options)
        if "ordering" in wanted:
            wanted["ordering"] = parse_ordering(wanted["ordering"])
    wanted |= {"file_rule": FILE_RULE, "selection_rule": SELECTION_RULE}
    if terms is not None:
        wanted["query"] = join_terms(terms)
    return wanted


def _new_settings(catalog: Catalog, name: str, old: Song | None, wanted: dict[str, Any]) -> SongSettings:
    """Return the settings of a song with these changes. Raises NotFoundError for a new song without a query."""
    if old is not None:
        return replace(old.settings, **wanted)
    if "query" not in wanted:
        raise NotFoundError(
            f'no song named "{name}"; create it with `{command_on("song save", name, then="QUERY")}`'
        )
    return new_song_settings(catalog.settings, wanted)


def matching_clips(
    catalog: Catalog, connection: Connection, found: Song, lookups: SongLookups | None = None
) -> list[int]:
    """The clips that match the song's query, with its added clips and without its dropped ones, within its limits
    on copies and on clips per checkpoint.

    They are in the order of the song's field ordering, if it has one. `lookups` are those of `lookups_of_song`.
    Raises QueryError if the query or the ordering can't be read, and NotFoundError if it names a clip or song that
    does not exist.
    """
    return song_candidates(catalog, connection, found.settings, lookups).kept()


def song_candidates(
    catalog: Catalog, connection: Connection, settings: SongSettings, lookups: SongLookups | None = None
) -> Candidates:
    """Read the clips that match the query of a song, with its added clips and without its dropped ones.

    `kept` are the `matching_clips`. Raises as `matching_clips` does.
    """
    sort = str(settings.ordering) if settings.ordering.name == "field" else None
    rule, edits = settings.selection_rule, settings.edits
    found_ids = select_ids(
        catalog,
        connection,
        settings.query,
        song=True,
        sort=sort,
        edits=edits,
        rule=rule,
        stored=True,
        lookups=lookups,
    )
    known = None if lookups is None else lookups.comparisons
    return read_candidates(catalog, connection, settings, found_ids, known)


def _check_ends(saved: Song, candidates: Candidates) -> None:
    """Raise UsageError if the first or last clip of a chain is not in the song."""
    ordering = saved.settings.ordering
    if ordering.start is None and ordering.end is None:
        return
    clips = candidates.kept()
    for option, clip_id in (("--start", ordering.start), ("--end", ordering.end)):
        if clip_id is not None and clip_id not in clips:
            raise UsageError(
                f'{option} {clip_id}: clip {clip_id} is not in song "{saved.name}"; name a clip that is'
            )
    if ordering.start is not None and ordering.start == ordering.end and len(clips) > 1:
        raise UsageError(
            f"clip {ordering.start} can't be both the start and the end of {len(clips)} clips; name two clips"
        )


def _edit(
    connection: Connection,
    old: Song,
    settings: SongSettings,
    wanted: Mapping[str, Any],
    after: Iterable[Assignment],
    source: str,
) -> Decision | None:
    columns = settings.columns()
    assignments = [Assignment("song", old.id, key, columns[key]) for key in wanted]
    if wanted.get("query", old.settings.query) != old.settings.query:
        assignments.append(Assignment("song", old.id, "former_query", None))
    changed = {key: value for key, value in wanted.items() if value != getattr(old.settings, key)}
    rules = {"file_rule", "selection_rule"}
    if not rules.issuperset(changed):  # they have no options, and are named only if nothing else changed
        changed = {key: value for key, value in changed.items() if key not in rules}
    summary = ", ".join(f"{key} {_value_text(value)}" for key, value in changed.items())
    summary = f'edit song "{old.name}": {summary}{source}'
    return decide(connection, "song save", summary, chain(after, assignments))


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return f"{len(value)} clips"
    return "none" if value is None else str(value)


def copy_song(
    catalog: Catalog, name: str, new: str, options: SongOptions | None = None, *, dry_run: bool = False
) -> Song:
    """Save a song with the settings of another one under a new name. Its renderings stay with the old song.

    `options` change settings of the copy. The copy keeps the rules of the old song. A dry run
    changes nothing.
    """
    check_name(new, "song name")
    new = nfc(new)
    lookups = lookups_of_song(catalog, name)

    def changes_of(found: Song) -> dict[str, Any]:
        return {} if options is None else options.changes(found.settings.ordering)

    present = get_song(catalog, name)
    if present is not None:
        _compare_copies(catalog, replace(present.settings, **changes_of(present)), lookups)

    def copy(connection: Connection) -> Song:
        found = find_song(connection, name)
        _check_free(connection, new)
        changes = changes_of(found)
        settings = replace(found.settings, **changes)
        check_settings(settings)
        check_copies(settings, catalog.settings)
        _insert(connection, new, settings, "song copy", f'copy song "{name}" to "{new}"')
        copied = find_song(connection, new)
        if changes:
            _check_ends(copied, song_candidates(catalog, connection, copied.settings, lookups))
        return copied

    return catalog.write(copy, dry_run=dry_run)


def _check_free(connection: Connection, name: str) -> None:
    if _find(connection, name) is not None:
        raise UsageError(f'a song named "{name}" exists already; give another name')


def song_history(catalog: Catalog, name: str) -> list[Decision]:
    """All decisions that changed the song, the latest first, including those made under its earlier names."""
    with catalog.reading() as connection:
        found = find_song(connection, name)
        return [
            each
            for each in all_decisions(connection)
            if any((change.entity, change.id) == ("song", found.id) for change in each.changes)
        ]


def _insert(
    connection: Connection,
    name: str,
    settings: SongSettings,
    verb: str,
    summary: str,
    after: Iterable[Assignment] = (),
) -> Decision | None:
    # Inserted as deleted; a decision then restores it, so that undoing the decision deletes the song again.
    values = {**settings.columns(), "name": name, "created_at": time.time(), "deleted": True}
    song_id = insert_row(connection, song, values)
    return decide(connection, verb, summary, [*after, Assignment("song", song_id, "deleted", False)])


def all_songs(connection: Connection) -> list[Song]:
    """All songs, by name."""
    rows = connection.execute(select(song).where(~song.c.deleted).order_by(song.c.name))
    return [_song(row) for row in rows]


def get_song(catalog: Catalog, name: str) -> Song | None:
    """The song of that name, or None if it does not exist."""
    with catalog.reading() as connection:
        return _find(connection, name)


def find_song(connection: Connection, name: str) -> Song:
    """The song of that name. Raises NotFoundError, which names the most similar song name, if it does not exist."""
    found = _find(connection, name)
    if found is not None:
        return found
    names = [each.name for each in all_songs(connection)]
    nearest = difflib.get_close_matches(name.lower(), [each.lower() for each in names], n=1)
    meant = next((each for each in names if nearest and each.lower() == nearest[0]), None)
    listing = listing_of("song", len(names))
    hint = f'did you mean "{meant}"? ({listing})' if meant else listing
    raise NotFoundError(f'no song named "{name}"; {hint}')


def rename_song(catalog: Catalog, old: str, new: str, *, dry_run: bool = False) -> Song:
    """Rename a song. A dry run changes nothing. Raises UsageError if another song has the new name."""
    check_name(new, "song name")
    new = nfc(new)

    lookups = lookups_of_saved(catalog)

    def rename(connection: Connection) -> Song:
        found = find_song(connection, old)
        if nfc(old) != new:
            _check_free(connection, new)
        assignments = [Assignment("song", found.id, "name", new)]
        with keeping_readable(catalog, connection, "song", old, lookups):
            decide(connection, "song rename", f'rename song "{old}" to "{new}"', assignments)
        return find_song(connection, new)

    return catalog.write(rename, dry_run=dry_run)


def delete_song(catalog: Catalog, name: str, *, dry_run: bool = False) -> None:
    """Mark a song as deleted. Its renderings are kept, and `undo` restores it. A dry run changes nothing."""
    lookups = lookups_of_saved(catalog)

    def delete(connection: Connection) -> None:
        found = find_song(connection, name)
        assignments = [Assignment("song", found.id, "deleted", True)]
        with keeping_readable(catalog, connection, "song", name, lookups):
            decide(connection, "song delete", f'delete song "{name}"', assignments)

    catalog.write(delete, dry_run=dry_run)


def _find(connection: Connection, name: str) -> Song | None:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes of a command line that are not UTF-8; no song has such a name
        return None
    same = select(song).where(equals_any_form(song.c.name, name), ~song.c.deleted)
    row = connection.execute(same.order_by((song.c.name == name).desc()).limit(1)).one_or_none()
    return None if row is None else _song(row)


def _song(row: Any) -> Song:
    return Song(row.id, row.name, SongSettings.from_columns(row._mapping), row.created_at, row.former_query)
