"""The `stats` command."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from thresher.formatting import counted, listed
from thresher.interfaces.cli.app import FIND, app, open_catalog, tell_outdated
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import local_time, print_facts, print_json, say

if TYPE_CHECKING:
    from thresher.catalog.catalog_backups import BackupState
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
            ("backups", _backups(found.backups)),
        ]
    )
    if found.backups.damaged:
        damaged = listed([str(each.path) for each in found.backups.damaged], 3)
        say(f"damaged, and no backup: {damaged}; delete what you do not need")
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


def _backups(state: BackupState) -> str:
    """Return the number, the age and the size of the backups."""
    if not state.whole:
        return "none; `thresher backup` makes one"
    latest, days = state.whole[0], (time.time() - state.whole[0].made_at) / 86_400
    age = f"{counted(int(days), 'day')} ago" if days >= 1 else "less than a day ago"
    return (
        f"{len(state.whole)}, {state.bytes / 1e6:.1f} MB; the latest of {local_time(latest.made_at)} ({age}), in "
        f"{state.folder}"
    )


def _kinds(found: Stats) -> str:
    """Return the number of clips of each kind; nothing if all are wholes."""
    if not found.parts and not found.marks:
        return ""
    parts = f"{counted(found.parts, 'part')} of {counted(found.split, 'split recording')}"
    kinds = [counted(found.wholes, "whole"), parts if found.parts else "", counted(found.marks, "mark")]
    return f" ({', '.join(filter(None, kinds))})"
