"""The command that plays what is worth hearing next: listen."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import DECIDE, app, end_on_sigterm, open_catalog, terms_of
from thresher.interfaces.cli.options import DryRun, Form, Json, OptionalQuery, form_of
from thresher.interfaces.cli.output import (
    Format,
    checkpoint_text,
    clock,
    emit,
    length_text,
    local_time,
    say,
    score_text,
    tell,
)
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.listening.queue import Queue

LISTEN_COLUMNS = (
    Column("", lambda row: row.position + 1, is_number=True),
    Column("id", lambda row: row.id, is_number=True),
    Column("checkpoint", checkpoint_text, keep=Keep.START),
    Column("length", lambda row: clock(row.seconds), is_number=True),
    Column("away", lambda row: score_text(row.gap), is_number=True),
    Column("why", lambda row: row.why, keep=Keep.START, rank=1),
    Column("done", lambda row: "missing" if row.missing and not row.done else "yes" if row.done else ""),
    Column("rating", lambda row: "★" * (row.rating or 0), rank=2),
    Column("heard", lambda row: local_time(row.heard_at), rank=4),
    Column("path", lambda row: row.path, keep=Keep.END, rank=3),
)

# Whole files that play so much longer than their clips are worth a word.
MUCH_LONGER = 1.2


@app.command(rich_help_panel=DECIDE)
def listen(
    query: OptionalQuery = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", "-m", help="The time there is; 20 for a new queue.")
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Choose anew, even where a queue is not heard to its end.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the queue; play nothing.")] = False,
    done: Annotated[
        bool, typer.Option("--done", help="The rest of the latest queue was heard elsewhere; remember it.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.m3u8", help="Write a playlist; play nothing."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is no playlist of a queue.")
    ] = False,
    pause: Annotated[
        float, typer.Option("--pause", min=0.0, help="Seconds behind a clip in which a key still judges it.")
    ] = 2.0,
    dry_run: DryRun = False,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Hear what is new in the time there is: the clips that cover it best, at least one of every checkpoint."""
    chosen_form = form_of(form, json)
    if done and (query or minutes or new or show or output or dry_run):
        raise UsageError("--done is about the latest queue; give it alone")
    if chosen_form is not Format.TABLE and not (show or dry_run):
        raise UsageError("--json and --format go with --list and --dry-run")
    from thresher.curation.listening.player import has_player

    with open_catalog() as catalog:
        if done:
            from thresher.curation.listening.queue import finish_listening

            made = finish_listening(catalog)
            tell(f"decision {made.id}: {made.summary}")
            say(f"thresher undo {made.id} takes it back")
            return
        writes = not (show or dry_run) and (output is not None or not has_player())
        if writes:  # before a queue is stored
            from thresher.curation.listening.playlist import playlist_target

            playlist_target(catalog, output, overwrite=overwrite)
        queue = _queue(catalog, query, minutes, new=new, dry_run=dry_run, keeps=show)
        if show or dry_run:
            emit(queue.clips, LISTEN_COLUMNS, chosen_form)
        elif writes:
            _write(catalog, queue, output, overwrite=overwrite)
        else:
            _play(catalog, queue, pause)


def _queue(
    catalog: Catalog,
    query: list[str] | None,
    minutes: float | None,
    *,
    new: bool,
    dry_run: bool,
    keeps: bool,
) -> Queue:
    """The queue to go on with, or else a new one; where it `keeps` the one that there is, that stays the latest."""
    from thresher.catalog.query import join_terms
    from thresher.curation.listening.queue import MINUTES, plan_listening, resume_listening

    terms = terms_of(catalog, query) if query else []
    going_on = None if new else resume_listening(catalog)
    if going_on is not None:
        same = not query or join_terms(terms) == going_on.query
        if same and minutes in (None, going_on.minutes):
            left = sum(row.seconds for row in going_on.left)
            of = counted(len(going_on.clips), "clip")
            say(f"continuing: {len(going_on.left):,} of {of} left, {length_text(left)}")
            return going_on
        dry_run |= keeps
    queue = plan_listening(catalog, terms, MINUTES if minutes is None else minutes, dry_run=dry_run)
    if going_on is not None:
        unheard = counted(len(going_on.left), "clip")
        what = "not stored: the queue that there is has" if dry_run else "a new queue; the one before had"
        say(f"{what} {unheard} left")
    _tell_plan(queue)
    return queue


def _tell_plan(queue: Queue) -> None:
    checkpoints = len({(row.run, row.epoch, row.step) for row in queue.clips})
    say(
        f"{counted(len(queue.clips), 'clip')} of {counted(checkpoints, 'checkpoint')}, {length_text(queue.seconds)}"
    )
    if queue.seconds > queue.minutes * 60 + 1:
        say(f"no clip is as short as {queue.minutes:g} minutes; the shortest is all")
    reach = queue.reach
    if reach is None:
        return
    if reach.left_out:
        apart = ""
        if reach.radius is not None:
            apart = (
                f"; none is farther than {reach.radius:.2f} (1 - likeness) from one that was heard by then"
            )
        say(f"{counted(reach.left_out, 'clip')} not heard yet found no place{apart}")
    if reach.without_descriptor:
        clips = counted(reach.without_descriptor, "clip")
        say(
            f"{clips} without a descriptor: chosen by checkpoint and order alone; with likeness in [metrics] use, "
            "`thresher score` makes them"
        )


def _write(catalog: Catalog, queue: Queue, output: Path | None, *, overwrite: bool) -> None:
    from thresher.curation.listening.playlist import write_playlist

    if output is None:
        say("no player was found (`thresher play` names some); a playlist is written instead")
    written = write_playlist(catalog, queue, output, overwrite=overwrite)
    tell(f"{counted(written.clips, 'clip')} ({length_text(written.seconds)}) in {written.path}")
    for path in written.missing:
        say(f"  left out, its file is missing: {path}")
    if written.file_seconds > MUCH_LONGER * written.seconds:
        whole = length_text(written.file_seconds)
        say(f"players that don't know #EXTVLCOPT, as VLC does, play whole files: {whole}")
    say("`thresher listen --done` remembers them as heard")


def _play(catalog: Catalog, queue: Queue, pause: float) -> None:
    from thresher.curation.listening.player import find_player
    from thresher.curation.listening.queue import resume_listening
    from thresher.interfaces.cli.keyboard import Keyboard, has_keyboard
    from thresher.interfaces.cli.listening_session import Session

    player = find_player()
    end_on_sigterm()
    with Keyboard() if has_keyboard() else nullcontext() as keys:
        sitting = Session(catalog, queue, player, keys, pause).run()
    rest = resume_listening(catalog)
    left = 0 if rest is None or rest.id != queue.id else len(rest.left)
    goes_on = f"{left:,} left, `thresher listen` goes on" if left else "the queue is done"
    missing = f", {sitting.missing:,} passed over for want of their files" if sitting.missing else ""
    tell(f"{counted(sitting.heard, 'clip')} heard{missing}; {goes_on}")
