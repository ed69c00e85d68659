"""Edit a song by hand: which clips are in it whatever its query finds, where they lie, and in what sequence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions import Assignment, decide
from thresher.catalog.edits import LAST, Edits
from thresher.curation.clips.selection import find_clip, select_ids
from thresher.curation.songs.sequence import arranged
from thresher.curation.songs.songs import Song, find_song
from thresher.curation.songs.tracklist import Tracklist, lay_out
from thresher.errors import NotFoundError, ThresherError, UsageError
from thresher.signal.ordering.orderings import parse_ordering


@dataclass(frozen=True)
class SongEdit:
    """What to change: clips by id, path or query; places count from 1.

    Done in this order: `release` takes back what was edited of clips, `add` and `drop` change which clips there
    are, `together` keeps the second behind the first, `pins` are (clip, place), `first`, `last`, and `swap`
    exchanges the places that two clips have then.
    """

    release: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    together: tuple[tuple[str, str], ...] = ()
    pins: tuple[tuple[str, int], ...] = ()
    first: str | None = None
    last: str | None = None
    swap: tuple[str, str] | None = None


def edit_song(catalog: Catalog, name: str, edit: SongEdit, *, dry_run: bool = False) -> Tracklist:
    """Edit the song of that name, as one decision; the song as it is laid out then, which a dry run only shows.

    Raises UsageError where nothing is asked for, or an edit can't be had today.
    """
    if edit == SongEdit():
        raise UsageError("no edit was named; `thresher song edit --help` lists them")
    with catalog.writing() as connection:
        editor = _Editor(catalog, connection, name)
        editor.apply(edit)
        if not dry_run:
            text = json.dumps(editor.edits.plain(), separators=(",", ":"))
            summary = f'edit song "{name}": {", ".join(editor.said)}'
            decide(connection, "song edit", summary, [Assignment("song", editor.song.id, "edits", text)])
    # laying out may read clips, for which no other program should wait
    with catalog.reading() as connection:
        return lay_out(catalog, connection, editor.edited)


class _Editor:
    """A song's edits while they change, and what was said of each change."""

    def __init__(self, catalog: Catalog, connection: Connection, name: str) -> None:
        self._catalog, self._connection = catalog, connection
        self.song = find_song(connection, name)
        self.edits: Edits = self.song.settings.edits
        self.said: list[str] = []
        self._pinned: set[int] = set()

    @property
    def edited(self) -> Song:
        """The song with the edits so far."""
        return replace(self.song, settings=replace(self.song.settings, edits=self.edits))

    def apply(self, edit: SongEdit) -> None:
        """Make the changes; UsageError for one that can't be had."""
        for term in edit.release:
            # of a clip that was forgotten only the number is left
            clip_id = int(term) if term.isascii() and term.isdigit() else self._clip(term)
            self._change(f"release {term}", self.edits.release(clip_id))
        for term in edit.add:
            self._change(f"add {term}", self.edits.add(self._playable(term)))
        for term in edit.drop:
            self._change(f"drop {term}", self.edits.drop(self._clip(term)))
        for one, other in edit.together:
            self._keep_together(one, other)
        ends = [(clip, at) for clip, at in ((edit.first, 1), (edit.last, LAST)) if clip is not None]
        for term, at in (*edit.pins, *ends):
            self._pin(term, at)
        if edit.swap is not None:
            self._swap(*edit.swap)
        self._check_ends()

    def _change(self, said: str, edits: Edits) -> None:
        self.edits = edits
        self.said.append(said)

    def _clip(self, term: str) -> int:
        return find_clip(self._catalog, self._connection, term)

    def _playable(self, term: str) -> int:
        """A clip that a song may hold."""
        clip_id = self._clip(term)
        if not select_ids(self._catalog, self._connection, [str(clip_id)], song=True):
            raise UsageError(
                f"clip {clip_id} can't be in a song: it is rejected, a reference or without usable sound; "
                f"`thresher show {clip_id}` says which"
            )
        return clip_id

    def _found(self) -> list[int]:
        """All clips of the song in sequence, those beyond its limits, too."""
        sequence = arranged(self._catalog, self._connection, self.edited)
        return [*sequence.body, *sequence.final]

    def _present(self, term: str, found: Sequence[int]) -> int:
        """A clip that is in the song."""
        clip_id = self._clip(term)
        if clip_id not in found:
            raise UsageError(
                f'clip {clip_id} is not in song "{self.song.name}"; --add {clip_id} puts it there'
            )
        return clip_id

    def _keep_together(self, one: str, other: str) -> None:
        found = self._found()
        before, after = self._present(one, found), self._present(other, found)
        if before == after:
            raise UsageError(f"clip {before} can't stay behind itself; name two clips")
        self._change(f"keep {before} and {after} together", self.edits.keep_together(before, after))

    def _pin(self, term: str, at: int) -> None:
        found = self._found()
        clip_id = self._present(term, found)
        if at > len(found):
            raise UsageError(f'song "{self.song.name}" has {len(found)} clips, and no place {at}')
        if clip_id in self._pinned:
            raise UsageError(f"clip {clip_id} can't be at two places; name one")
        self._pinned.add(clip_id)
        where = "last" if at == LAST else f"at {at}"
        self._change(f"pin {clip_id} {where}", self.edits.pin(clip_id, at))

    def _swap(self, one: str, other: str) -> None:
        found = self._found()
        first, second = self._present(one, found), self._present(other, found)
        if first == second:
            raise UsageError(f"clip {first} can't change places with itself; name two clips")
        at = {clip_id: number for number, clip_id in enumerate(found, start=1)}
        if self.edits.places.get(found[-1]) == LAST:
            at[found[-1]] = LAST
        self._change(f"swap {first} and {second}", self.edits.swap(first, at[first], second, at[second]))

    def _check_ends(self) -> None:
        """UsageError where a clip that others follow is last, or one that follows another is first."""
        chosen = parse_ordering(self.song.settings.ordering)
        ends = {1: chosen.start, LAST: chosen.end, **{at: clip_id for clip_id, at in self.edits.pins}}
        for before, after in self.edits.together:
            for clip_id, other, where in ((ends.get(LAST), before, "last"), (ends.get(1), after, "first")):
                if clip_id == other:
                    raise UsageError(
                        f"clip {clip_id} can't be {where}: clips {before} and {after} stay together; "
                        "--release one of them, or give the song another --start or --end"
                    )


