"""The commands that hide clips and show them again: reject, unreject, trust."""

from __future__ import annotations

from thresher.interfaces.cli.app import DECIDE, app
from thresher.interfaces.cli.deciding import decide
from thresher.interfaces.cli.options import DryRun, Json, Query, Yes


@app.command(rich_help_panel=DECIDE)
def reject(query: Query, dry_run: DryRun = False, yes: Yes = False, json: Json = False) -> None:
    """Hide clips from listings and songs. Their files are not touched."""
    from thresher.curation.clips.decisions import reject as run

    decide(query, run, dry_run=dry_run, yes=yes, json=json)


@app.command(rich_help_panel=DECIDE)
def unreject(query: Query, dry_run: DryRun = False, yes: Yes = False, json: Json = False) -> None:
    """Show rejected clips in listings and songs again."""
    from thresher.curation.clips.decisions import unreject as run

    decide(query, run, dry_run=dry_run, yes=yes, json=json)


@app.command(rich_help_panel=DECIDE)
def trust(query: Query, dry_run: DryRun = False, yes: Yes = False, json: Json = False) -> None:
    """Clear the suspect flag of clips that resemble rejected ones."""
    from thresher.curation.clips.decisions import trust as run

    decide(query, run, dry_run=dry_run, yes=yes, json=json)
