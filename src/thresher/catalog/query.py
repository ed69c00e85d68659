"""Turn a query into one SQL condition and a sort.

A query is a sequence of terms: `field:value` (text: contains; numbers: equals), `field:=value` (exactly),
`field:80..120` (a range, ends included), `field>=4`, `field::regex`, an id, or a bare word, which is searched for
in path, run, tags and note. `field+` and `field-` sort, at any position. `query_text.py` splits a query into terms,
`query_tree.py` arranges them by their operators, `query_terms.py` evaluates them, `fields.py` lists the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from sqlalchemy import ColumnElement, and_, func, literal, or_, true

from thresher.catalog.clip_source import any_id
from thresher.catalog.edits import Edits
from thresher.catalog.field_kinds import Condition, Field, Scope, never_null
from thresher.catalog.fields import FIELDS, close_names
from thresher.catalog.normal_form import nfc
from thresher.catalog.query_context import (
    Context,
    Part,
    Query,
    SavedQuery,
    context_of,
    edited,
    select_clips,
    shown,
    with_defaults,
)
from thresher.catalog.query_limits import (
    FEW_WORDS,
    GROUP,
    HIGHEST,
    MOST_SONGS,
    MOST_WORDS,
    NESTED_GROUP,
    Budget,
    without_bound_values,
)
from thresher.catalog.query_terms import Found, TermReader, did_you_mean, is_id
from thresher.catalog.query_text import (
    PLAIN,
    QUOTED,
    Terms,
    Word,
    error_at,
    join_terms,
    normalise,
    split_text,
    tokens_of,
)
from thresher.catalog.query_tree import (
    All,
    Alternatives,
    Leaf,
    Node,
    Not,
    missing_term,
    tree_of,
)
from thresher.catalog.schema import clip
from thresher.catalog.special_fields import some_bare_word
from thresher.catalog.values import LARGEST_INTEGER, UnfitError
from thresher.errors import NotFoundError, QueryError

__all__ = [
    "Context",
    "Part",
    "Query",
    "SavedQuery",
    "Terms",
    "context_of",
    "edited",
    "field_and_value",
    "join_terms",
    "normalise",
    "parse",
    "parse_sort",
    "select_clips",
    "shown",
    "split_text",
    "with_defaults",
]


_MOST_PARTS = 100
"""Ids that are examined one by one if nothing is found."""


def parse(terms: Terms, context: Context, *, stored: bool = False) -> Query:
    """Parse a query. A `stored` one may combine an id with other terms, as earlier versions let people type it.

    Raises QueryError with the position of the mistake and the expected value, and NotFoundError for a song or saved
    query that does not exist.
    """
    return _Parser(context, Budget(), within=(), stored=stored).parse(terms)


def parse_sort(term: str, context: Context) -> tuple[ColumnElement[Any], ...]:
    """Return the sort keys of `field+` or `field-`, the clip's id last. Raises QueryError for any other term."""
    keys = _Parser(context, Budget(), within=()).sort_keys(Word(term, PLAIN * len(term), 0))
    if keys is None:
        near = did_you_mean(close_names(term.rstrip("+-"), FIELDS))
        raise error_at(
            0, f'"{term}" is not a sort such as epoch+ or score-; {near}`thresher fields` lists them'
        )
    return (*keys, clip.c.id.asc())


def field_and_value(name: str, context: Context) -> tuple[Field, ColumnElement[Any] | None]:
    """Return the field of a name and the expression of its value for a clip; None if it has no single value.

    Raises QueryError for an unknown name.
    """
    parser = _Parser(context, Budget(), within=())
    field = parser.field(name)
    if field.value is not None or field.keys is None:
        return field, field.value
    return field, field.keys(parser.scope)[0]


