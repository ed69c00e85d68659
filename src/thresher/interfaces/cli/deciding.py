"""Make a decision about the clips of a query, ask before it changes surprisingly many, and print the outcome."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from thresher.errors import NotFoundError
from thresher.formatting import counted
from thresher.interfaces.cli.app import open_catalog, terms_of
from thresher.interfaces.cli.confirm import ask
from thresher.interfaces.cli.decision_output import print_outcome
from thresher.interfaces.cli.output import one_line

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.queries.query import Terms
    from thresher.curation.clips.decisions import DecisionOutcome
    from thresher.curation.clips.reach import Reach

    Verb = Callable[..., DecisionOutcome]

Outcome = TypeVar("Outcome", bound="DecisionOutcome")


def decide(query: list[str], run: Callable[..., Outcome], *, dry_run: bool, yes: bool, json: bool) -> Outcome:
    """Make the decision of a verb `run` about the clips that the arguments select, and print the outcome.

    The verb takes the catalog, the terms and `dry_run`. Asks and raises as `decided` does.
    """
    with open_catalog() as catalog:
        outcome = decided(catalog, query, run, dry_run=dry_run, yes=yes)
    print_outcome(outcome, dry_run=dry_run, json=json)
    return outcome


def decided(
    catalog: Catalog, query: list[str], run: Callable[..., Outcome], *, dry_run: bool, yes: bool
) -> Outcome:
    """Return the outcome of a verb `run`, made as by `decide`, in a catalog that is open.

    Asks before it changes at least 20 clips that are more than half of the catalog, or everything through a negated
    bare word, unless the query names its clips by id or path. Raises UsageError if there is no terminal to ask at.
    """
    from thresher.curation.clips.reach import reach

    terms, verb = terms_of(catalog, query), partial(run, catalog)
    if not dry_run and not yes:
        found = reach(catalog, terms)
        if found.is_wide(found.clips) or _may_be_everything(found):
            _confirm(verb, terms, found)
    return verb(terms, dry_run=dry_run)


def _may_be_everything(found: Reach) -> bool:
    return bool(found.negated_words) and not found.names_clips


def _confirm(verb: Verb, terms: Terms, found: Reach) -> None:
    planned = verb(terms, dry_run=True)
    if planned.decision is None:
        return
    changed = len({change.id for change in planned.decision.changes})
    of_all = f"{changed:,} of the {counted(found.catalog, 'clip')} in the catalog"
    if _may_be_everything(found) and planned.found == _selectable(verb):
        word = found.negated_words[0]
        question = f'change {of_all}? Nothing contains "{word}", so that "not {word}" selects everything'
    elif found.is_wide(changed):
        question = f"change {of_all}? ({one_line(planned.decision.summary)})"
    else:
        return
    ask(question, otherwise="nothing was changed")


def _selectable(verb: Verb) -> int:
    """Return the number of clips that the command selects without a query."""
    try:
        return verb((), dry_run=True).found
    except NotFoundError:
        return 0
