"""The command song edit."""

from __future__ import annotations

from typing import Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import open_catalog, song_app
from thresher.interfaces.cli.options import DryRun, Json, SongName
from thresher.interfaces.cli.output import length_text, print_json, tell
from thresher.interfaces.cli.song_options import NoCopies, PerCheckpoint, options_of, pin_of
from thresher.interfaces.cli.song_text import say_edits_not_applied


@song_app.command()
def edit(
    name: SongName,
    pin: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIP@N", help="Pin a clip to position N; can be given several times."),
    ] = None,
    first: Annotated[str | None, typer.Option(metavar="CLIP", help="Start the song with a clip.")] = None,
    last: Annotated[str | None, typer.Option(metavar="CLIP", help="End the song with a clip.")] = None,
    swap: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Exchange the positions of two clips.")
    ] = None,
    keep_together: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Keep clip B right after clip A.")
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="Add a clip that does not match the query.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="Leave out a clip even if it matches the query.")
    ] = None,
    release: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="Remove all edits of a clip.")
    ] = None,
    no_copies: NoCopies = None,
    per_checkpoint: PerCheckpoint = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Edit a song by hand. Edits stay in effect in every ordering, and when new clips join the song."""
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
        no_copies=no_copies,
        per_checkpoint=options_of({"per_checkpoint": per_checkpoint}).per_checkpoint,
    )
    with open_catalog() as catalog:
        plan = edit_song(catalog, name, changes, dry_run=dry_run)
    if json:
        print_json(plan, dry_run=dry_run)
        return
    edits = "; ".join(plan.song.settings.edits.sentences()) or "no edits"
    prefix = "dry run: " if dry_run else ""
    tell(f'{prefix}song "{name}": {counted(len(plan.tracks), "clip")}, {length_text(plan.seconds)}; {edits}')
    say_edits_not_applied(plan.edits_not_applied)
