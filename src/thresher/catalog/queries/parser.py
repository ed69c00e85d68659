"""Parse one query: evaluate its tree to one SQL condition and a sort.

`tree.py` arranges the terms, `terms.py` evaluates single terms, `ids.py` the ids among them,
`joins.py` joins their conditions, and `included.py` finds the songs and saved queries that they name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_, true

from thresher.catalog.database.portable_sql import TextPosition
from thresher.catalog.database.schema import clip
from thresher.catalog.queries.context import Context, Part, Query
from thresher.catalog.queries.field_kinds import Condition, Field, Scope
from thresher.catalog.queries.ids import id_in_text, ids_condition, ids_with_others, is_id_node
from thresher.catalog.queries.included import Included, Within
from thresher.catalog.queries.joins import group_size, height_of, joined
from thresher.catalog.queries.limits import (
    FEW_WORDS,
    MOST_SORT_KEYS,
    MOST_WORDS,
    Budget,
    without_bound_values,
)
from thresher.catalog.queries.special_fields import some_bare_word
from thresher.catalog.queries.terms import Found, TermReader, is_id
from thresher.catalog.queries.text import QUOTED, Terms, Word, error_at, join_terms, tokens_of
from thresher.catalog.queries.tree import (
    All,
    Alternatives,
    Leaf,
    Node,
    Not,
    missing_term,
    position_of,
    tree_of,
)


class Parser:
    """Parses one query. `within` are the songs and saved queries that contain it, the outermost first.

    `stored`: see `query.parse`.
    """

    def __init__(
        self,
        context: Context,
        budget: Budget,
        within: Within,
        *,
        stored: bool = False,
    ) -> None:
        self._context = context
        self._scope = Scope(
            context.metric,
            context.folders,
            context.texts,
            context.now,
            self._song,
            context.near,
            self._query,
            self._keep_near,
        )
        self._budget = budget
        self._within = within
        self._included = Included(context, within, self._parsed_within)
        self._is_stored = stored or bool(within)
        self._is_text = False
        self._terms = TermReader(context, self._scope)
        self._sort: dict[str, list[ColumnElement[Any]]] = {}
        self._parts: list[Part] = []
        self._near: dict[str, tuple[tuple[int, float], ...]] = {}
        self._is_negated = False

    @property
    def scope(self) -> Scope:
        """The catalog as the fields need it."""
        return self._scope

    def field(self, name: str) -> Field:
        """Return the field of a name. Raises QueryError if there is none."""
        return self._terms.known_field(Word(name, QUOTED * len(name), 0))

    def parse(self, terms: Terms) -> Query:
        """Parse all terms of the query."""
        self._is_text = isinstance(terms, str)
        tokens = tokens_of(terms)
        self._budget.spend(tokens)
        found = self._evaluate(tree_of(tokens))
        condition, by_id = (true(), None) if found is None else (found.condition, found.by_id)
        if not self._within:
            condition = without_bound_values(condition)
            by_id = by_id if by_id is None else without_bound_values(by_id)
        return Query(
            join_terms(terms),
            condition,
            (*self._sort_or_near(), clip.c.id.asc()),
            frozenset(self._terms.used),
            tuple(self._terms.used),
            by_id,
            found is not None and found.names_clips,
            tuple(self._parts),
            found.height if found is not None else 0,
            found is not None and found.is_all,
            self._near,
            is_sorted_by_near=not self._sort and bool(self._nearest()),
        )

    def _sort_or_near(self) -> list[ColumnElement[Any]]:
        """Return the keys to sort by. Of two sorts by one field, only the first one has an effect."""
        near = self._nearest()
        if self._sort or not near:
            keys = [key for keys in self._sort.values() for key in keys]
            if len(keys) > MOST_SORT_KEYS:
                raise error_at(0, "too many fields to sort by; use fewer")
            return keys
        # The position of an id in a text is found faster than the branch of a CASE with thousands of them.
        ranked = f",{','.join(str(clip_id) for clip_id, _ in near)},"
        position = TextPosition(literal(ranked), literal(",") + cast(clip.c.id, Text) + literal(","))
        return [func.nullif(position, 0).asc().nulls_last()]

    def _nearest(self) -> tuple[tuple[int, float], ...]:
        """Return the clips by whose scores the query is sorted unless it names a sort: those of its first near."""
        return next(filter(None, self._near.values()), ())

    # The tree.

    def _evaluate(self, node: Node) -> Found | None:
        """Return what a node selects; None if it consists of sorts only."""
        if isinstance(node, Leaf):
            return self._leaf(node.word)
        if isinstance(node, Not):
            return self._not(node)
        if isinstance(node, Alternatives):
            return self._alternatives(node)
        self._budget.enter()
        found = self._all(node)
        self._budget.depth -= 1
        return found

    def _not(self, node: Not) -> Found:
        self._is_negated = not self._is_negated
        inner = self._evaluate(node.node)
        self._is_negated = not self._is_negated
        if inner is None:
            raise error_at(position_of(node), "a sort cannot be negated; write epoch- to sort downwards")
        return Found(~inner.condition, height=inner.height + 1)

    def _alternatives(self, node: Alternatives) -> Found:
        size = group_size(self._budget)
        at_once, found = self._in_one([each.nodes[0] for each in node.nodes if len(each.nodes) == 1])
        for number, alternative in enumerate(node.nodes):
            if len(alternative.nodes) == 1 and id(alternative.nodes[0]) in at_once:
                continue
            one = self._evaluate(alternative)
            if one is None:
                is_first = number < len(node.separators)
                raise missing_term(
                    node.separators[number if is_first else -1], "before" if is_first else "after"
                )
            found.append(one)
        by_id = [one.by_id for one in found if one.by_id is not None]
        return Found(
            joined([one.condition for one in found], or_, size),
            joined(by_id, or_, size) if by_id else None,
            all(one.names_clips for one in found),
            height=height_of(found, node, size),
        )

    def _all(self, node: All) -> Found | None:
        size = group_size(self._budget)
        ids = [child.word for child in node.nodes if is_id_node(child)]
        others = [child for child in node.nodes if not is_id_node(child)]
        excludes = any(isinstance(child, Not) and is_id_node(child.node) for child in others)
        if (len(ids) > 1 or (ids and excludes)) and not all(map(self._is_sort, others)):
            raise ids_with_others(ids)
        self._is_negated = not self._is_negated
        at_once, excluded = self._in_one([child.node for child in others if isinstance(child, Not)])
        self._is_negated = not self._is_negated
        found = [self._ids(ids)] if ids else []
        found += [Found(~one.condition, height=one.height + 1) for one in excluded]
        for child in others:
            one = None
            if not (isinstance(child, Not) and id(child.node) in at_once):
                one = self._evaluate(child)
            found += [] if one is None else [one]
        self._check_ids(ids, others)
        if not found:
            return None
        naming = next((one for one in found if one.by_id is not None), None)
        by_id = None
        if naming is not None and naming.by_id is not None:
            rest = [one.condition for one in found if one is not naming]
            by_id = joined([naming.by_id, *rest], and_, size)
        return Found(
            joined([one.condition for one in found], and_, size),
            by_id,
            any(one.names_clips for one in found),
            height=height_of(found, node, size),
            is_all=found[0].is_all if len(found) == 1 else len(found) <= size,
        )

    def _in_one(self, nodes: Sequence[Node]) -> tuple[set[int], list[Found]]:
        """Return what any of many ids or words selects, as one condition each, and which nodes are in them."""
        leaves = [node for node in nodes if isinstance(node, Leaf)]
        ids = [leaf for leaf in leaves if is_id(leaf.word)]
        found = [self._ids([leaf.word for leaf in ids])] if ids else []
        others = [leaf for leaf in leaves if not is_id(leaf.word)]
        if len(others) <= FEW_WORDS:
            return set(map(id, ids)), found
        texts = [(leaf, text) for leaf in others if (text := self._terms.bare_text(leaf.word)) is not None]
        if texts:
            condition = some_bare_word([text for _, text in texts], self._scope)
            shown = " ".join(leaf.word.text for leaf, _ in texts[:3])
            self._parts.append(Part(f"{shown} …", condition, self._is_negated))
            found.append(Found(condition))
        return {id(leaf) for leaf in (*ids, *(leaf for leaf, _ in texts))}, found

    def _check_ids(self, ids: Sequence[Word], others: Sequence[Node]) -> None:
        """Raise QueryError for an id in a text next to terms that select: `run:take 2` mostly means "take 2"."""
        others = [child for child in others if not self._is_sort(child)]
        is_allowed = not self._is_text or self._is_stored or all(map(self._is_complete, others))
        if ids and not is_allowed:
            raise id_in_text(ids[0])

    def _is_complete(self, node: Node) -> bool:
        """Return whether a node is a term such as rejected:yes or in quotes: no id can be a part of its value."""
        node = node.node if isinstance(node, Not) else node
        if isinstance(node, Leaf) and node.word.marks[-1:] == QUOTED:
            return True
        field = self._terms.field_of(node.word) if isinstance(node, Leaf) else None
        return field is not None and field.kind in ("flag", "choice")

    def _ids(self, words: Sequence[Word]) -> Found:
        """Select any of several ids."""
        self._terms.use("id")
        condition, parts = ids_condition(words, is_negated=self._is_negated)
        self._parts += parts
        return Found(condition, condition, names_clips=True)

    # Songs and saved queries.

    def _song(self, name: str) -> Condition:
        """Return whether a clip is selected by the song of that name."""
        self._terms.included = self._included.song(name)
        return self._terms.included.condition

    def _query(self, name: str) -> Condition:
        """Return whether a clip is selected by a saved query, whose fields and sorts count as those of this one."""
        found = self._included.query(name)
        self._terms.used.update(dict.fromkeys(found.used))
        if not self._is_negated:
            if not found.is_sorted_by_near:
                self._sort.setdefault(f"query:{name}", list(found.sort[:-1]))
            for field, near in found.near.items():
                self._keep_near(field, near)
        self._terms.included = Found(
            found.condition, found.by_id, found.names_clips, height=found.height, is_all=found.is_all
        )
        return found.condition

    def _parsed_within(self, text: str, within: Within) -> Query:
        return Parser(self._context, self._budget, within).parse(text)

    def _keep_near(self, name: str, found: Sequence[tuple[int, float]]) -> None:
        if not self._is_negated:
            self._near.setdefault(name, tuple(found))

    def sort_keys(self, word: Word) -> list[ColumnElement[Any]] | None:
        """Return the sort keys of a term; None if it is not a sort."""
        return self._terms.sort_keys(word)

    def _is_sort(self, node: Node) -> bool:
        return isinstance(node, Leaf) and self._terms.sort_field(node.word) is not None

    def _leaf(self, word: Word) -> Found | None:
        keys = self._terms.sort_keys(word)
        if keys is not None:
            self._sort.setdefault(word.text[:-1], keys)
            return None
        found = self._terms.term(word)
        self._budget.words += found.is_word
        if self._budget.words > MOST_WORDS:
            message = f"too many terms: more than {MOST_WORDS:,} words; use fewer, or join them by `or`"
            raise error_at(word.position, message)
        self._parts.append(Part(word.text, found.condition, self._is_negated))
        return found