def read_sequence(catalog: Catalog, file: str | os.PathLike[str]) -> tuple[int, ...]:
    """The clips that a file lists, one a line: by id, or by path as in a playlist (.m3u8), relative to its folder.

    Lines that are empty or begin with # are passed over. Raises NotFoundError and UsageError, naming the line,
    for what is no clip, and for one that is listed twice.
    """
    seen: dict[int, int] = {}
    with catalog.reading() as connection:
        for number, line in _lines(Path(file)):
            try:
                clip_id = _listed(catalog, connection, Path(file).parent, line)
            except (NotFoundError, UsageError) as error:
                raise type(error)(f"{file}, line {number}: {error}") from error
            if clip_id in seen:
                raise UsageError(
                    f"{file}, line {number}: clip {clip_id} is on line {seen[clip_id]} already, and a song "
                    "plays it once; take one of them out"
                )
            seen[clip_id] = number
    if not seen:
        raise UsageError(f"{file} lists no clip; write ids or paths, one a line")
    return tuple(seen)


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ThresherError(f"{file} can't be read: {error.strerror}; give another --from FILE") from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip() and not line.startswith(b"#"):
            yield number, line


def _listed(catalog: Catalog, connection: Connection, folder: Path, line: bytes) -> int:
    if line.strip().isdigit():
        return find_clip(catalog, connection, line.strip().decode())
    if line.lower().startswith(b"file://"):
        line = unquote_to_bytes(line[len(b"file://") :].removeprefix(b"localhost"))
    path = os.fsdecode(line)
    beside = os.path.join(folder, path)
    return find_clip(catalog, connection, beside if os.path.lexists(beside) else path)
