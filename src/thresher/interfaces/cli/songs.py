"""Commands for songs: song save, list, show, render, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import UsageError, counted
from thresher.interfaces.cli.app import NEEDS_ACTION, app, open_catalog, song_app, terms_of
from thresher.interfaces.cli.options import DryRun, Form, Json, form_of
from thresher.interfaces.cli.output import (
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
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.difference import Difference
    from thresher.curation.render import RenderReport
    from thresher.curation.songs import SongSettings
    from thresher.curation.tracklist import Seam, Tracklist

app.add_typer(song_app, name="song", rich_help_panel="Make songs")

Name = Annotated[str, typer.Argument(help="The song's name.")]


@song_app.command()
def save(
    name: Name,
    query: Annotated[list[str] | None, typer.Argument(help="Which clips; as in thresher list.")] = None,
    order: Annotated[
        str | None, typer.Option(help="chain, pairs, FIELD+, FIELD- (as epoch+), or shuffle:SEED.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric that orders it: prefix, aligned or likeness.")
    ] = None,
    start: Annotated[int | None, typer.Option(help="The clip that a chain begins with.")] = None,
    end: Annotated[int | None, typer.Option(help="The clip that a chain ends with.")] = None,
    length: Annotated[str | None, typer.Option(help="At most so long, as 24:00; none for no limit.")] = None,
    clips: Annotated[str | None, typer.Option(help="At most so many clips; none for no limit.")] = None,
    rate: Annotated[
        str | None, typer.Option(help="Sample rate in Hz; auto for the highest among the clips.")
    ] = None,
    channels: Annotated[str | None, typer.Option(help="1 or 2; auto for stereo if any clip is.")] = None,
    json: Json = False,
) -> None:
    """Save a song, or change the one of that name: only what is given changes."""
    from thresher.curation.songs import save_song
    from thresher.curation.tracklist import tracklist

    with open_catalog() as catalog:
        if start is not None or end is not None:
            order = _pinned_chain(order, start, end, _ordering_of(catalog, name))
        changes = _changes(
            order=order, metric=metric, length=length, clips=clips, rate=rate, channels=channels
        )
        terms = terms_of(catalog, query) if query else None
        song = save_song(catalog, name, terms, changes)
        plan = tracklist(catalog, name)
    if json:
        print_json(song)
        return
    size = f"{counted(len(plan.tracks), 'clip')}, {_song_clock(plan.seconds)}"
    tell(f'song "{name}": {size}, {_described(song.settings)}')
    if plan.tracks:
        say(f'next: thresher song render "{name}"')
    else:
        say("no clip is in it yet; `thresher list` with its query shows why, or wait for the next ingest")


def _ordering_of(catalog: Catalog, name: str) -> str | None:
    """How the song of that name is ordered; None for a new one."""
    from thresher.curation.songs import songs

    return next((row.settings.ordering for row in songs(catalog) if row.name == name), None)


def _pinned_chain(order: str | None, start: int | None, end: int | None, old: str | None) -> str:
    """The chain with these ends; one that is not given stays as it was."""
    from thresher.signal.ordering import parse_ordering

    if order not in (None, "chain"):
        raise UsageError(f"--start and --end are for --order chain, not for {order}")
    was = parse_ordering(old) if old and order is None else None
    if was is not None and was.name == "chain":
        start, end = was.start if start is None else start, was.end if end is None else end
    return f"chain:{'' if start is None else start}..{'' if end is None else end}"


def _changes(
    *,
    order: str | None,
    metric: str | None,
    length: str | None,
    clips: str | None,
    rate: str | None,
    channels: str | None,
) -> dict[str, Any]:
    from thresher.catalog.values import parse_duration

    changes: dict[str, Any] = {}
    if order is not None:
        changes["ordering"] = order
    if metric is not None:
        changes["metric"] = metric
    if length is not None:
        try:
            changes["length"] = None if length == "none" else parse_duration(length)
        except ValueError as error:
            raise UsageError(f"--length {error}") from error
    for option, column, text in (
        ("--clips", "clips", clips),
        ("--rate", "sample_rate", rate),
        ("--channels", "channels", channels),
    ):
        if text is not None:
            changes[column] = _whole_number(option, text)
    return changes


def _whole_number(option: str, text: str) -> int | None:
    if text in ("none", "auto"):
        return None
    if not text.isdecimal():
        raise UsageError(f'{option} "{text}" is not a whole number')
    return int(text)


def _song_clock(seconds: float) -> str:
    from thresher.catalog.values import format_duration

    return format_duration(seconds)


def _described(settings: SongSettings) -> str:
    parts = [settings.query or "all clips", f"order {settings.ordering} by {settings.metric}"]
    if settings.length is not None:
        parts.append(f"at most {_song_clock(settings.length)}")
    if settings.clips is not None:
        parts.append(f"at most {counted(settings.clips, 'clip')}")
    if settings.sample_rate is not None:
        parts.append(f"{settings.sample_rate} Hz")
    if settings.channels is not None:
        parts.append("mono" if settings.channels == 1 else "stereo")
    return ", ".join(parts)


@song_app.command("list")
def list_songs(form: Form = Format.TABLE, json: Json = False) -> None:
    """List all songs."""
    from thresher.curation.songs import songs

    with open_catalog() as catalog:
        rows = songs(catalog)
    columns = (
        Column("song", lambda row: row.name),
        Column("clips", lambda row: row.clips, is_number=True),
        Column("rendered", lambda row: row.renderings, is_number=True),
        Column("made of", lambda row: row.problem or _described(row.settings), keep=Keep.LINES),
    )
    emit(rows, columns, form_of(form, json))


@song_app.command()
def show(name: Name, form: Form = Format.TABLE, json: Json = False) -> None:
    """Show the tracklist, its seams, and how today's song differs from its last rendering."""
    from thresher.curation.difference import since_rendering
    from thresher.curation.tracklist import tracklist

    with open_catalog() as catalog:
        plan = tracklist(catalog, name)
        changed = since_rendering(catalog, plan)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json({"tracklist": plan, "difference": changed})
        return
    columns = (
        Column("at", lambda track: clock(track.output_start / plan.sample_rate), is_number=True),
        Column("length", lambda track: clock(track.output_frames / plan.sample_rate), is_number=True, rank=1),
        Column("clip", lambda track: track.clip, is_number=True),
        Column("checkpoint", checkpoint_text, keep=Keep.START),
        Column("seam", lambda track: score_text(track.seam), is_number=True),
        Column("gain", lambda track: "" if track.gain == 1 else f"{track.gain:.3f}", is_number=True, rank=2),
        Column("file", lambda track: f"{track.path}{' (missing)' if track.missing else ''}", keep=Keep.END),
    )
    emit(plan.tracks, columns, chosen)
    if chosen is Format.TABLE:
        _summarise(plan, changed)


