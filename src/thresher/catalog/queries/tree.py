"""Arrange the terms of a query in a tree.

NOT binds most tightly: `not` and `^` apply to the term or the parentheses that follow. Terms without an operator
between them, or with `and`, must all hold. `or` and `,` bind least tightly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from thresher.catalog.queries.text import PLAIN, QUOTED, Kind, Token, Word, error_at

_COMPARISON = r"(?:[<>]=?|!=|==?|=[<>])"


@dataclass(frozen=True)
class Leaf:
    """One term, without the `^` in front of it."""

    word: Word


@dataclass(frozen=True)
class Not:
    """The clips that a node does not match."""

    node: Node


@dataclass(frozen=True)
class All:
    """The clips that match every node; all clips if there is none."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Alternatives:
    """The clips that match at least one node; `separators` are the operators between the nodes."""

    nodes: tuple[All, ...]
    separators: tuple[Token, ...]


Node = Leaf | Not | All | Alternatives


def tree_of(tokens: Sequence[Token]) -> Node:
    """Arrange the tokens of a query. Raises QueryError with the position of a mistake."""
    reader = _Reader(_with_joined_comparisons(tokens))
    node = reader.alternatives()
    left = reader.next
    if left is not None:
        raise error_at(
            left.position, 'no parenthesis is open here; to search for ")", write the word in quotes'
        )
    return node


def _with_joined_comparisons(tokens: Sequence[Token]) -> list[Token]:
    """Join `rating >= 4` to one term."""
    joined: list[Token] = []
    for token in tokens:
        last = joined[-1] if joined else None
        if (
            last is not None
            and token.kind is last.kind is Kind.TERM
            and (
                (
                    re.fullmatch(_COMPARISON + r"[^<>=]*", token.word.shape)
                    and re.fullmatch(r"\^*[\w@\0]+", last.word.shape)
                )
                or (
                    re.fullmatch(r"\^*[\w@\0]+" + _COMPARISON, last.word.shape)
                    and re.match(r"[^<>=:]", token.word.text)
                )
            )
        ):
            first, second = last.word, token.word
            joined[-1] = replace(
                last, word=Word(first.text + second.text, first.marks + second.marks, first.position)
            )
        else:
            joined.append(token)
    return joined


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def next(self) -> Token | None:
        """The next token; None at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def alternatives(self) -> Node:
        """Read alternatives up to the end or to a closing parenthesis."""
        nodes: list[All] = []
        separators: list[Token] = []
        while True:
            node = self._all()
            token = self.next
            is_separator = token is not None and token.kind is Kind.OR
            if not node.nodes and (separators or is_separator):
                at = token if is_separator and token is not None else separators[-1]
                raise missing_term(at, "before" if is_separator else "after")
            nodes.append(node)
            if token is None or not is_separator:
                break
            separators.append(token)
            self._at += 1
        return nodes[0] if len(nodes) == 1 else Alternatives(tuple(nodes), tuple(separators))

    def _all(self) -> All:
        nodes: list[Node] = []
        while (token := self.next) is not None and token.kind not in (Kind.OR, Kind.CLOSE):
            if token.kind is Kind.AND:
                self._at += 1
                if not nodes:
                    raise missing_term(token, "before")
                if self.next is None or self.next.kind not in (Kind.TERM, Kind.NOT, Kind.OPEN):
                    raise missing_term(token, "after")
            nodes.append(self._one())
        return All(tuple(nodes))

    def _one(self) -> Node:
        """Read a term or a group in parentheses, with the negations in front of it."""
        negations: list[Token] = []
        while (token := self.next) is not None and token.kind is Kind.NOT:
            negations.append(token)
            self._at += 1
        if token is None or token.kind not in (Kind.TERM, Kind.OPEN):
            raise missing_term(negations[-1], "after")
        self._at += 1
        node: Node
        is_odd = len(negations) % 2 == 1
        if token.kind is Kind.OPEN:
            node = self._group(token)
        else:
            node, carets = _without_carets(token.word)
            is_odd ^= carets % 2 == 1
        return Not(node) if is_odd else node

    def _group(self, token: Token) -> Node:
        node = self.alternatives()
        if self.next is None or self.next.kind is not Kind.CLOSE:
            raise error_at(
                token.position,
                "the parenthesis is not closed; to search for a text with a parenthesis, write it in quotes",
            )
        if isinstance(node, All) and not node.nodes:
            raise error_at(token.position, "the parentheses are empty (expected a term in them)")
        self._at += 1
        return node


def _without_carets(word: Word) -> tuple[Leaf, int]:
    carets = 0
    while carets < len(word.text) and word.text[carets] == "^" and word.marks[carets] in (PLAIN, QUOTED):
        carets += 1
    return Leaf(word.part(carets)), carets


def missing_term(operator: Token, side: str) -> Exception:
    """Return the error for an operator without a term on one side ("before" or "after")."""
    text = operator.word.text
    means = ', which means OR; in quotes it is a word, as in "or"' if text.lower() == "or" else ""
    if text == ",":
        return error_at(operator.position, f"expected a term {side} the comma, which means OR")
    return error_at(operator.position, f"expected a term {side} `{text}`{means}")


def position_of(node: Node) -> int:
    """Return where the first term of a node stands in the query."""
    while isinstance(node, Not):
        node = node.node
    if isinstance(node, Leaf):
        return node.word.position
    return position_of(node.nodes[0]) if node.nodes else 0
