"""The `lineage` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import clock, local_time, print_facts, print_json, say, score_text

if TYPE_CHECKING:
    from thresher.curation.clips.listing import ClipRow
    from thresher.curation.origin.lineage import Lineage, Relative

MOST_SHOWN = 20
"""At most this many clips of the recording, and with common sound, are printed; --json writes all."""


@app.command(rich_help_panel=FIND)
def lineage(
    clip: Annotated[str, typer.Argument(help="A clip id, a file, or a query that matches one clip.")],
    json: Json = False,
) -> None:
    """Show where a clip comes from and where it is used.

    The output names the file that it was cut from, other clips of that recording, copies and near-duplicates, the
    clips that it continues or that continue it, and the songs and renderings that it is in (docs/lineage.md).
    """
    from thresher.curation.origin.lineage import lineage as find

    with open_catalog() as catalog:
        found = find(catalog, clip)
    if json:
        print_json(found)
        return
    detail = found.detail
    print_facts(
        [
            ("clip", _clip_text(detail.clip)),
            *(
                ("cut from", f"{at.path}{_missing(at.missing_since)}{_of_batch(at.batch)}")
                for at in detail.locations
            ),
            ("sha256", detail.sha256),
            *(("same recording", _clip_text(each)) for each in found.same_recording[:MOST_SHOWN]),
            *(("same audio", f"clip {each}") for each in detail.same_audio),
            *((each.relation.kind, _relative_text(each)) for each in found.relatives[:MOST_SHOWN]),
            *(("song", name) for name in found.songs),
            *(
                (
                    "rendering",
                    f"{each.song} {each.number} at {clock(each.at)} (clip {each.position} of it), {each.path}",
                )
                for each in found.renderings
            ),
        ]
    )
    _say_notes(found)


def _clip_text(row: ClipRow) -> str:
    span = ""
    if row.start is not None and row.seconds is not None:
        span = f", {clock(row.start)} to {clock(row.start + row.seconds)}"
    rejected = ", rejected" if row.rejected else ""
    status = "" if row.status == "ok" else f", {row.status}"
    return f"{row.id} ({row.place or row.kind}{span}{status}{rejected})"


def _missing(since: float | None) -> str:
    return "" if since is None else f" (missing since {local_time(since)})"


def _of_batch(batch: int) -> str:
    return f", batch {batch}"


def _relative_text(each: Relative) -> str:
    found = each.relation
    here, there = (
        f"{clock(start)} to {clock(start + found.seconds)}" for start in (found.start, found.other_start)
    )
    return f"{score_text(found.score)}  clip {found.clip} {each.clip.path or ''}: its {there} is here {here}"


def _say_notes(found: Lineage) -> None:
    for clips, where in ((found.same_recording, "of the recording"), (found.relatives, "with common sound")):
        if len(clips) > MOST_SHOWN:
            say(f"… and {counted(len(clips) - MOST_SHOWN, 'more clip')} {where}; --json shows all")
    if found.not_examined:
        say(f"{counted(found.not_examined, 'less similar clip')} with a sufficient score not examined")
    if not found.detail.fingerprint_words:
        say("this clip has no fingerprint, so near-duplicates and continuations are not known")
    for name in found.unread_songs:
        say(f'song "{name}" can\'t be read, so the clip may be in it; `thresher song list` says why')
