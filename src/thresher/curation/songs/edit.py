"""Edit a song by hand: add, drop, pin and swap clips, and keep clips together."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment
from thresher.catalog.edits import LAST, Edits
from thresher.catalog.text.values import whole_number
from thresher.curation.clips.selection import find_clip, select_ids
from thresher.curation.songs.limits import SongLookups, check_copies
from thresher.curation.songs.options import UNCHANGED, Keep
from thresher.curation.songs.sequence import arranged, current_order, with_edits
from thresher.curation.songs.settings import check_settings
from thresher.curation.songs.songs import Song, find_song, lookups_of_song, matching_clips, song_candidates
from thresher.curation.songs.tracklist import Tracklist, at_loudness, lay_out
from thresher.errors import UsageError


@dataclass(frozen=True)
class SongEdit:
    """Changes to a song. Clips are given by id, path or query; positions count from 1.

    The changes are made in this order: `release` removes all edits of a clip; `add` and `drop` change which
    clips are in the song; `together` keeps the second clip of a pair right after the first; `pins` are (clip,
    position); `first` and `last` pin a clip to an end; `swap` exchanges the positions that two clips have then.
    `no_copies` and `per_checkpoint` are set first, as by `save_song`; None and UNCHANGED leave them as they are.
    """

    release: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    together: tuple[tuple[str, str], ...] = ()
    pins: tuple[tuple[str, int], ...] = ()
    first: str | None = None
    last: str | None = None
    swap: tuple[str, str] | None = None
    no_copies: bool | None = None
    per_checkpoint: int | Keep | None = UNCHANGED

    @property
    def concerns_positions(self) -> bool:
        """Whether a change concerns the positions of clips, and so depends on which clips are in the song."""
        return bool(self.together or self.pins or self.first or self.last or self.swap)


def edit_song(catalog: Catalog, name: str, edit: SongEdit, *, dry_run: bool = False) -> Tracklist:
    """Edit a song, as one decision, and lay out the result. A dry run saves nothing.

    Raises UsageError if `edit` contains no change, or a change that is not possible.
    """
    if edit == SongEdit():
        raise UsageError("no edit was given; `thresher song edit --help` lists them")

    lookups, ids = lookups_of_song(catalog, name), _ids_of(catalog, name, edit)
    if edit.concerns_positions:
        _compare_copies(catalog, name, edit, lookups, ids)
    order = [] if edit.swap is None else _order_before_swap(catalog, name, edit, lookups, ids)

    def carry_out(connection: Connection) -> Song:
        editor = _Editor(catalog, connection, name, lookups, ids)
        editor.apply(edit, order)
        text = json.dumps(editor.edits.plain(), separators=(",", ":"))
        summary = f'edit song "{name}": {", ".join(editor.changes)}'
        changed = [Assignment("song", editor.song.id, *each) for each in editor.limits.items()]
        decide(
            connection, "song edit", summary, [Assignment("song", editor.song.id, "edits", text), *changed]
        )
        return editor.edited

    edited = catalog.write(carry_out, dry_run=dry_run)
    return at_loudness(catalog, lay_out(catalog, edited))


def _ids_of(catalog: Catalog, name: str, edit: SongEdit) -> dict[str, int]:
    """Return the clips that an edit names by path or query, which may be looked up in the file system."""
    pairs = (*edit.together, *([] if edit.swap is None else [edit.swap]))
    named = {*edit.release, *edit.add, *edit.drop, *(term for pair in pairs for term in pair)}
    named |= {term for term, _ in edit.pins} | {term for term in (edit.first, edit.last) if term is not None}
    with catalog.reading() as connection:
        find_song(connection, name)  # an unknown song is reported first
        return {term: find_clip(catalog, connection, term) for term in sorted(named) if not _is_id(term)}


def _compare_copies(
    catalog: Catalog, name: str, edit: SongEdit, lookups: SongLookups, ids: Mapping[str, int]
) -> None:
    """Compare the sounds of the edited song's clips outside of transactions; `lookups` remember the result."""
    with catalog.reading() as connection:
        editor = _Editor(catalog, connection, name, lookups, ids)
        editor.change_clips(edit)
        candidates = song_candidates(catalog, connection, editor.edited.settings, lookups)
    candidates.kept()


