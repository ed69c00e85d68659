"""What errors advise in the room: what can be done in the page, where the terminal's sentence names a command.

Advice that needs the terminal stays as it is, such as `thresher ingest` on a folder whose files moved.
"""

from __future__ import annotations

import re

from thresher.catalog.decisions.journal import by_whom
from thresher.catalog.decisions.undo import ChangedLaterError, NothingToRevertError, UndoneAlreadyError
from thresher.errors import ThresherError

_IN_ROOM: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), advice)
    for pattern, advice in (
        ("`thresher list` shows all clips", "an empty query shows all clips"),
        ("`thresher fields` lists (all|the) fields", "the search field offers the fields as you type"),
        ("`thresher query list` shows all", "the search field offers them after query:, all"),
        ("`thresher query save NAME QUERY` makes one", "Shift-q saves one"),
        ("`thresher query save [^`]*`", "Shift-q saves one under its name"),
        ("`thresher song list` shows all", "the search field offers them after song:, all"),
        ("`thresher checkpoints` lists them", "the view Checkpoints lists them"),
        (
            "no queue has clips left to hear; `thresher listen` makes one",
            "no clip of the session is left to hear",
        ),
        ("; `thresher history` lists all decisions", ""),
        ("a split or `thresher unmark`", "a split, or its mark was removed"),
        (
            "`thresher undo` reverts that(, and `thresher history` lists the decisions)?",
            "the page that did it brings it back with u",
        ),
        ("; (give --add or --remove|write --add TAG or --remove TAG)", ""),
        ("; --from recording .*", ""),
    )
)
"""Advice for the terminal, and the same for the room."""


def in_room(error: ThresherError) -> str:
    """Return the sentence of an error as the room says it."""
    match error:
        case UndoneAlreadyError(by=by):
            return f"nothing changed: another window or the terminal has reverted this already{by_whom(by)}"
        case ChangedLaterError(later=later):
            return (
                "nothing changed: another window or the terminal has decided on this since"
                f"{by_whom(later)} ({later.summary}); decide again to change that"
            )
        case NothingToRevertError(why=why):
            return f"nothing changed: {why}"
    sentence = str(error)
    for pattern, advice in _IN_ROOM:
        sentence = pattern.sub(advice, sentence)
    return sentence
