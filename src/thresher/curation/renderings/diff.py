"""The difference between a song and one of its renderings, or between two renderings: which clips, and why."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.audio.encoding import OUTPUT_FORMATS, suffix_of
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import batch, clip, location, recording
from thresher.catalog.recordings.clip_source import IS_HIDDEN
from thresher.curation.clips.selection import select_ids
from thresher.curation.renderings.history import Rendering, frozen
from thresher.curation.renderings.plan import quality_of
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.tracklist import Track, Tracklist, tracklist
from thresher.errors import NotFoundError, QueryError


@dataclass(frozen=True)
class Difference:
    """The difference of today's song, or of rendering `other`, from rendering `number`.

    `new`, `gone`, `moved` (to another position) and `retrimmed` (with another span) are ids of clips.
    `settings` are sentences about other differences that would change the file. `reasons` says for each clip
    why it differs; `tracks` holds these clips as they are now, or as they were if they are gone. `seconds` are
    the lengths before and after.
    """

    number: int
    other: int | None
    new: tuple[int, ...]
    gone: tuple[int, ...]
    moved: tuple[int, ...]
    retrimmed: tuple[int, ...]
    settings: tuple[str, ...]
    reasons: Mapping[int, str]
    tracks: Mapping[int, Track]
    seconds: tuple[float, float]

    @property
    def is_none(self) -> bool:
        """Whether there is no difference."""
        return not (self.new or self.gone or self.moved or self.retrimmed or self.settings)


def since_rendering(catalog: Catalog, today: Tracklist) -> Difference | None:
    """The difference of a song, as laid out today, from its last rendering; None if it was never rendered."""
    try:
        then, rendered = frozen(catalog, today.song.name)
    except NotFoundError:
        return None
    return _difference(catalog, then, rendered, today, None)


def difference(
    catalog: Catalog, name: str, number: int | None = None, other: int | None = None
) -> Difference:
    """The difference of rendering `other`, by default the song today, from rendering `number`, by default the last.

    Raises NotFoundError if the song or a rendering does not exist.
    """
    then, rendered = frozen(catalog, name, number)
    if other is None:
        return _difference(catalog, then, rendered, tracklist(catalog, name), None)
    return _difference(catalog, then, rendered, *frozen(catalog, name, other))


def _difference(
    catalog: Catalog, then: Tracklist, rendered: Rendering, now: Tracklist, again: Rendering | None
) -> Difference:
    was, is_now = ({track.clip: track for track in plan.tracks} for plan in (then, now))
    both = was.keys() & is_now.keys()
    stayed = _longest_common(
        [each for each in is_now if each in both], [each for each in was if each in both]
    )
    new = tuple(each for each in is_now if each not in both)
    gone = tuple(each for each in was if each not in both)
    moved = tuple(each for each in is_now if each in both and each not in stayed)
    retrimmed = tuple(each for each in is_now if each in both and _span(is_now[each]) != _span(was[each]))
    with catalog.reading() as connection:
        why = _Reasons(catalog, connection, then, rendered, now)
        reasons = {
            **dict.fromkeys(moved, why.moved()),
            **dict.fromkeys(retrimmed, "re-analysed, with another span"),
            **why.new(new),
            **why.gone(gone),
        }
    return Difference(
        rendered.number,
        None if again is None else again.number,
        new,
        gone,
        moved,
        retrimmed,
        tuple(_other_settings(then, now, rendered)),
        reasons,
        {each: is_now.get(each) or was[each] for each in reasons},
        (then.seconds, now.seconds),
    )


def _span(track: Track) -> tuple[int, int]:
    return track.start_frame, track.end_frame


class _Reasons:
    """The reasons why clips came and went between a rendering and today, or a later rendering."""

    def __init__(
        self,
        catalog: Catalog,
        connection: Connection,
        then: Tracklist,
        rendered: Rendering,
        now: Tracklist,
    ) -> None:
        self._catalog, self._connection = catalog, connection
        self._rendered = rendered
        self._then, self._now = then.song.settings, now.song.settings
        self._is_edited = self._then.query != self._now.query

    def moved(self) -> str:
        """The reason for clips that moved."""
        then, now = self._then, self._now
        if (then.ordering, then.metric, then.manual) != (now.ordering, now.metric, now.manual):
            return "the ordering changed"
        if (then.edits.pins, then.edits.together) != (now.edits.pins, now.edits.together):
            return "positions were edited by hand"
        return "other clips came or went"

    def new(self, clip_ids: Sequence[int]) -> dict[int, str]:
        """The reason for each clip that is new."""
        ingested = self._ingested(clip_ids)
        found_then = self._found(self._then) if clip_ids and self._is_edited else frozenset()
        by_hand = {*self._now.edits.added, *self._then.edits.dropped}
        reasons = {}
        for each in clip_ids:
            if each in by_hand:
                reasons[each] = "added by hand"
            elif ingested.get(each, 0.0) > self._rendered.created_at:
                reasons[each] = "ingested since"
            elif self._is_edited and each not in found_then:
                reasons[each] = "the query changed"
            else:
                reasons[each] = "rated or changed since, now within the limits, or its file was missing then"
        return reasons

    def gone(self, clip_ids: Sequence[int]) -> dict[int, str]:
        """The reason for each clip that is gone."""
        if not clip_ids:
            return {}
        known, found = self._known(clip_ids), self._found(self._now)
        found_then = self._found(self._then) if self._is_edited else found
        return {each: self._why_gone(each, known.get(each), found, found_then) for each in clip_ids}

    def _why_gone(self, clip_id: int, row: Any, found: frozenset[int], found_then: frozenset[int]) -> str:
        if row is None:
            return "forgotten"
        if clip_id in self._now.edits.dropped:
            return "dropped by hand"
        if row.removed:
            return "taken away by a split or `thresher unmark`"
        if row.rejected:
            return "rejected"
        if row.is_hidden and clip_id not in found:
            return "split into parts"
        if clip_id not in found and clip_id in self._found_by_rule_1:
            return "left out by the selection rule"
        if self._is_edited and clip_id in found_then and clip_id not in found:
            return "the query changed"
        if row.is_missing:
            return "its file is missing or changed"
        if clip_id in found:
            return "beyond the song's limits"
        return "no longer matches the query"

    @cached_property
    def _found_by_rule_1(self) -> frozenset[int]:
        return self._found(replace(self._now, selection_rule=1))

    def _found(self, settings: SongSettings) -> frozenset[int]:
        query, rule = settings.query, settings.selection_rule
        try:
            return frozenset(
                select_ids(self._catalog, self._connection, query, song=True, rule=rule, stored=True)
            )
        except (QueryError, NotFoundError):  # it names something that no longer exists
            return frozenset()

    def _ingested(self, clip_ids: Sequence[int]) -> dict[int, float]:
        found: dict[int, float] = {}
        for chunk in chunks(clip_ids):
            statement = (
                select(clip.c.id, batch.c.started_at)
                .join(recording, recording.c.id == clip.c.recording_id)
                .join(batch, batch.c.id == recording.c.batch_id)
                .where(clip.c.id.in_(chunk))
            )
            found.update((row.id, row.started_at) for row in self._connection.execute(statement))
        return found

    def _known(self, clip_ids: Sequence[int]) -> dict[int, Any]:
        present = (
            select(location.c.id)
            .where(location.c.recording_id == clip.c.recording_id, location.c.missing_since.is_(None))
            .correlate(clip)
            .exists()
        )
        found: dict[int, Any] = {}
        for chunk in chunks(clip_ids):
            columns = (clip.c.id, clip.c.rejected, clip.c.removed, IS_HIDDEN.label("is_hidden"))
            statement = select(*columns, (~present).label("is_missing")).join(
                recording, recording.c.id == clip.c.recording_id
            )
            rows = self._connection.execute(statement.where(clip.c.id.in_(chunk)))
            found.update((row.id, row) for row in rows)
        return found


def _other_settings(then: Tracklist, now: Tracklist, rendered: Rendering) -> Iterator[str]:
    """Sentences about what else reaches the file and changed, besides the clips and their spans."""
    form = OUTPUT_FORMATS[suffix_of(rendered.container, rendered.subtype)]
    if form.rate_for(now.sample_rate) != then.sample_rate:
        yield f"the sample rate was {then.sample_rate} Hz and is {now.sample_rate} Hz"
    if now.channels != then.channels:
        yield f"the song was {_layout(then.channels)} and is {_layout(now.channels)}"
    was, is_now = then.song.settings, now.song.settings
    fade, fade_now = (plan.fade_frames / plan.sample_rate for plan in (then, now))
    rounding = 0.0 if now.sample_rate == then.sample_rate else 1 / min(now.sample_rate, then.sample_rate)
    if then.tracks and abs(fade_now - fade) > rounding:
        yield "the fade changed"
    for what, one, other in (
        ("crossfade", _seconds(was.crossfade), _seconds(is_now.crossfade)),
        ("gap", _seconds(was.gap), _seconds(is_now.gap)),
        ("loudness", _lufs(was.lufs), _lufs(is_now.lufs)),
        ("subtype", was.subtype or "that of the clips", is_now.subtype or "that of the clips"),
        ("dither", "on" if was.dither else "off", "on" if is_now.dither else "off"),
        ("artist", was.artist or "none", is_now.artist or "none"),
        ("album", was.album or "none", is_now.album or "none"),
    ):
        if one != other:
            yield f"the {what} was {one} and is {other}"
    if is_now.cover != was.cover:
        yield "the cover changed"
    if is_now.file_rule != was.file_rule:
        yield "the file's tags no longer contain the query"
    elif is_now.query != was.query and is_now.file_rule == 1:
        yield "the query, which is in the file's tags, changed"
    quality, quality_now = (quality_of(plan, rendered.subtype) for plan in (then, now))
    if quality != quality_now and is_now.file_rule == was.file_rule:
        yield f"the quality was {quality:g} and is {quality_now:g}"
    gains = {track.clip: track.gain for track in now.tracks}
    has_new_gains = any(gains.get(track.clip, track.gain) != track.gain for track in then.tracks)
    if has_new_gains and is_now.lufs == was.lufs:
        yield "gains changed"


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"


def _lufs(lufs: float | None) -> str:
    return "that of each clip" if lufs is None else f"{lufs:g} LUFS"


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"


def _longest_common(now: Sequence[int], then: Sequence[int]) -> set[int]:
    """The clips that keep their order: the longest increasing run of old positions in the new order."""
    position = {clip_id: index for index, clip_id in enumerate(then)}
    tails: list[int] = []  # the smallest last old position of an increasing run of each length
    at: list[int] = []  # the entry of `now` with that position
    before: list[int | None] = []
    for index, clip_id in enumerate(now):
        length = bisect_left(tails, position[clip_id])
        tails[length : length + 1] = [position[clip_id]]
        at[length : length + 1] = [index]
        before.append(at[length - 1] if length else None)
    kept: set[int] = set()
    step: int | None = at[-1] if at else None
    while step is not None:
        kept.add(now[step])
        step = before[step]
    return kept
