"""The `listen` command."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import DECIDE, app, open_catalog, terms_of
from thresher.interfaces.cli.clip_columns import path_text
from thresher.interfaces.cli.options import DryRun, Form, Json, OptionalQuery, form_of
from thresher.interfaces.cli.output import (
    Format,
    checkpoint_text,
    clock,
    emit,
    from_here,
    length_text,
    local_time,
    one_line,
    say,
    score_text,
    tell,
)
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.listening.queue import Queue

LISTEN_COLUMNS = (
    Column("", lambda row: row.position, is_number=True),
    Column("id", lambda row: row.id, is_number=True),
    Column("checkpoint", checkpoint_text, keep=Keep.BOTH_ENDS),
    Column("length", lambda row: clock(row.seconds), is_number=True),
    Column("distance", lambda row: score_text(row.distance), is_number=True),
    Column("why", lambda row: row.why, keep=Keep.START, rank=1),
    Column("done", lambda row: "missing" if row.missing and not row.done else "yes" if row.done else ""),
    Column("rating", lambda row: "★" * (row.rating or 0), rank=2),
    Column("heard", lambda row: local_time(row.heard_at), rank=4),
    Column("path", lambda row: path_text(row.path, row.part), keep=Keep.END, rank=3),
)

MUCH_LONGER = 1.2
"""If whole files last this many times longer than their clips, `listen` prints a warning."""


@app.command(rich_help_panel=DECIDE)
def listen(
    query: OptionalQuery = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", "-m", help="The length of a new queue. Default: 20.")
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Make a new queue, even if the current one is not finished.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the queue instead of playing it.")] = False,
    done: Annotated[
        bool, typer.Option("--done", help="Mark the rest of the current queue as heard.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.m3u8", help="Write a playlist instead of playing the queue."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE even if it is not a playlist of thresher.")
    ] = False,
    pause: Annotated[
        float,
        typer.Option(
            "--pause",
            min=0.0,
            help="Seconds after a clip ends during which a rating key still applies to it.",
        ),
    ] = 2.0,
    dry_run: DryRun = False,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Play unheard clips and rate each with one key.

    A queue holds at least one clip of every checkpoint, then the clips that differ most from those heard.
    The next `listen` continues the queue until it is finished.
    """
    chosen_form = form_of(form, json)
    if done and (query or minutes or new or show or output or dry_run):
        raise UsageError("--done applies to the current queue; use it without a query and other options")
    if chosen_form is not Format.TABLE and not (show or dry_run):
        raise UsageError("--json and --format need --list or --dry-run")
    from thresher.curation.listening.player import has_player

    with open_catalog() as catalog:
        if done:
            from thresher.curation.listening.queue import finish_listening

            made = finish_listening(catalog)
            tell(f"decision {made.id}: {one_line(made.summary)}")
            say(f"`thresher undo {made.id}` reverts it")
            return
        writes = not (show or dry_run) and (
            output is not None or not has_player(catalog.settings.listen.player)
        )
        if writes:  # check the target before a queue is stored
            from thresher.curation.listening.playlist import playlist_target

            playlist_target(catalog, output, overwrite=overwrite)
        queue = _queue(catalog, query, minutes, new=new, dry_run=dry_run, only_show=show)
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
    only_show: bool,
) -> Queue:
    """Return the current queue if the arguments match it, else a new one.

    With `only_show`, a new queue does not replace a current one.
    """
    from thresher.catalog.queries.query import join_terms
    from thresher.curation.listening.queue import MINUTES, plan_listening, resume_listening

    terms = terms_of(catalog, query) if query else []
    current = None if new else resume_listening(catalog)
    if current is not None:
        is_same_query = not query or join_terms(terms) == current.query
        if is_same_query and minutes in (None, current.minutes):
            left = sum(row.seconds for row in current.left)
            of = counted(len(current.clips), "clip")
            say(f"continuing: {len(current.left):,} of {of} left, {length_text(left)}")
            return current
        dry_run |= only_show
    queue = plan_listening(catalog, terms, MINUTES if minutes is None else minutes, dry_run=dry_run)
    if current is not None:
        unheard = counted(len(current.left), "clip")
        what = "not stored: the current queue has" if dry_run else "a new queue; the previous one had"
        say(f"{what} {unheard} left")
    _print_plan(queue)
    return queue


def _print_plan(queue: Queue) -> None:
    checkpoints = len({(row.run, row.epoch, row.step) for row in queue.clips})
    say(
        f"{counted(len(queue.clips), 'clip')} of {counted(checkpoints, 'checkpoint')}, {length_text(queue.seconds)}"
    )
    if queue.seconds > queue.minutes * 60 + 1:
        say(f"no clip fits into {queue.minutes:g} minutes; the queue holds only the shortest")
    reach = queue.reach
    if reach is None:
        return
    if reach.left_out:
        within = ""
        if reach.radius is not None:
            within = f"; each is within distance {reach.radius:.2f} of a clip that is heard or queued"
        say(f"{counted(reach.left_out, 'unheard clip')} did not fit{within}")
    if reach.without_descriptor:
        clips = counted(reach.without_descriptor, "clip")
        say(
            f"{clips} without a descriptor: chosen by checkpoint and id only; add likeness to [metrics] use, then "
            "`thresher score` computes descriptors"
        )


def _write(catalog: Catalog, queue: Queue, output: Path | None, *, overwrite: bool) -> None:
    from thresher.curation.listening.player import PLAYERS
    from thresher.curation.listening.playlist import write_playlist

    if output is None:
        names = ", ".join(player[0] for player in PLAYERS)
        say(f"no audio player found (install one of {names}); writing a playlist instead")
    written = write_playlist(catalog, queue, output, overwrite=overwrite)
    tell(f"{counted(written.clips, 'clip')} ({length_text(written.seconds)}) in {from_here(written.path)}")
    for path in written.missing:
        say(f"  left out, because its file is missing: {path}")
    if written.file_seconds > MUCH_LONGER * written.seconds:
        whole = length_text(written.file_seconds)
        say(f"VLC plays only the clips; players that ignore #EXTVLCOPT play whole files, {whole} in all")
    say("when you have heard them, `thresher listen --done` marks them as heard")


def _play(catalog: Catalog, queue: Queue, pause: float) -> None:
    from thresher.curation.listening.player import find_player
    from thresher.curation.listening.queue import resume_listening
    from thresher.interfaces.cli.keyboard import Keyboard, has_keyboard
    from thresher.interfaces.cli.listening_session import Session

    player = find_player(catalog.settings.listen.player)
    with Keyboard() if has_keyboard() else nullcontext() as keys:
        outcome = Session(catalog, queue, player, keys, pause).run()
    rest = resume_listening(catalog)
    left = 0 if rest is None or rest.id != queue.id else len(rest.left)
    goes_on = f"{left:,} left (`thresher listen` continues)" if left else "the queue is finished"
    missing = f", {outcome.missing:,} skipped because their files are missing" if outcome.missing else ""
    tell(f"{counted(outcome.heard, 'clip')} heard{missing}; {goes_on}")
