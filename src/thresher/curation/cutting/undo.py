"""Undo a decision, and score the clips that it brings back."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions.decide import changes_clips
from thresher.catalog.decisions.journal import Decision
from thresher.curation.clips import decisions


def undo(catalog: Catalog, number: int | None = None, *, dry_run: bool = False) -> Decision:
    """Revert a decision, by default the latest that is not undone; on a server, your latest.

    Clips that come back by it are scored. A dry run changes nothing. Raises NotFoundError and UsageError as
    `curation.clips.decisions.undo` does.
    """
    done = decisions.undo(catalog, number, dry_run=dry_run)
    if not dry_run and changes_clips(done.changes):
        from thresher.curation.comparison.score import score_all  # loads numpy, which other undos do not need

        score_all(catalog)
    return done
