"""Run a decision about the clips of a query, after a question if it would change surprisingly many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from thresher.errors import NotFoundError
from thresher.formatting import counted
from thresher.interfaces.cli.app import terms_of
from thresher.interfaces.cli.confirm import ask

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.query import Terms
    from thresher.curation.clips.decisions import DecisionOutcome
    from thresher.curation.clips.reach import Reach

    Decide = Callable[[Terms, bool], DecisionOutcome]

Outcome = TypeVar("Outcome", bound="DecisionOutcome")


def decide(
    catalog: Catalog, query: list[str], run: Callable[[Terms, bool], Outcome], *, dry_run: bool, yes: bool
) -> Outcome:
    """Run a decision about the clips that the arguments select; `run` takes the terms and whether it is a dry run.

    Asks before it changes at least 20 clips that are more than half of the catalog, or everything through a negated
    bare word, unless the query names its clips by id or path. Raises UsageError if there is no terminal to ask at.
    """
    from thresher.curation.clips.reach import reach

    terms = terms_of(catalog, query)
    if not dry_run and not yes:
        found = reach(catalog, terms)
        if found.is_wide(found.clips) or _may_be_everything(found):
            _confirm(run, terms, found)
    return run(terms, dry_run)


def _may_be_everything(found: Reach) -> bool:
    return bool(found.negated_words) and not found.names_clips


def _confirm(run: Decide, terms: Terms, found: Reach) -> None:
    planned = run(terms, True)
    if planned.decision is None:
        return
    changed = len({change.id for change in planned.decision.changes})
    of_all = f"{changed:,} of the {counted(found.catalog, 'clip')} in the catalog"
    if _may_be_everything(found) and planned.found == _selectable(run):
        word = found.negated_words[0]
        question = f'change {of_all}? Nothing contains "{word}", so that "not {word}" selects everything'
    elif found.is_wide(changed):
        question = f"change {of_all}? ({planned.decision.summary})"
    else:
        return
    ask(question, otherwise="nothing was changed")


def _selectable(run: Decide) -> int:
    """Return the number of clips that the command selects without a query."""
    try:
        return run((), True).found
    except NotFoundError:
        return 0
