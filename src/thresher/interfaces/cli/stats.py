"""The `stats` command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog, tell_outdated
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import print_facts, print_json, say

if TYPE_CHECKING:
    from thresher.curation.report.stats import Stats


@app.command(rich_help_panel=FIND)
def stats(json: Json = False) -> None:
    """Show totals: recordings, clips, files, minutes, songs and scores."""
    from thresher.curation.report.stats import stats as count

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
            ("clips", f"{found.clips}{_kinds(found)}, {found.rated} rated, {found.rejected} rejected"),
            (
                "files",
                f"{found.present} present, {found.missing} missing, {found.unread} that could not be opened",
            ),
            ("generated", f"{found.minutes_generated:.1f} minutes"),
            ("kept", f"{found.minutes_kept:.1f} minutes after trimming"),
            ("runs", f"{found.runs}, {found.checkpoints} checkpoints"),
            ("batches", found.batches),
            ("songs", found.songs),
            *(
                (f"{row.name}", f"{counted(row.live, 'clip')} scored, {row.open} not scored")
                for row in found.metrics
            ),
            ("database", f"{found.database_bytes / 1e6:.1f} MB"),
        ]
    )
    if found.trimmed_otherwise:
        say(
            f"{counted(found.trimmed_otherwise, 'clip')} trimmed with other settings or by an earlier version; "
            "`thresher reanalyse` trims those again whose files are present"
        )
    tell_outdated(found.outdated)
    if found.unmeasured:
        say(
            f"{counted(found.unmeasured, 'clip')} not measured yet; "
            "`thresher score` measures those whose files are present"
        )
    if any(row.open for row in found.metrics):
        say("`thresher score` computes the missing scores")


def _kinds(found: Stats) -> str:
    """Return the number of clips of each kind; nothing if all are wholes."""
    if not found.parts and not found.marks:
        return ""
    parts = f"{counted(found.parts, 'part')} of {counted(found.split, 'split recording')}"
    kinds = [counted(found.wholes, "whole"), parts if found.parts else "", counted(found.marks, "mark")]
    return f" ({', '.join(filter(None, kinds))})"
