"""Join the conditions of a query to one, in groups, so that it does not nest more deeply than can be compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import true

from thresher.catalog.queries.field_kinds import Condition, never_null
from thresher.catalog.queries.limits import GROUP, HIGHEST, NESTED_GROUP, Budget
from thresher.catalog.queries.terms import Found
from thresher.catalog.queries.text import error_at
from thresher.catalog.queries.tree import All, Node, position_of


def group_size(budget: Budget) -> int:
    """Return how many conditions are joined at once at the current depth of a query."""
    return GROUP if budget.depth <= 2 else NESTED_GROUP


def joined(conditions: Sequence[Condition], join: Callable[..., Condition], size: int) -> Condition:
    """Join conditions by AND or OR, at most `size` at once; without a condition the result is true."""
    if len(conditions) <= 1:
        return conditions[0] if conditions else true()
    left = list(conditions)
    while len(left) > size:
        left = [never_null(join(*left[start : start + size])) for start in range(0, len(left), size)]
    return join(*left)


def height_of(found: Sequence[Found], node: Node, size: int) -> int:
    """Return the height of a node's condition, which joins those of `found`.

    Raises QueryError if it is too high to be compiled.
    """
    layers, left = min(1, len(found) - 1), len(found)
    while left > size:
        layers, left = layers + 1, -(-left // size)
    is_absorbing = isinstance(node, All) and layers == 1
    height = max(one.height - (is_absorbing and one.is_all) for one in found) + layers
    if height > HIGHEST:
        raise error_at(position_of(node), "too many terms inside too many parentheses; use fewer")
    return height
