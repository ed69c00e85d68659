"""The commands song list, song show and song compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.formatting import command_on, counted, listed
from thresher.interfaces.cli.app import open_catalog, song_app
from thresher.interfaces.cli.clip_columns import path_text
from thresher.interfaces.cli.options import Form, Json, SongName, form_of
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
)
from thresher.interfaces.cli.song_text import MOST_EDITS, settings_text, transition_text
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.renderings.diff import Difference
    from thresher.curation.songs.tracklist import Track, Tracklist


@song_app.command("list")
def list_songs(form: Form = Format.TABLE, json: Json = False) -> None:
    """List all songs."""
    from thresher.curation.songs.listing import songs

    with open_catalog() as catalog:
        rows = songs(catalog)
    columns = (
        Column("song", lambda row: row.name, keep=Keep.LINES),
        Column("clips", lambda row: row.clips, is_number=True),
        Column("renderings", lambda row: row.renderings, is_number=True, rank=1),
        Column("settings", lambda row: row.problem or settings_text(row.settings), keep=Keep.LINES),
    )
    emit(rows, columns, form_of(form, json))


@song_app.command()
def show(name: SongName, form: Form = Format.TABLE, json: Json = False) -> None:
    """Show the tracklist of a song, its transitions, and what changed since its last rendering."""
    from thresher.curation.renderings.diff import since_rendering
    from thresher.curation.songs.former_rules import left_out_today
    from thresher.curation.songs.tracklist import tracklist

    with open_catalog() as catalog:
        plan = tracklist(catalog, name)
        changed = since_rendering(catalog, plan)
        former = left_out_today(catalog, plan.song)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json({"tracklist": plan, "difference": changed, "leave_at_next_save": former})
        return
    position = {track.clip: number for number, track in enumerate(plan.tracks, start=1)}
    columns = (
        Column("#", lambda track: position[track.clip], is_number=True),
        Column("at", lambda track: clock(track.output_start / plan.sample_rate), is_number=True),
        Column("length", lambda track: clock(track.output_frames / plan.sample_rate), is_number=True, rank=1),
        Column("clip", lambda track: track.clip, is_number=True),
        Column("checkpoint", checkpoint_text, keep=Keep.BOTH_ENDS),
        Column("transition", lambda track: score_text(track.transition), is_number=True),
        Column("gain", _gain_text, is_number=True, rank=2),
        Column("file", _file_text, keep=Keep.END),
    )
    emit(plan.tracks, columns, chosen, show_all=True)
    if chosen is Format.TABLE:
        _print_summary(plan, changed)
        if former:
            ids = listed([str(clip_id) for clip_id in former])
            say(
                f"new songs leave out {counted(len(former), 'clip')} of this one ({ids}); the next "
                f"`{command_on('song save', plan.song.name)}` takes them out"
            )


@song_app.command()
def compare(
    name: SongName,
    others: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ORDER]…", help="More orderings to compare. Default: chain, pairs and id+."),
    ] = None,
    order: Annotated[
        list[str] | None, typer.Option(help="Compare this ordering; can be given several times.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Score transitions with this metric. Default: the song's metric.")
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Compare orderings of a song: song compare NAME --order chain pairs."""
    from thresher.curation.songs.tracklist import compare as run

    with open_catalog() as catalog:
        plans = run(catalog, name, [*(order or []), *(others or [])] or ["chain", "pairs", "id+"], metric)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json(plans)
        return
    columns = (
        Column("order", lambda plan: str(plan.song.settings.ordering)),
        Column("metric", lambda plan: plan.song.settings.metric),
        Column("clips", lambda plan: len(plan.tracks), is_number=True),
        Column("length", lambda plan: length_text(plan.seconds), is_number=True),
        Column("mean transition", lambda plan: score_text(_mean(plan.transitions)), is_number=True),
        Column("lowest", lambda plan: score_text(min(plan.transitions, default=None)), is_number=True),
        Column(
            "worst transitions", lambda plan: ", ".join(map(transition_text, plan.worst[:3])), keep=Keep.START
        ),
    )
    emit([_csv_row(plan) for plan in plans] if chosen is Format.CSV else plans, columns, chosen)


def _csv_row(plan: Tracklist) -> dict[str, object]:
    """Return the columns of the table as numbers, without the tracks."""
    return {
        "order": str(plan.song.settings.ordering),
        "metric": plan.song.settings.metric,
        "clips": len(plan.tracks),
        "seconds": plan.seconds,
        "mean_transition": _mean(plan.transitions),
        "lowest": min(plan.transitions, default=None),
        "worst_transitions": [transition_text(each) for each in plan.worst[:3]],
    }


def _mean(scores: Sequence[float]) -> float | None:
    return sum(scores) / len(scores) if scores else None


def _print_summary(plan: Tracklist, changed: Difference | None) -> None:
    channels = "mono" if plan.channels == 1 else "stereo"
    scores, clips = plan.transitions, counted(len(plan.tracks), "clip")
    print_facts(
        [
            ("song", f"{plan.song.name}: {settings_text(plan.song.settings)}"),
            ("length", f"{length_text(plan.seconds)}, {clips}, {plan.sample_rate} Hz {channels}"),
            ("transitions", f"mean {_mean(scores):.3f}, lowest {min(scores):.3f}" if scores else None),
            ("worst transitions", ", ".join(map(transition_text, plan.worst)) or None),
            ("edits", "; ".join(plan.song.settings.edits.sentences()) or None),
            ("edits not applied", _not_applied_text(plan.edits_not_applied)),
            ("left out", f"{counted(plan.left_out, 'clip')} beyond the limits" if plan.left_out else None),
            ("since rendering", _difference_text(changed)),
        ]
    )
    if any(track.missing for track in plan.tracks):
        say("files are missing; restore them and `thresher ingest` their folder")


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
            ("trimmed differently", changed.retrimmed),
        )
        if clips
    ]
    parts += changed.settings
    return f"{changed.number}: {'; '.join(parts)}"


def _file_text(track: Track) -> str:
    """Return the path of a clip's file, and which part of it the clip is."""
    missing = " (missing)" if track.missing else ""
    return f"{path_text(track.path, track.part)}{missing}"


def _not_applied_text(sentences: Sequence[str]) -> str | None:
    """The first edits that are not applied, and the number of further ones; None if all are applied."""
    rest = len(sentences) - MOST_EDITS
    more = [f"and {rest:,} more (--json lists all)"] if rest > 0 else []
    return "; ".join([*sentences[:MOST_EDITS], *more]) or None


def _gain_text(track: Any) -> str:
    """Return a linear gain in decibels; nothing for a clip that is changed by less than 0.05 dB."""
    if track.gain <= 0:
        return "silent"
    text = f"{20 * math.log10(track.gain):+z.1f} dB"
    return "" if text == "+0.0 dB" else text
