"""The ids of clips among the terms of a query: several of them are alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from thresher.catalog.database.schema import clip
from thresher.catalog.queries.context import Part
from thresher.catalog.queries.field_kinds import Condition
from thresher.catalog.queries.terms import is_id
from thresher.catalog.queries.text import Word, error_at
from thresher.catalog.queries.tree import Leaf, Node
from thresher.catalog.recordings.clip_source import any_id
from thresher.catalog.text.values import LARGEST_INTEGER

_MOST_PARTS = 100
"""Ids that are examined one by one if nothing is found."""


def is_id_node(node: Node) -> TypeGuard[Leaf]:
    """Return whether a node is an id."""
    return isinstance(node, Leaf) and is_id(node.word)


def ids_condition(words: Sequence[Word], *, is_negated: bool) -> tuple[Condition, list[Part]]:
    """Return the condition that a clip has one of several ids, and the parts of the query that they are."""
    numbers = [_id_number(word.text) for word in words]
    condition = any_id(numbers)
    if len(words) > _MOST_PARTS:
        shown = " ".join(word.text for word in words[:3])
        return condition, [Part(f"{shown} …", condition, is_negated)]
    return condition, [
        Part(word.text, clip.c.id == number, is_negated) for word, number in zip(words, numbers, strict=True)
    ]


def ids_with_others(ids: Sequence[Word]) -> Exception:
    """Return the error for ids next to terms that select further."""
    listed = " ".join(word.text for word in ids[:5]) + (" …" if len(ids) > 5 else "")
    message = f"no clip has two ids; to select clips of these that match the other terms, write ({listed})"
    if len(ids) == 1:
        message = f"clip {listed} is selected and excluded at once; to exclude several clips, write not (1 2)"
    return error_at(ids[0].position, message)


def id_in_text(word: Word) -> Exception:
    """Return the error for an id in a text next to terms that select: `run:take 2` mostly means "take 2"."""
    number = word.text
    return error_at(
        word.position,
        f"{number} is the id of a clip; if it belongs to the value before it, write that in quotes, as in "
        f"""'run:"take {number}"'; to select the clip if it matches the other terms, write ({number})""",
    )


def _id_number(text: str) -> int:
    # int() refuses thousands of digits, even zeros
    number = int(text.lstrip("0") or "0") if len(text.lstrip("0")) <= len(str(LARGEST_INTEGER)) else -1
    return number if number <= LARGEST_INTEGER else -1