class _Parser:
    """Parses one query. `within` are the songs and saved queries that contain it, the outermost first."""

    def __init__(
        self,
        context: Context,
        budget: Budget,
        within: tuple[tuple[str, str], ...],
        *,
        stored: bool = False,
    ) -> None:
        self._context = context
        self._scope = Scope(
            context.metric, context.root, context.now, self._song, context.near, self._query, self._keep_near
        )
        self._budget = budget
        self._within = within
        self._is_stored = stored or bool(within)
        self._is_text = False
        self._terms = TermReader(context, self._scope)
        self._sort: list[ColumnElement[Any]] = []
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
        )

    def _sort_or_near(self) -> list[ColumnElement[Any]]:
        near = next(filter(None, self._near.values()), ())
        if self._sort or not near:
            return self._sort
        # The position of an id in a text is found faster than the branch of a CASE with thousands of them.
        ranked = f",{','.join(str(clip_id) for clip_id, _ in near)},"
        position = func.instr(literal(ranked), literal(",") + clip.c.id.concat(","))
        return [func.nullif(position, 0).asc().nulls_last()]

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
            raise error_at(_position(node), "a sort cannot be negated; write epoch- to sort downwards")
        return Found(~inner.condition, height=inner.height + 1)

    def _alternatives(self, node: Alternatives) -> Found:
        joined, found = self._in_one([each.nodes[0] for each in node.nodes if len(each.nodes) == 1])
        for number, alternative in enumerate(node.nodes):
            if len(alternative.nodes) == 1 and id(alternative.nodes[0]) in joined:
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
            self._joined([one.condition for one in found], or_),
            self._joined(by_id, or_) if by_id else None,
            all(one.names_clips for one in found),
            height=self._height(found, node),
        )

    def _all(self, node: All) -> Found | None:
        ids = [child.word for child in node.nodes if _is_id(child)]
        others = [child for child in node.nodes if not _is_id(child)]
        excludes = any(isinstance(child, Not) and _is_id(child.node) for child in others)
        if (len(ids) > 1 or (ids and excludes)) and not all(map(self._is_sort, others)):
            raise error_at(ids[0].position, _ids_with_others(ids))
        self._is_negated = not self._is_negated
        joined, excluded = self._in_one([child.node for child in others if isinstance(child, Not)])
        self._is_negated = not self._is_negated
        found = [self._ids(ids)] if ids else []
        found += [Found(~one.condition, height=one.height + 1) for one in excluded]
        for child in others:
            one = None
            if not (isinstance(child, Not) and id(child.node) in joined):
                one = self._evaluate(child)
            found += [] if one is None else [one]
        self._check_ids(ids, others)
        if not found:
            return None
        naming = next((one for one in found if one.by_id is not None), None)
        by_id = None
        if naming is not None and naming.by_id is not None:
            rest = [one.condition for one in found if one is not naming]
            by_id = self._joined([naming.by_id, *rest], and_)
        return Found(
            self._joined([one.condition for one in found], and_),
            by_id,
            any(one.names_clips for one in found),
            height=self._height(found, node),
            is_all=found[0].is_all if len(found) == 1 else len(found) <= self._group_size,
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
            condition = some_bare_word([text for _, text in texts])
            shown = " ".join(leaf.word.text for leaf, _ in texts[:3])
            self._parts.append(Part(f"{shown} …", condition, self._is_negated))
            found.append(Found(condition))
        return {id(leaf) for leaf in (*ids, *(leaf for leaf, _ in texts))}, found

    def _check_ids(self, ids: Sequence[Word], others: Sequence[Node]) -> None:
        """Raise QueryError for an id in a text next to terms that select: `run:take 2` mostly means "take 2"."""
        others = [child for child in others if not self._is_sort(child)]
        is_allowed = not self._is_text or self._is_stored or all(map(self._is_complete, others))
        if ids and not is_allowed:
            number = ids[0].text
            raise error_at(
                ids[0].position,
                f"{number} is the id of a clip; if it belongs to the value before it, write that in quotes, as in "
                f"""'run:"take {number}"'; to select the clip if it matches the other terms, write ({number})""",
            )

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
        numbers = [_id_number(word.text) for word in words]
        condition = any_id(numbers)
        if len(words) > _MOST_PARTS:
            shown = " ".join(word.text for word in words[:3])
            self._parts.append(Part(f"{shown} …", condition, self._is_negated))
        else:
            self._parts += [
                Part(word.text, clip.c.id == number, self._is_negated)
                for word, number in zip(words, numbers, strict=True)
            ]
        return Found(condition, condition, names_clips=True)

    @property
    def _group_size(self) -> int:
        return GROUP if self._budget.depth <= 2 else NESTED_GROUP

    def _joined(self, conditions: Sequence[Condition], join: Callable[..., Condition]) -> Condition:
        """Join conditions to one, in groups, so that many conditions do not nest too deeply."""
        if len(conditions) <= 1:
            return conditions[0] if conditions else true()
        size = self._group_size
        joined = list(conditions)
        while len(joined) > size:
            joined = [
                never_null(join(*joined[start : start + size])) for start in range(0, len(joined), size)
            ]
        return join(*joined)

    def _height(self, found: Sequence[Found], node: Node) -> int:
        """Return the height of a node's condition. Raises QueryError if it is too high to be compiled."""
        layers, left = min(1, len(found) - 1), len(found)
        while left > self._group_size:
            layers, left = layers + 1, -(-left // self._group_size)
        is_absorbing = isinstance(node, All) and layers == 1
        height = max(one.height - (is_absorbing and one.is_all) for one in found) + layers
        if height > HIGHEST:
            raise error_at(_position(node), "too many terms inside too many parentheses; use fewer")
        return height

    # Songs and saved queries.

    def _song(self, name: str) -> Condition:
        """Return whether a clip is selected by the song of that name, with the defaults of songs."""
        name = nfc(name)
        saved = self._named("song", name, self._context.songs(), "`thresher song list` shows all {}")
        found = self._parsed_within("song", name, saved.text)
        selected = edited(found, saved.edits)
        added = saved.edits.added
        condition = with_defaults(selected, song=True, rule=saved.rule, added=added).condition
        is_and = saved.edits == Edits() and found.by_id is None
        height = found.height + (1 - found.is_all if is_and else 2)
        self._terms.included = Found(condition, height=height, is_all=True)
        return condition

    def _query(self, name: str) -> Condition:
        """Return whether a clip is selected by a saved query, whose fields and sorts count as those of this one."""
        name = nfc(name)
        saved = self._named("query", name, self._context.queries(), "`thresher query list` shows all {}")
        found = self._parsed_within("query", name, saved.text)
        self._terms.used.update(dict.fromkeys(found.used))
        if not self._is_negated:
            self._sort += [] if found.near and found.sort[:-1] else found.sort[:-1]
            self._near = {**self._near, **found.near, **self._near}
        self._terms.included = Found(
            found.condition, found.by_id, found.names_clips, height=found.height, is_all=found.is_all
        )
        return found.condition

    def _named(self, kind: str, name: str, known: Mapping[str, SavedQuery], listing: str) -> SavedQuery:
        if (kind, name) in self._within:
            chain = [*self._within[self._within.index((kind, name)) :], (kind, name)]
            names = [each for _, each in chain]
            raise UnfitError(f'the {_noun(kind)} "{name}" selects from itself: {" → ".join(names)}')
        if len(self._within) == MOST_SONGS:
            raise UnfitError(
                f"more than {MOST_SONGS} songs or saved queries select from one another: "
                f"{self._within[0][1]} → …"
            )
        if name not in known:
            name = next((each for each in known if nfc(each) == nfc(name)), name)
        if name not in known:
            near = did_you_mean([f'"{each}"' for each in close_names(name, known)])
            shown = listing.format(len(known))
            raise NotFoundError(f'no {_noun(kind)} named "{name}"; {f"{near}({shown})" if near else shown}')
        return known[name]

    def _parsed_within(self, kind: str, name: str, text: str) -> Query:
        parser = _Parser(self._context, self._budget, (*self._within, (kind, name)))
        try:
            return parser.parse(text)
        except QueryError as error:
            raise UnfitError(f'{_noun(kind)} "{name}": {error}') from error

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
            self._sort += keys
            return None
        found = self._terms.term(word)
        self._budget.words += found.is_word
        if self._budget.words > MOST_WORDS:
            message = f"too many terms: more than {MOST_WORDS:,} words; use fewer, or join them by `or`"
            raise error_at(word.position, message)
        self._parts.append(Part(word.text, found.condition, self._is_negated))
        return found


def _id_number(text: str) -> int:
    number = int(text) if len(text.lstrip("0")) <= len(str(LARGEST_INTEGER)) else -1
    return number if number <= LARGEST_INTEGER else -1


def _is_id(node: Node) -> TypeGuard[Leaf]:
    return isinstance(node, Leaf) and is_id(node.word)


def _ids_with_others(ids: Sequence[Word]) -> str:
    listed = " ".join(word.text for word in ids[:5]) + (" …" if len(ids) > 5 else "")
    if len(ids) == 1:
        return f"clip {listed} is selected and excluded at once; to exclude several clips, write not (1 2)"
    return f"no clip has two ids; to select clips of these that match the other terms, write ({listed})"


def _position(node: Node) -> int:
    while isinstance(node, Not):
        node = node.node
    if isinstance(node, Leaf):
        return node.word.position
    return _position(node.nodes[0]) if node.nodes else 0


def _noun(kind: str) -> str:
    return "song" if kind == "song" else "saved query"
