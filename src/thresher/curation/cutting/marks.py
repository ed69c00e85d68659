"""Marks: clips that a person makes by hand from a span of a recording. Marks may overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.queries.lookups import Lookups
from thresher.catalog.queries.query import join_terms
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.catalog.text.normal_form import nfc
from thresher.curation.clips.decisions import DecisionOutcome, utf8_text
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import find_clip, lookups_of, select_ids
from thresher.curation.cutting.marking import MarkRow, WantedMark, make_marks
from thresher.curation.cutting.places import Origin, find_place
from thresher.curation.songs.membership import selected
from thresher.curation.songs.songs import all_songs
from thresher.errors import UsageError
from thresher.formatting import counted, listed
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class MarkReport:
    """The marks that a command made, brought back or named, and its decision; None if nothing changed.

    `clip` is the clip that was named. `decision` is what a dry run would decide.
    """

    clip: int
    marks: tuple[MarkRow, ...]
    decision: Decision | None
    dry_run: bool


@dataclass(frozen=True)
class UnmarkReport(DecisionOutcome):
    """The decision that removed marks, and the songs that contained them: ids of marks by the song's name."""

    songs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def mark(
    catalog: Catalog,
    term: str,
    start: float,
    end: float,
    *,
    name: str | None = None,
    origin: Origin = "clip",
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> MarkReport:
    """Make a clip from a span of the clip that an id, a path or a query names.

    `start` and `end` are seconds from the start of the clip as it is heard, or of its recording if `origin` is
    "recording". The same span is not marked twice: a mark that was removed comes back with its rating and tags, and
    one that exists gets the name, if one is given. The new mark is scored.

    Raises NotFoundError if no clip matches or no file holds the recording now, and UsageError if several clips
    match or no mark can be there.
    """
    wanted_name = None if name is None else mark_name(name)
    with catalog.reading() as connection:
        place = find_place(catalog, connection, term, origin)
    wanted = WantedMark(place.span(start, end), wanted_name)
    first, last = place.times(wanted.span)
    named = f' as "{wanted_name}"' if wanted_name else ""
    summary = f"mark {first:.3f} s to {last:.3f} s of {place.noun}{named}"
    rows, made = make_marks(catalog, place, [wanted], summary, dry_run=dry_run, progress=progress)
    return MarkReport(place.clip, rows, made, dry_run)


def name_mark(catalog: Catalog, term: str, name: str | None, *, dry_run: bool = False) -> MarkReport:
    """Name the mark that an id or a query names; None or blank text removes its name.

    Raises NotFoundError if no clip matches, UsageError if several do or if the clip is not a mark.
    """
    wanted = None if name is None else mark_name(name)
    with catalog.reading() as connection:
        found = find_clip(catalog, connection, term)

    def carry_out(connection: Connection) -> MarkReport:
        clip_id = find_clip(catalog, connection, str(found))
        row = clip_rows(connection, [clip_id])[clip_id]
        if row[clip.c.kind] != "marked":
            raise UsageError(f"clip {clip_id} is {_kind_text(row[clip.c.kind])}, and only marks have names")
        summary = f'name mark {clip_id} "{wanted}"' if wanted else f"remove the name of mark {clip_id}"
        made = decide(connection, "mark", summary, [Assignment("clip", clip_id, "name", wanted)])
        rate = row[recording.c.sample_rate] or 1
        named = MarkRow(
            clip_id,
            wanted,
            row[clip.c.start_frame] / rate,
            row[clip.c.end_frame] / rate,
            row[clip.c.status] or "ok",
            row[clip.c.reason],
            "unchanged" if made is None else "renamed",
        )
        return MarkReport(clip_id, (named,), made, dry_run)

    return catalog.write(carry_out, dry_run=dry_run)


def unmark(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> UnmarkReport:
    """Remove the marks that the terms match, also rejected and silent ones. Their ratings and tags are kept.

    Raises NotFoundError if no clip matches, and UsageError if other clips than marks match.
    """
    lookups = lookups_of(catalog, terms)
    with catalog.reading() as connection:
        marks = _marks(catalog, connection, terms, lookups)
        songs = {
            song.name: tuple(sorted(contained))
            for song in all_songs(connection)
            if (contained := selected(catalog, connection, song).intersection(marks))
        }

    def carry_out(connection: Connection) -> UnmarkReport:
        ids = _marks(catalog, connection, terms, lookups)
        assignments = [Assignment("clip", clip_id, "removed", True) for clip_id in ids]
        made = decide(connection, "unmark", f"unmark: {utf8_text(join_terms(terms))}", assignments)
        return UnmarkReport(len(ids), made, songs)

    return catalog.write(carry_out, dry_run=dry_run)


def mark_name(text: str) -> str | None:
    """Return the name of a mark as it is stored; None for blank text. Raises UsageError for control characters."""
    tidy = nfc(utf8_text(text).strip())
    if not tidy.isprintable():
        raise UsageError(f"invalid name {tidy!r}; use printable characters")
    return tidy or None


def _marks(catalog: Catalog, connection: Connection, terms: Terms, lookups: Lookups) -> list[int]:
    """Return the marks that the terms match. Raises UsageError if other clips match, too."""
    ids = sorted(select_ids(catalog, connection, terms, defaults=False, lookups=lookups))
    if not ids:
        raise no_match(catalog, connection, terms, "mark", lookups=lookups)
    rows = clip_rows(connection, ids)
    others = [clip_id for clip_id in ids if rows[clip_id][clip.c.kind] != "marked"]
    if len(ids) == 1 and others:
        kind = rows[others[0]][clip.c.kind]
        advice = (
            f"`thresher reject {others[0]}` hides it"
            if kind == "whole"
            else "`thresher split --join` joins parts"
        )
        raise UsageError(f"clip {others[0]} is {_kind_text(kind)}, not a mark; {advice}")
    if others:
        kinds = Counter(rows[clip_id][clip.c.kind] for clip_id in others)
        what = " and ".join(counted(number, kind) for kind, number in sorted(kinds.items()))
        ids_text = listed([str(clip_id) for clip_id in others])
        raise UsageError(
            f"{what} among {counted(len(ids), 'matching clip')} ({ids_text}), and unmark removes only marks; add "
            "kind:marked"
        )
    return ids


def _kind_text(kind: str) -> str:
    return "the whole of its recording" if kind == "whole" else "a part of a split recording"
