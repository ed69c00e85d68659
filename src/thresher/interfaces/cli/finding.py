"""Commands that look: list, show, fields, stats, near, dupes, play."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import any_of, counted
from thresher.interfaces.cli.app import app, end_on_sigterm, open_catalog, terms_of
from thresher.interfaces.cli.options import Form, Json, OptionalQuery, form_of
from thresher.interfaces.cli.output import (
    TABLE_ROWS,
    Format,
    checkpoint_text,
    clock,
    emit,
    local_time,
    print_facts,
    print_json,
    say,
    score_text,
    tell,
)
from thresher.interfaces.cli.table import Column, Keep
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.curation.clips.listing import ClipDetail, ClipRow, NeighbourRow

PANEL = "Find"


def _status(row: ClipRow) -> str:
    said = {"rejected": row.rejected, "suspect": row.suspect and not row.rejected}
    return ", ".join([row.status, *(word for word, is_so in said.items() if is_so)])


CLIP_COLUMNS = (
    Column("id", lambda row: row.id, is_number=True),
    Column("run", lambda row: row.run, keep=Keep.START, rank=3),
    Column("epoch", lambda row: row.epoch, is_number=True),
    Column("step", lambda row: row.step, is_number=True, rank=4),
    Column("length", lambda row: clock(row.seconds), is_number=True),
    Column("status", _status),
    Column("rating", lambda row: "★" * (row.rating or 0)),
    Column("score", lambda row: score_text(row.score), is_number=True, rank=1),
    Column("tags", lambda row: row.tags, keep=Keep.START, rank=2),
    Column("path", lambda row: f"{row.path or ''}{' (missing)' if row.missing else ''}", keep=Keep.END),
)


def _measured(title: str, name: str, digits: int, rank: int = 0) -> Column:
    def shown(row: dict[str, Any]) -> str:
        return "" if row[name] is None else f"{row[name]:.{digits}f}"

    return Column(title, shown, is_number=True, rank=rank)


MEASURED_COLUMNS = (
    Column("id", lambda row: row["id"], is_number=True),
    Column("epoch", lambda row: row["epoch"], is_number=True),
    Column("length", lambda row: clock(row["seconds"]), is_number=True, rank=6),
    _measured("LUFS", "loudness", 1, 5),
    *(_measured(entry.title, entry.name, entry.digits, entry.rank) for entry in MEASURES.values()),
    Column("rating", lambda row: "★" * (row["rating"] or 0), rank=7),
    Column("path", lambda row: row["path"], keep=Keep.END),
)


@app.command("list", rich_help_panel=PANEL)
def list_clips(
    query: OptionalQuery = None,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many clips.")] = None,
    form: Form = Format.TABLE,
    json: Json = False,
    paths0: Annotated[
        bool, typer.Option("--paths0", help="Only the files' paths, each ended by NUL, for xargs -0.")
    ] = False,
    measures: Annotated[
        bool, typer.Option("--measures", help="What each clip is like: silence, loop, noise and so on.")
    ] = False,
) -> None:
    """List clips: all that are usable and not rejected, or those that a query finds; a table stops at 200."""
    from thresher.curation.clips import listing

    with open_catalog() as catalog:
        terms = terms_of(catalog, query or [])
        if paths0 and (json or measures or form is not Format.TABLE):
            raise UsageError("--paths0 writes paths alone; leave --json, --format and --measures away")
        if paths0:
            for path in listing.clip_paths(catalog, terms)[:limit]:
                sys.stdout.buffer.write(path + b"\0")
            return
        chosen = form_of(form, json)
        shown = TABLE_ROWS if chosen is Format.TABLE and limit is None else limit
        rows = listing.list_clips(catalog, terms, limit=shown)
        more = 0
        if chosen is Format.TABLE and shown is not None and len(rows) == shown:
            more = listing.count_clips(catalog, terms) - len(rows)
        hidden = listing.count_clips(catalog, terms, defaults=False) if not rows and limit != 0 else 0
        found = listing.list_measures(catalog, [row.id for row in rows]) if measures else {}
    if measures:
        unknown = dict.fromkeys(MEASURES)
        emit(
            [{**row._asdict(), **found.get(row.id, unknown)} for row in rows],
            MEASURED_COLUMNS,
            chosen,
            more=more,
        )
    else:
        emit(rows, CLIP_COLUMNS, chosen, more=more)
    if hidden:
        left_out = f"{counted(hidden, 'clip')} found that listings leave out"
        say(f"{left_out}: rejected (rejected:yes) or with nothing to hear (status:silent and others)")


@app.command(rich_help_panel=PANEL)
def show(
    clip: Annotated[str, typer.Argument(help="An id, a file, or a query that finds one clip.")],
    json: Json = False,
) -> None:
    """Show everything about one clip."""
    from thresher.curation.clips.listing import show_clip

    with open_catalog() as catalog:
        detail = show_clip(catalog, clip)
    if json:
        print_json(detail)
    else:
        _print_clip(detail)


def _print_clip(detail: ClipDetail) -> None:
    row = detail.clip
    pinned = " (corrected)" if detail.checkpoint_pinned else ""
    span = None if row.start is None else f"{row.start:.3f} s to {detail.end:.3f} s ({clock(row.seconds)})"
    form = None
    if row.sample_rate:
        form = f"{detail.container} {detail.subtype}, {row.sample_rate} Hz, {counted(row.channels or 0, 'channel')}"
    words = None
    if detail.fingerprint_words:
        backend = f"{detail.fingerprint_backend} {detail.fingerprint_version}"
        words = f"{detail.fingerprint_words} words ({backend})"
    print_facts(
        [
            ("clip", row.id),
            ("status", f"{row.status}{', rejected' if row.rejected else ''}"),
            ("reason", detail.reason),
            ("checkpoint", f"{checkpoint_text(row)}{pinned}" or None),
            ("role", row.role),
            ("span", span),
            ("format", form),
            ("loudness", None if row.loudness is None else f"{row.loudness:.1f} LUFS"),
            ("peak", None if row.peak is None else f"{row.peak:.3f}"),
            *((name.replace("_", " "), measure_text(name, value)) for name, value in detail.measures.items()),
            ("heard", "yes" if row.heard else "not yet"),
            ("suspect", _suspicion_text(detail) if row.suspect else None),
            ("rating", None if row.rating is None else f"{row.rating} of 5"),
            ("tags", row.tags or None),
            ("note", row.note),
            ("fingerprint", words),
            ("trim", detail.trim),
            ("batch", f"{row.batch}, {local_time(detail.added)}"),
            ("sha256", detail.sha256),
            *(
                ("nearest", f"{near.score:.3f} {near.metric}: clip {near.clip} {near.path or ''}{_at(near)}")
                for near in detail.nearest
            ),
        ]
    )
    for place in detail.locations:
        gone = f" (missing since {local_time(place.missing_since)})" if place.missing_since else ""
        print_facts([("at", f"{place.path}{gone}")])
        said = {**{name: getattr(place, name) for name in ("run", "epoch", "step")}, **place.attributes}
        print_facts(
            [("  said", ", ".join(f"{key}={text}" for key, text in said.items() if text is not None))]
        )
    if detail.checkpoints_disagree:
        say("note: its locations name different checkpoints; `thresher modify` settles which one counts")


def _suspicion_text(detail: ClipDetail) -> str:
    said = {"aligned": "a copy of", "likeness": "very like"}
    listed = (f"{said[each.metric]} clip {each.other_id} ({each.score:.3f})" for each in detail.suspicions)
    return f"{', '.join(listed)}, which you rejected; `thresher trust {detail.clip.id}` lifts it"


def measure_text(name: str, value: float | None) -> str | None:
    """A measure of a clip for people, with its unit."""
    if value is None:
        return None
    entry = MEASURES[name]
    return f"{value:.{entry.digits}f} {entry.unit}" if entry.unit else f"{value:.3f}"


def _at(near: NeighbourRow) -> str:
    return "" if near.offset is None else f", {near.offset:+.1f} s"


@app.command(rich_help_panel=PANEL)
def fields(form: Form = Format.TABLE, json: Json = False) -> None:
    """List the fields that a query may name."""
    from thresher.curation.clips.listing import fields as list_fields

    with open_catalog() as catalog:
        rows = list_fields(catalog)
    columns = (
        Column("field", lambda row: row.name),
        Column("kind", lambda row: row.kind),
        Column("what it is", lambda row: row.description, keep=Keep.LINES),
        Column("known", lambda row: row.count, is_number=True, rank=1),
        Column("from … to", lambda row: " … ".join(row.examples), keep=Keep.START, rank=2),
    )
    emit(rows, columns, form_of(form, json))
    if form_of(form, json) is Format.TABLE:
        say("field:value · field:4..7 · field::regex · ^term is not · a , b is or · field+ and field- sort")


@app.command(rich_help_panel=PANEL)
def stats(json: Json = False) -> None:
    """Show the catalog in numbers."""
    from thresher.curation.ingest.batches import stats as count

    with open_catalog() as catalog:
        found = count(catalog)
    if json:
        print_json(found)
        return
    by_status = ", ".join(f"{count} {status}" for status, count in found.recordings.items())
    print_facts(
        [
            ("recordings", f"{sum(found.recordings.values())} ({by_status})" if by_status else "0"),
            ("reference", found.references or None),
            ("clips", f"{found.clips}, {found.rated} rated, {found.rejected} rejected"),
            ("files", f"{found.present} present, {found.missing} missing, {found.unread} unread"),
            ("generated", f"{found.minutes_generated:.1f} minutes"),
            ("kept", f"{found.minutes_kept:.1f} minutes after trimming"),
            ("runs", f"{found.runs}, {found.checkpoints} checkpoints"),
            ("batches", found.batches),
            ("songs", found.songs),
            *(
                (f"{row.name}", f"{counted(row.live, 'clip')} scored, {row.open} open")
                for row in found.metrics
            ),
            ("database", f"{found.database_bytes / 1e6:.1f} MB"),
        ]
    )
    if found.trimmed_otherwise:
        say(
            f"{counted(found.trimmed_otherwise, 'clip')} trimmed with other settings; "
            "`thresher reanalyse` trims anew"
        )
    if found.unmeasured:
        say(
            f"{counted(found.unmeasured, 'clip')} not measured yet; `thresher score` does it where files are there"
        )
    if any(row.open for row in found.metrics):
        say("`thresher score` scores what is open")


@app.command(rich_help_panel=PANEL)
def near(
    clip: Annotated[str, typer.Argument(help="An id, a query that finds one clip, or any audio file.")],
    metric: Annotated[str | None, typer.Option(help=f"Compare by {any_of(METRICS)}.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many clips.")] = 20,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """List the clips most like one clip or file, the nearest first."""
    from thresher.curation.comparison.neighbours import near as find

    with open_catalog() as catalog:
        rows = find(catalog, clip, metric, limit=limit)
    columns = (
        Column("score", lambda row: score_text(row.score), is_number=True),
        Column("offset", lambda row: "" if row.offset is None else f"{row.offset:+.1f} s", is_number=True),
        *(_of_clip(column) for column in CLIP_COLUMNS if column.title != "score"),
    )
    emit(rows, columns, form_of(form, json))


def _of_clip(column: Column) -> Column:
    return replace(column, show=lambda row: column.show(row.clip))


@app.command(rich_help_panel=PANEL)
def dupes(
    query: OptionalQuery = None,
    reject_others: Annotated[
        bool, typer.Option("--reject-others", help="Reject the copies; what only contains or shares stays.")
    ] = False,
    json: Json = False,
) -> None:
    """Find the same sound in several clips of a query: copies, parts, and files that lie in several places.

    Kept is the clip that is whole, then of the higher rate, the longer one, the earlier one; ratings don't count.
    Clips of fewer words than catalog.toml asks of duplicates – 12, or some 4 s – are not judged.
    """
    from thresher.curation.clips.decisions import reject
    from thresher.curation.comparison.duplicates import dupes as find
    from thresher.interfaces.cli.progress import ProgressBar

    with open_catalog() as catalog, ProgressBar() as progress:
        found = find(catalog, terms_of(catalog, query or []), progress)
        others = [part for clip_id in found.others for part in (",", f"id:{clip_id}")][1:]
        judgement = reject(catalog, others) if reject_others and others else None
    if json:
        print_json(found)
        return
    for group in found.groups:
        tell(f"{_clip_text(group.kept)}")
        for match in group.copies:
            tell(f"  copy {match.score:.3f}  {_clip_text(match.clip)}{_offset_text(match.offset)}")
    for part in found.parts:
        how = "contains" if part.is_contained else "shares"
        tell(f"{_clip_text(part.whole)}")
        length = clock(part.part.seconds)
        tell(f"  {how} {length} of  {_clip_text(part.part.clip)}{_offset_text(part.part.offset)}")
    for same in found.byte_copies:
        tell(f"{same.clip.id}: one file in {len(same.paths)} places: {', '.join(same.paths)}")
    copies, parts = counted(len(found.others), "copy"), counted(len(found.parts), "part")
    say(f"{copies.replace('copys', 'copies')} of {counted(len(found.groups), 'clip')}, {parts}")
    if judgement is not None and judgement.decision is not None:
        say(f"decision {judgement.decision.id}: the copies are rejected; `thresher undo` takes it back")


def _clip_text(row: ClipRow) -> str:
    return f"{row.id} ({clock(row.seconds)}) {row.path or ''}"


def _offset_text(offset: float) -> str:
    return "" if offset == 0 else f", at {offset:+.1f} s"


@app.command(rich_help_panel=PANEL)
def play(
    what: Annotated[str, typer.Argument(metavar="CLIP|SONG", help="A clip's id, file or query, or a song.")],
) -> None:
    """Play a clip's trimmed span, which counts as heard then, or a song's last rendering."""
    from thresher.curation.clips.listing import find_clip
    from thresher.curation.listening.player import play_clip, play_song
    from thresher.curation.songs.songs import has_song

    end_on_sigterm()
    with open_catalog() as catalog:
        if has_song(catalog, what):
            played = play_song(catalog, what)
        else:
            with catalog.reading() as connection:
                clip_id = find_clip(catalog, connection, what)
            played = play_clip(catalog, clip_id)
    remembered = "" if played.decision is None else f"; heard (thresher undo {played.decision} takes it back)"
    say(f"played {played.file} with {played.player}{remembered}")