def _order_before_swap(
    catalog: Catalog, name: str, edit: SongEdit, lookups: SongLookups, ids: Mapping[str, int]
) -> list[int]:
    """Return the clips of a song in its ordering after the other changes, computed outside of transactions."""
    with catalog.reading() as connection:
        editor = _Editor(catalog, connection, name, lookups, ids)
        editor.change_before_swap(edit)
    return current_order(catalog, editor.edited, lookups)


def _is_id(term: str) -> bool:
    return term.isascii() and term.isdigit()


class _Editor:
    """The edits of a song while they are changed, and a phrase about each change.

    `lookups` and `ids` were looked up before the transaction, so that no file is touched and no sounds are compared
    in it.
    """

    def __init__(
        self,
        catalog: Catalog,
        connection: Connection,
        name: str,
        lookups: SongLookups,
        ids: Mapping[str, int],
    ) -> None:
        self._catalog, self._connection = catalog, connection
        self._lookups, self._ids = lookups, ids
        self.song = find_song(connection, name)
        self.edits: Edits = self.song.settings.edits
        self.limits: dict[str, Any] = {}
        self.changes: list[str] = []
        self._pinned: set[int] = set()

    @property
    def edited(self) -> Song:
        """The song with the edits so far."""
        settings = replace(self.song.settings, edits=self.edits, **self.limits)
        return replace(self.song, settings=settings)

    def apply(self, edit: SongEdit, order: Sequence[int]) -> None:
        """Make the changes. Raises UsageError for a change that is not possible.

        `order` is that of `_order_before_swap`, if there is a swap.
        """
        members = self.change_before_swap(edit)
        if edit.swap is not None:
            self._swap(*edit.swap, members, order)
        self._check_ends()

    def change_before_swap(self, edit: SongEdit) -> list[int]:
        """Make all changes but a swap, and return the clips of the song if changes concern their positions."""
        self.change_clips(edit)
        if not edit.concerns_positions:
            return []
        members = matching_clips(self._catalog, self._connection, self.edited, self._lookups)
        for one, other in edit.together:
            self._keep_together(one, other, members)
        ends = [(clip, at) for clip, at in ((edit.first, 1), (edit.last, LAST)) if clip is not None]
        for term, position in (*edit.pins, *ends):
            self._pin(term, position, members)
        return members

    def change_clips(self, edit: SongEdit) -> None:
        """Make the changes on which it depends which clips are in the song."""
        self._limit(edit)
        for term in edit.release:
            # a forgotten clip can still be released by its id
            clip_id = whole_number(term) if _is_id(term) else None
            clip_id = self._clip(term) if clip_id is None else clip_id
            self._release(term, clip_id)
        added = {self._add(term) for term in edit.add}
        for term in edit.drop:
            self._drop(term, added)

    def _limit(self, edit: SongEdit) -> None:
        """Set what the edit says about copies and about clips per checkpoint."""
        if edit.no_copies is not None:
            self.limits["no_copies"] = edit.no_copies
            self.changes.append("without copies" if edit.no_copies else "with copies")
        if edit.per_checkpoint is not UNCHANGED:
            self.limits["per_checkpoint"] = edit.per_checkpoint
            most = "no limit" if edit.per_checkpoint is None else f"at most {edit.per_checkpoint}"
            self.changes.append(f"{most} per checkpoint")
        check_settings(self.edited.settings)
        check_copies(self.edited.settings, self._catalog.settings)

    def _change(self, phrase: str, edits: Edits) -> None:
        self.edits = edits
        self.changes.append(phrase)

    def _release(self, term: str, clip_id: int) -> None:
        before = self.song.settings.edits
        if before.release(clip_id) == before:
            raise UsageError(
                f'song "{self.song.name}" has no edit of clip {clip_id} to release '
                f"(its edits: {'; '.join(before.sentences()) or 'none'})"
            )
        self._change(f"release {term}", self.edits.release(clip_id))

    def _add(self, term: str) -> int:
        clip_id = self._playable(term)
        self._change(f"add {term}", self.edits.add(clip_id))
        return clip_id

    def _drop(self, term: str, added: Collection[int]) -> None:
        clip_id = self._clip(term)
        if clip_id in added:
            raise UsageError(f"clip {clip_id} can't be both added and dropped; give --add or --drop")
        self._change(f"drop {term}", self.edits.drop(clip_id))

    def _clip(self, term: str) -> int:
        found = self._ids.get(term)
        return find_clip(self._catalog, self._connection, term) if found is None else found

    def _playable(self, term: str) -> int:
        """A clip that a song may contain."""
        clip_id = self._clip(term)
        if not select_ids(self._catalog, self._connection, [str(clip_id)], song=True):
            raise UsageError(
                f"clip {clip_id} can't be in a song, because it is rejected, a reference, or has no usable sound; "
                f"`thresher show {clip_id}` says which"
            )
        return clip_id

    def _member(self, term: str, members: Sequence[int]) -> int:
        """A clip that is in the song."""
        clip_id = self._clip(term)
        if clip_id not in members:
            raise UsageError(f'clip {clip_id} is not in song "{self.song.name}"; --add {clip_id} adds it')
        return clip_id

    def _keep_together(self, one: str, other: str, members: Sequence[int]) -> None:
        before, after = self._member(one, members), self._member(other, members)
        if before == after:
            raise UsageError(f"clip {before} can't stay right after itself; name two clips")
        self._change(f"keep {before} and {after} together", self.edits.keep_together(before, after))

    def _pin(self, term: str, position: int, members: Sequence[int]) -> None:
        clip_id = self._member(term, members)
        if position > len(members):
            raise UsageError(f'song "{self.song.name}" has only {len(members)} clips, no position {position}')
        if clip_id in self._pinned:
            raise UsageError(f"clip {clip_id} can't be at two positions; name one")
        self._pinned.add(clip_id)
        where = "last" if position == LAST else f"at {position}"
        self._change(f"pin {clip_id} {where}", self.edits.pin(clip_id, position))

    def _swap(self, one: str, other: str, members: Sequence[int], order: Sequence[int]) -> None:
        first, second = self._member(one, members), self._member(other, members)
        if first == second:
            raise UsageError(f"clip {first} can't be swapped with itself; name two clips")
        if set(order) == set(members):
            sequence = with_edits(self._connection, self.edited.settings, order)
        else:  # another program has changed the song since the order was computed
            sequence = arranged(self._catalog, self._connection, self.edited, self._lookups)
        clips = [*sequence.body, *sequence.final]
        positions = {clip_id: number for number, clip_id in enumerate(clips, start=1)}
        if self.edits.positions.get(clips[-1]) == LAST:
            positions[clips[-1]] = LAST
        self._change(
            f"swap {first} and {second}", self.edits.swap(first, positions[first], second, positions[second])
        )

    def _check_ends(self) -> None:
        """Raise UsageError if the first clip of a pair that stays together is last, or the second clip is first."""
        ordering = self.song.settings.ordering
        pinned = {position: clip_id for clip_id, position in self.edits.pins}
        ends = {1: ordering.start, LAST: ordering.end, **pinned}
        for before, after in self.edits.together:
            for clip_id, other, where in ((ends.get(LAST), before, "last"), (ends.get(1), after, "first")):
                if clip_id == other:
                    raise UsageError(
                        f"clip {clip_id} can't be {where}: clips {before} and {after} stay together; "
                        "--release one of them, or give the song another --start or --end"
                    )
