"""Errors advise what can be done in the page; commands remain only where the terminal is needed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import thresher
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import rate
from thresher.curation.cutting.undo import undo
from thresher.errors import NotFoundError, ThresherError, UsageError
from thresher.interfaces.web.room.advice import in_room

ROOT = Path(thresher.__file__).parent
BEHIND_THE_ROOM = (
    "catalog/decisions",
    "catalog/queries",
    "curation/checkpoints",
    "curation/clips",
    "curation/comparison",
    "curation/cutting",
    "curation/exports/archive.py",
    "curation/listening",
    "curation/previews",
)
NEED_THE_TERMINAL = {
    "clusters",
    "ingest",  # a file is not where it was
    "prune",
    "reanalyse",
    "score",
    "show",
    "song",
    "verify",
}
NOT_OF_THE_ROOM = {
    "curation/clips/decisions.py": {"modify"},
    "curation/clips/restore.py": {"history"},
    "curation/cutting/labels.py": {"mark"},
    "curation/cutting/marks.py": {"reject", "split"},  # of unmark
    "curation/cutting/salvage.py": {"list", "split"},
    "catalog/decisions/fields.py": {"query"},  # of renaming songs
    "catalog/decisions/undo.py": {"undo"},  # in errors with an own sentence, and of an undo without a number
    "catalog/queries/fields.py": {"trust", "query"},  # descriptions
}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "no clip has the id 9; `thresher list` shows all clips",
            "no clip has the id 9; an empty query shows all clips",
        ),
        (
            'unknown field "nosie"; did you mean noise? `thresher fields` lists all fields',
            'unknown field "nosie"; did you mean noise? the search field offers the fields as you type',
        ),
        (
            "clip 3 was taken away by a split or `thresher unmark`; `thresher undo` reverts that, and "
            "`thresher history` lists the decisions",
            "clip 3 was taken away by a split, or its mark was removed; the page that did it brings it back with u",
        ),
        (
            'cannot both add and remove tag "a"; give --add or --remove',
            'cannot both add and remove tag "a"',
        ),
        (
            "the file of clip 3 is missing; `thresher ingest` its folder",
            "the file of clip 3 is missing; `thresher ingest` its folder",
        ),
    ],
)
def test_advice_is_what_the_page_offers(sentence: str, expected: str) -> None:
    assert in_room(NotFoundError(sentence)) == expected


def test_an_undo_that_was_overtaken_says_by_what(shelf: Catalog) -> None:
    first = rate(shelf, "1", 2).decision
    second = rate(shelf, "1", 5).decision
    assert first is not None
    assert second is not None
    assert _refusal(shelf, first.id) == (
        "nothing changed: another window or the terminal has decided on this since (rate 5: 1); "
        "decide again to change that"
    )
    undo(shelf, second.id)
    assert _refusal(shelf, second.id) == (
        "nothing changed: another window or the terminal has reverted this already"
    )


def test_every_command_that_an_error_behind_the_room_names_is_known_to_need_the_terminal() -> None:
    undecided = {
        (where, command)
        for where, sentence in _sentences()
        for command in re.findall(r"`thresher ([a-z-]+)", in_room(UsageError(sentence)))
        if command not in NEED_THE_TERMINAL | NOT_OF_THE_ROOM.get(where, set())
    }
    assert undecided == set()


def _refusal(catalog: Catalog, decision: int) -> str:
    with pytest.raises(ThresherError) as refused:
        undo(catalog, decision)
    return in_room(refused.value)


def _sentences() -> Iterator[tuple[str, str]]:
    """Yield the file and the text of each string that names a command, with {} for what is filled in."""
    for part in BEHIND_THE_ROOM:
        for file in [ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py")):
            where = file.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield (
                        where,
                        "".join(
                            str(value.value) if isinstance(value, ast.Constant) else "{}"
                            for value in node.values
                        ),
                    )
                elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    for given in node.exc.args:
                        if isinstance(given, ast.Constant) and isinstance(given.value, str):
                            yield where, given.value