@song_app.command()
def compare(
    name: Name,
    others: Annotated[list[str] | None, typer.Argument(metavar="[ORDER]…", help="More orderings.")] = None,
    order: Annotated[list[str] | None, typer.Option(help="An ordering; more may follow.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What seams are measured by; default the song's.")
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Set orderings of a song side by side: song compare NAME --order chain pairs."""
    from thresher.curation.tracklist import compare as run

    with open_catalog() as catalog:
        plans = run(catalog, name, [*(order or []), *(others or [])] or ["chain", "pairs", "id+"], metric)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json(plans)
        return
    columns = (
        Column("order", lambda plan: plan.song.settings.ordering),
        Column("by", lambda plan: plan.song.settings.metric),
        Column("clips", lambda plan: len(plan.tracks), is_number=True),
        Column("length", lambda plan: _song_clock(plan.seconds), is_number=True),
        Column("mean seam", lambda plan: score_text(_mean(plan.seams)), is_number=True),
        Column("lowest", lambda plan: score_text(min(plan.seams, default=None)), is_number=True),
        Column("worst seams", lambda plan: ", ".join(map(_seam_text, plan.worst[:3])), keep=Keep.START),
    )
    emit(plans, columns, chosen)


def _mean(seams: Sequence[float]) -> float | None:
    return sum(seams) / len(seams) if seams else None


def _summarise(plan: Tracklist, changed: Difference | None) -> None:
    channels = "mono" if plan.channels == 1 else "stereo"
    seams, clips = plan.seams, counted(len(plan.tracks), "clip")
    print_facts(
        [
            ("song", f"{plan.song.name}: {_described(plan.song.settings)}"),
            (
                "length",
                f"{_song_clock(plan.seconds)}, {clips}, {plan.sample_rate} Hz {channels}",
            ),
            ("seams", f"mean {sum(seams) / len(seams):.3f}, lowest {min(seams):.3f}" if seams else None),
            ("worst seams", ", ".join(map(_seam_text, plan.worst)) or None),
            ("left out", f"{counted(plan.left_out, 'clip')} beyond its limits" if plan.left_out else None),
            ("since rendering", _difference_text(changed)),
        ]
    )
    if any(track.missing for track in plan.tracks):
        say("files are missing; put them back and `thresher ingest` their folder")


def _seam_text(seam: Seam) -> str:
    return f"{seam.score:.3f} at {_song_clock(seam.at)} ({seam.before} → {seam.after})"


def _difference_text(changed: Difference | None) -> str:
    if changed is None:
        return "never rendered"
    if changed.is_none:
        return f"{changed.number}: nothing changed"
    parts = [
        f"{len(clips)} {what} ({', '.join(map(str, clips[:10]))}{', …' if len(clips) > 10 else ''})"
        for what, clips in (
            ("new", changed.new),
            ("gone", changed.gone),
            ("moved", changed.moved),
            ("trimmed otherwise", changed.retrimmed),
        )
        if clips
    ]
    parts += changed.settings
    return f"{changed.number}: {'; '.join(parts)}"


@song_app.command()
def render(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="WAV, FLAC, OGG or MP3 by suffix; default NAME.wav here."),
    ] = None,
    rendering: Annotated[
        int | None, typer.Option(help="Make the rendering of that number again, whatever the song is today.")
    ] = None,
    dry_run: DryRun = False,
    without_missing: Annotated[
        bool, typer.Option("--without-missing", help="Render what is there though files are missing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is no rendering of this song.")
    ] = False,
    json: Json = False,
) -> None:
    """Render a song to a file, and keep what made it as a numbered rendering."""
    from thresher.curation.render import render as run

    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(
            catalog,
            name,
            output,
            rendering=rendering,
            dry_run=dry_run,
            without_missing=without_missing,
            overwrite=overwrite,
            progress=progress,
        )
    if json:
        print_json(report)
    else:
        _tell_render(report)


def _tell_render(report: RenderReport) -> None:
    channels = "mono" if report.channels == 1 else "stereo"
    form = f"{report.container} {report.subtype}, {report.sample_rate} Hz {channels}"
    length = _song_clock(report.frames / report.sample_rate)
    what = f"{counted(report.clips, 'clip')}, {length}, {form}"
    if report.dry_run:
        known = "a new rendering" if report.number is None else f"rendering {report.number} again"
        tell(f"dry run: {report.path} would be {known}: {what}")
    else:
        tell(f"{report.path}: rendering {report.number}, {what}, {report.seconds:.1f} s")
        if report.same_bytes is not None:
            equal = "the same as" if report.same_bytes else "NOT the same as"
            tell(f"its audio is {equal} when rendering {report.number} was first made{_by_how_much(report)}")
    if report.missing:
        verb = "would be left out" if report.dry_run else "left out"
        say(f"{counted(len(report.missing), 'clip')} {verb} for want of a file:")
        for path in report.missing:
            say(f"  {path}")


def _by_how_much(report: RenderReport) -> str:
    if report.same_bytes:
        return ""
    if report.largest_difference is None:
        return ", and that file is gone, so by how much can't be told"
    return f"; samples differ by {report.largest_difference:.2g} of full scale at most"


@song_app.command()
def diff(
    name: Name,
    number: Annotated[int | None, typer.Argument(help="Against which rendering; default the last.")] = None,
    other: Annotated[int | None, typer.Argument(help="Which rendering; default the song of today.")] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Tell how today's song, or a rendering, differs from a rendering: which clips, and why."""
    from thresher.curation.difference import difference

    with open_catalog() as catalog:
        changed = difference(catalog, name, number, other)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json(changed)
        return
    rows = [
        _ChangeRow(what, clip, changed.tracks[clip].seconds, changed.reasons[clip], changed.tracks[clip].path)
        for what, clips in (
            ("new", changed.new),
            ("gone", changed.gone),
            ("moved", changed.moved),
            ("trimmed", changed.retrimmed),
        )
        for clip in clips
    ]
    columns = (
        Column("change", lambda row: row.change),
        Column("clip", lambda row: row.clip, is_number=True),
        Column("length", lambda row: clock(row.seconds), is_number=True, rank=1),
        Column("why", lambda row: row.why),
        Column("file", lambda row: row.path, keep=Keep.END),
    )
    emit(rows, columns, chosen)
    if chosen is Format.TABLE:
        now = "today" if changed.other is None else f"rendering {changed.other}"
        before, after = map(_song_clock, changed.seconds)
        tell(f"rendering {changed.number}: {before}; {now}: {after}")
        for sentence in changed.settings or () if not changed.is_none else ("nothing changed",):
            tell(sentence)


@dataclass(frozen=True)
class _ChangeRow:
    """A clip that came, went or changed."""

    change: str
    clip: int
    seconds: float
    why: str
    path: str


@song_app.command("renderings")
def list_renderings(name: Name, form: Form = Format.TABLE, json: Json = False) -> None:
    """List what a song was each time it was rendered; song render NAME --rendering N makes one again."""
    from thresher.curation.renderings import renderings

    with open_catalog() as catalog:
        rows = renderings(catalog, name)
    columns = (
        Column("number", lambda row: row.number, is_number=True),
        Column("made", lambda row: local_time(row.created_at)),
        Column("clips", lambda row: row.clips, is_number=True),
        Column("length", lambda row: _song_clock(row.seconds), is_number=True),
        Column("form", lambda row: f"{row.container} {row.subtype}", rank=1),
        Column(
            "made of",
            lambda row: f"{row.query or 'all clips'}, {row.ordering} by {row.metric}",
            keep=Keep.LINES,
        ),
        Column("file", lambda row: row.path, keep=Keep.END),
    )
    emit(rows, columns, form_of(form, json))


@song_app.command()
def verify(
    name: Name,
    number: Annotated[int | None, typer.Argument(help="Which rendering; default the last.")] = None,
    json: Json = False,
) -> None:
    """Check a rendering: its sources, its file, and that what was frozen adds up; reads every file."""
    from thresher.curation.verify_song import verify_song

    with open_catalog() as catalog, ProgressBar() as progress:
        report = verify_song(catalog, name, number, progress)
    if json:
        print_json(report)
    elif report.is_sound:
        tell(f"rendering {report.number}: {counted(report.clips, 'clip')} and {report.path} are unchanged")
    else:
        tell(f"rendering {report.number} of {counted(report.clips, 'clip')}")
        print_facts(
            [
                ("missing", ", ".join(report.missing) or None),
                ("changed", ", ".join(report.changed) or None),
                ("file", f"{report.path} is {report.file}" if report.file != "unchanged" else None),
                ("account", "; ".join(report.account) or None),
            ]
        )
        if report.missing or report.changed:
            say("put the files back and `thresher ingest` their folder")
        else:
            say(f'thresher song render "{name}" --rendering {report.number} makes the file again')
    if not report.is_sound:
        raise typer.Exit(NEEDS_ACTION)


@song_app.command()
def rename(name: Name, new: Annotated[str, typer.Argument(help="Its new name.")], json: Json = False) -> None:
    """Give a song another name."""
    from thresher.curation.songs import rename_song

    with open_catalog() as catalog:
        song = rename_song(catalog, name, new)
    if json:
        print_json(song)
    else:
        tell(f'"{name}" is "{song.name}" now')


@song_app.command()
def delete(name: Name, json: Json = False) -> None:
    """Take a song away; its renderings are kept, and undo brings it back."""
    from thresher.curation.songs import delete_song

    with open_catalog() as catalog:
        delete_song(catalog, name)
    if json:
        print_json({"deleted": name})
    else:
        tell(f'song "{name}" is deleted; `thresher undo` brings it back')
