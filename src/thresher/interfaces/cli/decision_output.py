"""How the commands that change clips report the decision they made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.formatting import counted
from thresher.interfaces.cli.output import local_time, one_line, print_json, say, tell
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.clips.decisions import DecisionOutcome

DECISION_COLUMNS = (
    Column("decision", lambda row: row.id, is_number=True),
    Column("when", lambda row: local_time(row.made_at), rank=2),
    Column("by", lambda row: row.who),  # empty, and not shown, if all are your own
    Column("what", lambda row: row.summary, keep=Keep.LINES),
    Column("changed", lambda row: len(row.changes), is_number=True, rank=1),
    Column("", lambda row: f"undone by {row.undone_by}" if row.undone_by else ""),
)


def print_outcome(outcome: DecisionOutcome, *, dry_run: bool, json: bool) -> None:
    """Print what a decision changed, and the command that reverts it."""
    decision = outcome.decision
    if json:
        print_json(outcome, dry_run=dry_run)
        return
    if decision is None:
        tell(f"{counted(outcome.found, 'clip')} found, nothing to change")
        return
    changed = len({change.id for change in decision.changes})
    if dry_run:
        tell(f"dry run: {changed} of {outcome.found} would change ({one_line(decision.summary)})")
        return
    tell(f"decision {decision.id}: {changed} of {outcome.found} changed ({one_line(decision.summary)})")
    say(f"`thresher undo {decision.id}` reverts it")
