"""The `dupes` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.clip_columns import path_text
from thresher.interfaces.cli.options import Json, OptionalQuery
from thresher.interfaces.cli.output import clock, print_json, say, tell

if TYPE_CHECKING:
    from thresher.curation.clips.listing import ClipRow
    from thresher.curation.comparison.duplicates import Duplicates, Match


@app.command(rich_help_panel=FIND)
def dupes(
    query: OptionalQuery = None,
    reject_others: Annotated[
        bool,
        typer.Option(
            "--reject-others", help="Reject the copies. Clips that only share a part are not rejected."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Find near-duplicate clips: copies, shared parts, and files stored more than once.

    The first line of a group is the clip to keep: the complete one, else the lossless one, else the one with the
    highest sample rate, the longest, the earliest. Ratings are not considered. Clips that are too short for a
    reliable answer are not compared (by default under 12 fingerprint words, about 4 s).
    """
    from thresher.curation.clips.decisions import reject
    from thresher.curation.comparison.duplicates import dupes as find
    from thresher.interfaces.cli.progress import ProgressBar

    with open_catalog() as catalog, ProgressBar() as progress:
        found = find(catalog, terms_of(catalog, query or []), progress)
        others = [part for clip_id in found.others for part in (",", f"id:{clip_id}")][1:]
        rejected = reject(catalog, others) if reject_others and others else None
    if json:
        print_json(found)
        return
    _print_duplicates(found)
    if rejected is not None and rejected.decision is not None:
        number = rejected.decision.id
        say(f"decision {number}: the copies are rejected; `thresher undo {number}` reverts it")


def _print_duplicates(found: Duplicates) -> None:
    for group in found.groups:
        tell(_clip_text(group.kept))
        for match in group.copies:
            tell(f"  copy {match.score:.3f}  {_clip_text(match.clip)}{_offset_text(match)}")
    for pair in found.parts:
        how = "contains" if pair.is_contained else "shares"
        tell(_clip_text(pair.whole))
        length = clock(pair.part.seconds)
        tell(f"  {how} {length} of  {_clip_text(pair.part.clip)}{_offset_text(pair.part)}")
    for same in found.byte_copies:
        tell(f"{same.clip.id}: {len(same.paths)} files with the same audio: {', '.join(same.paths)}")
    copies = f"{len(found.others):,} {'copy' if len(found.others) == 1 else 'copies'}"
    say(f"{copies} of {counted(len(found.groups), 'clip')}, {counted(len(found.parts), 'shared part')}")
    if found.not_judged:
        say(
            f"the pitch of {counted(found.not_judged, 'pair')} was not judged, because these clips were analysed "
            "by an earlier version or are longer than two minutes; `thresher reanalyse` analyses them again"
        )


def _clip_text(row: ClipRow) -> str:
    return f"{row.id} ({clock(row.seconds)}) {path_text(row.path, row.place)}"


def _offset_text(match: Match) -> str:
    offset = "" if match.offset == 0 else f", at {match.offset:+.1f} s"
    return offset if match.judged else f"{offset}, pitch not judged"
