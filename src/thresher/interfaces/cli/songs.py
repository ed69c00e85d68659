"""Commands for songs: song save, list, show, compare, edit, copy, history, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import any_of, counted
from thresher.interfaces.cli.app import app, open_catalog, song_app, terms_of
from thresher.interfaces.cli.decision_output import DECISION_COLUMNS
from thresher.interfaces.cli.options import DryRun, Form, Json, SongName, form_of
from thresher.interfaces.cli.output import (
    Format,
    checkpoint_text,
    clock,
    emit,
    length_text,
    print_facts,
    print_json,
    say,
    score_text,
    tell,
)
from thresher.interfaces.cli.song_options import changes_of, described, in_sequence, pin_of, pinned_chain
from thresher.interfaces.cli.table import Column, Keep
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.renderings.diff import Difference
    from thresher.curation.songs.tracklist import Tracklist, Transition

app.add_typer(song_app, name="song", rich_help_panel="Make songs")


@song_app.command()
def save(
    name: SongName,
    query: Annotated[list[str] | None, typer.Argument(help="Which clips; as in thresher list.")] = None,
    order: Annotated[
        str | None, typer.Option(help="chain, pairs, FIELD+, FIELD- (as epoch+), shuffle:SEED, or manual.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help=f"Order the clips by this metric: {any_of(METRICS)}.")
    ] = None,
    start: Annotated[int | None, typer.Option(help="The clip that a chain begins with.")] = None,
    end: Annotated[int | None, typer.Option(help="The clip that a chain ends with.")] = None,
    length: Annotated[str | None, typer.Option(help="At most so long, as 24:00; none for no limit.")] = None,
    clips: Annotated[str | None, typer.Option(help="At most so many clips; none for no limit.")] = None,
    rate: Annotated[
        str | None, typer.Option(help="Sample rate in Hz; auto for the highest among the clips.")
    ] = None,
    channels: Annotated[str | None, typer.Option(help="1 or 2; auto for stereo if any clip is.")] = None,
    subtype: Annotated[
        str | None, typer.Option(help="PCM_16, PCM_24 or FLOAT; auto for that of the clips.")
    ] = None,
    dither: Annotated[
        bool | None, typer.Option("--dither/--no-dither", help="Add triangular dither to 16-bit samples.")
    ] = None,
    lufs: Annotated[
        str | None,
        typer.Option(help="Bring every clip to that loudness, as -14, under -1 dBTP; none leaves it."),
    ] = None,
    fade: Annotated[
        str | None, typer.Option(help="Seconds that a clip fades in and out, where it is alone.")
    ] = None,
    crossfade: Annotated[
        str | None, typer.Option(help="Seconds that clips overlap, in equal power; 0 for none.")
    ] = None,
    gap: Annotated[str | None, typer.Option(help="Seconds of silence between clips; 0 for none.")] = None,
    sequence: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="For --order manual: ids or paths, or an m3u8."),
    ] = None,
    json: Json = False,
) -> None:
    """Save a song, or change the one of that name: only what is given changes."""
    from thresher.curation.songs.edit import read_sequence
    from thresher.curation.songs.songs import has_song, save_song
    from thresher.curation.songs.tracklist import tracklist

    with open_catalog() as catalog:
        if start is not None or end is not None:
            order = pinned_chain(order, start, end, _ordering_of(catalog, name))
        changes = changes_of(
            {
                "ordering": order,
                "metric": metric,
                "length": length,
                "clips": clips,
                "sample_rate": rate,
                "channels": channels,
                "subtype": subtype,
                "lufs": lufs,
                "fade": fade,
                "crossfade": crossfade,
                "gap": gap,
            }
        )
        if dither is not None:
            changes["dither"] = dither
        terms = terms_of(catalog, query) if query else None
        if sequence is not None:
            changes |= in_sequence(order, read_sequence(catalog, sequence))
            if terms is None and not has_song(catalog, name):
                terms = [part for clip in changes["manual"] for part in (",", str(clip))][1:]
        song = save_song(catalog, name, terms, changes)
        plan = tracklist(catalog, name)
    if json:
        print_json(song)
        return
    size = f"{counted(len(plan.tracks), 'clip')}, {length_text(plan.seconds)}"
    tell(f'song "{name}": {size}, {described(song.settings)}')
    for sentence in plan.unmet:
        say(sentence)
    if plan.tracks:
        say(f'next: thresher song render "{name}"')
    else:
        say("no clip is in it yet; `thresher list` with its query shows why, or wait for the next ingest")


def _ordering_of(catalog: Catalog, name: str) -> str | None:
    """How the song of that name is ordered; None for a new one."""
    from thresher.curation.songs.songs import songs

    return next((row.settings.ordering for row in songs(catalog) if row.name == name), None)


@song_app.command("list")
def list_songs(form: Form = Format.TABLE, json: Json = False) -> None:
    """List all songs."""
    from thresher.curation.songs.songs import songs

    with open_catalog() as catalog:
        rows = songs(catalog)
    columns = (
        Column("song", lambda row: row.name),
        Column("clips", lambda row: row.clips, is_number=True),
        Column("rendered", lambda row: row.renderings, is_number=True),
        Column("made of", lambda row: row.problem or described(row.settings), keep=Keep.LINES),
    )
    emit(rows, columns, form_of(form, json))


@song_app.command()
def show(name: SongName, form: Form = Format.TABLE, json: Json = False) -> None:
    """Show the tracklist, its transitions, and how today's song differs from its last rendering."""
    from thresher.curation.renderings.diff import since_rendering
    from thresher.curation.songs.tracklist import tracklist

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
        Column("transition", lambda track: score_text(track.transition), is_number=True),
        Column("gain", lambda track: "" if track.gain == 1 else f"{track.gain:.3f}", is_number=True, rank=2),
        Column("file", lambda track: f"{track.path}{' (missing)' if track.missing else ''}", keep=Keep.END),
    )
    emit(plan.tracks, columns, chosen)
    if chosen is Format.TABLE:
        _summarise(plan, changed)


