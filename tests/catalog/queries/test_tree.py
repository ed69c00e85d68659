"""Terms of a query form a tree: what binds most tightly, and which mistakes are found where."""

from __future__ import annotations

import pytest

from thresher.catalog.queries.text import tokens_of
from thresher.catalog.queries.tree import All, Alternatives, Leaf, Node, Not, tree_of
from thresher.errors import QueryError


def shown(node: Node) -> str:
    """The tree with all its parentheses."""
    if isinstance(node, Leaf):
        return node.word.text
    if isinstance(node, Not):
        return f"not({shown(node.node)})"
    return f"{'or' if isinstance(node, Alternatives) else 'and'}({' '.join(map(shown, node.nodes))})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", "and()"),
        ("a", "and(a)"),
        ("a b", "and(a b)"),
        ("a and b", "and(a b)"),
        ("a b or c", "or(and(a b) and(c))"),
        ("a , b , c", "or(and(a) and(b) and(c))"),
        ("a (b or c)", "and(a or(and(b) and(c)))"),
        ("not a b", "and(not(a) b)"),
        ("not (a b)", "and(not(and(a b)))"),
        ("^a", "and(not(a))"),
        ("^^a", "and(a)"),
        ("not ^a", "and(a)"),
        ("not not not a", "and(not(a))"),
        ("^(a or b)", "and(not(or(and(a) and(b))))"),
        ("rating >= 4", "and(rating>=4)"),
        ("rating >=4", "and(rating>=4)"),
        ("rating>= 4 b", "and(rating>=4 b)"),
        ("'rating' '>=' b", "and(rating >= b)"),
    ],
)
def test_not_binds_most_tightly_and_or_least(text: str, tree: str) -> None:
    assert shown(tree_of(tokens_of(text))) == tree


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a or", 2, "after `or`, which means OR"),
        ("or a", 0, "before `or`"),
        ("a , , b", 4, "before the comma"),
        ("and a", 0, "before `and`"),
        ("a and or b", 2, "after `and`"),
        ("not", 0, "after `not`"),
        ("a ( b", 2, "is not closed"),
        ("()", 0, "are empty"),
        ("a ) b", 2, "no parenthesis is open"),
    ],
)
def test_a_mistake_is_found_where_it_is(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        tree_of(tokens_of(text))
    assert caught.value.position == position


def test_an_empty_tree_holds_all_clips() -> None:
    assert tree_of([]) == All(())