@song_app.command()
def compare(
    name: SongName,
    others: Annotated[list[str] | None, typer.Argument(metavar="[ORDER]…", help="More orderings.")] = None,
    order: Annotated[list[str] | None, typer.Option(help="An ordering; more may follow.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What transitions are measured by; default the song's.")
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Set orderings of a song side by side: song compare NAME --order chain pairs."""
    from thresher.curation.songs.tracklist import compare as run

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
        Column("length", lambda plan: length_text(plan.seconds), is_number=True),
        Column("mean transition", lambda plan: score_text(_mean(plan.transitions)), is_number=True),
        Column("lowest", lambda plan: score_text(min(plan.transitions, default=None)), is_number=True),
        Column(
            "worst transitions",
            lambda plan: ", ".join(map(_transition_text, plan.worst[:3])),
            keep=Keep.START,
        ),
    )
    emit(plans, columns, chosen)


def _mean(transitions: Sequence[float]) -> float | None:
    return sum(transitions) / len(transitions) if transitions else None


def _summarise(plan: Tracklist, changed: Difference | None) -> None:
    channels = "mono" if plan.channels == 1 else "stereo"
    transitions, clips = plan.transitions, counted(len(plan.tracks), "clip")
    print_facts(
        [
            ("song", f"{plan.song.name}: {described(plan.song.settings)}"),
            (
                "length",
                f"{length_text(plan.seconds)}, {clips}, {plan.sample_rate} Hz {channels}",
            ),
            (
                "transitions",
                f"mean {sum(transitions) / len(transitions):.3f}, lowest {min(transitions):.3f}"
                if transitions
                else None,
            ),
            ("worst transitions", ", ".join(map(_transition_text, plan.worst)) or None),
            ("edited", "; ".join(plan.song.settings.edits.sentences()) or None),
            ("not had", "; ".join(plan.unmet) or None),
            ("left out", f"{counted(plan.left_out, 'clip')} beyond its limits" if plan.left_out else None),
            ("since rendering", _difference_text(changed)),
        ]
    )
    if any(track.missing for track in plan.tracks):
        say("files are missing; put them back and `thresher ingest` their folder")


def _transition_text(transition: Transition) -> str:
    return (
        f"{transition.score:.3f} at {length_text(transition.at)} ({transition.before} → {transition.after})"
    )


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
def edit(
    name: SongName,
    pin: Annotated[
        list[str] | None, typer.Option(metavar="CLIP@N", help="Put a clip at place N; may be repeated.")
    ] = None,
    first: Annotated[str | None, typer.Option(metavar="CLIP", help="Begin with a clip.")] = None,
    last: Annotated[str | None, typer.Option(metavar="CLIP", help="End with a clip.")] = None,
    swap: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Exchange the places of two clips.")
    ] = None,
    keep_together: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Keep clip B right behind clip A.")
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="Add a clip that the query does not find.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="Leave a clip out, whatever the query finds.")
    ] = None,
    release: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="Take back all that was edited of a clip.")
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Edit a song by hand; edits stay when its query finds other clips, and in every order."""
    from thresher.curation.songs.edit import SongEdit, edit_song

    changes = SongEdit(
        release=tuple(release or ()),
        add=tuple(add or ()),
        drop=tuple(drop or ()),
        together=() if keep_together is None else (keep_together,),
        pins=tuple(map(pin_of, pin or ())),
        first=first,
        last=last,
        swap=swap,
    )
    with open_catalog() as catalog:
        plan = edit_song(catalog, name, changes, dry_run=dry_run)
    if json:
        print_json(plan)
        return
    edits = "; ".join(plan.song.settings.edits.sentences()) or "no edits"
    would = "dry run: " if dry_run else ""
    tell(f'{would}song "{name}": {counted(len(plan.tracks), "clip")}, {length_text(plan.seconds)}; {edits}')
    for sentence in plan.unmet:
        say(sentence)


@song_app.command()
def copy(
    name: SongName, new: Annotated[str, typer.Argument(help="Name of the copy.")], json: Json = False
) -> None:
    """Make another song like this one, edits and all; renderings stay with the old one."""
    from thresher.curation.songs.songs import copy_song

    with open_catalog() as catalog:
        song = copy_song(catalog, name, new)
    if json:
        print_json(song)
    else:
        tell(f'"{song.name}" is a copy of "{name}"')


@song_app.command()
def history(name: SongName, form: Form = Format.TABLE, json: Json = False) -> None:
    """List every change of a song, the latest first; thresher undo NUMBER reverts one."""
    from thresher.curation.songs.songs import song_history

    with open_catalog() as catalog:
        rows = song_history(catalog, name)
    emit(rows, DECISION_COLUMNS, form_of(form, json))


@song_app.command()
def rename(
    name: SongName, new: Annotated[str, typer.Argument(help="Its new name.")], json: Json = False
) -> None:
    """Give a song another name."""
    from thresher.curation.songs.songs import rename_song

    with open_catalog() as catalog:
        song = rename_song(catalog, name, new)
    if json:
        print_json(song)
    else:
        tell(f'"{name}" is "{song.name}" now')


@song_app.command()
def delete(name: SongName, json: Json = False) -> None:
    """Take a song away; its renderings are kept, and undo brings it back."""
    from thresher.curation.songs.songs import delete_song

    with open_catalog() as catalog:
        delete_song(catalog, name)
    if json:
        print_json({"deleted": name})
    else:
        tell(f'song "{name}" is deleted; `thresher undo` brings it back')


# what is song's, too, and comes behind these in its help
from thresher.interfaces.cli import renderings as _renderings  # noqa: E402, F401
