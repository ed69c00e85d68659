"""Queries, by the grammar and as any text, on a small catalog whose every field has clips.

Whatever is typed is a query, or an error that shows where the mistake is, in bounded time. NOT is the complement,
AND the intersection, OR the union: one SQL statement counts the clips for which that does not hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import and_, func, null, or_, select
from sqlalchemy import case as sql_case

from tests.catalog.query_sample import ALL, ATTRIBUTES, PASTED, SONGS, TAGS, query_sample
from tests.fuzz.target import Target, promise
from thresher.catalog.database.schema import STATUSES, clip
from thresher.catalog.queries.field_kinds import Condition
from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.queries.query import Query, Terms, normalise, parse, select_clips, with_defaults
from thresher.catalog.queries.text import LONGEST_QUERY
from thresher.catalog.recordings.clip_source import SOURCE
from thresher.errors import NotFoundError, QueryError, UsageError

NAMES = (*FIELDS, *sorted({key for _, key, _, _ in ATTRIBUTES}))
OPERATORS = (":", ":", ":", ":=", "::", ">=", "<=", "!=", ">", "<", "=", ": ", ":::", "=:")
WORDS = (
    *(
        "riff",
        "slow",
        "skeletal",
        "Great",
        "é",
        "e\N{COMBINING ACUTE ACCENT}",
        "100%",
        "noise_floor",
        "\\",
        "*",
    ),
    *(
        "two words",
        "it's",
        "or",
        "AND",
        "not",
        "yes",
        "no",
        "last",
        "best",
        PASTED,
        "out/",
        "/data",
        "~",
        ".",
    ),
    *(name for name, _ in SONGS),
    *(tag for _, tag in TAGS),
    *STATUSES,
)
NUMBERS = (
    *(
        "0",
        "1",
        "4",
        "9",
        "80",
        "120",
        "-1",
        "+4",
        "1.5",
        ".5",
        "4.",
        "1e3",
        "1e-400",
        "1e400",
        "1E99999",
        "nan",
    ),
    *(
        "inf",
        "0x10",
        "1_000",
        "９",
        "٣",
        "1,5",
        "9" * 19,
        "9" * 400,
        str(2**63),
        str(-(2**63) - 1),
        "120k",
        "1.5M",
    ),
    *("0:30", "1:00:00", "1:99", "5m", "3s", "-1w", "-3h", "+2d", "-999999y", "-12m", "2026", "2026-11"),
    *("2026-11-22", "2026-13-45", "2026-11-22T15:30", "9999", "0000", "2026-11-22 12:00:61"),
)
EXPRESSIONS = (
    "^out",
    "b$",
    "[a-z]+",
    "(a+)+$",
    "(",
    "a{2,1}",
    "(?i)RIFF",
    "\\",
    "(?P<x>a)(?P=x)",
    "[",
    "a{99999}",
    "",
)
CHARACTERS = (
    " \t\n'\"\\()^,:=<>!+-.*?[]{}|&;$~/%_#@0123456789abcdeENOTnotandor",
    "äÄßﬀİıſK"
    "\N{COMBINING ACUTE ACCENT}\u200d\u200f\u202e\ufeff\u2028\u0085\xa0魚🦈\U0010ffff\0\x1b\x7f\x9b\ud800\udfff",
)


@dataclass(frozen=True)
class QueryCase:
    """Two queries. Arguments are a tuple of words, other queries are one text."""

    one: Terms
    other: Terms
    are_grouped: bool
    """Whether both may be put in parentheses, because they come from the grammar."""


class Queries(Target):
    """Queries, by the grammar and as any text."""

    name = "queries"
    count = 50_000  # two queries each
    seconds = 10.0

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder, shared)
        self._stack = ExitStack()
        _, self.connection, context = self._stack.enter_context(query_sample(folder))
        self.context = replace(context, near=_near)

    def make(self, chance: random.Random) -> QueryCase:
        """Return two queries of the same kind."""
        make = chance.choices((_query, _damaged, _arguments, _any_text, _long), (50, 20, 10, 19, 1))[0]
        return QueryCase(make(chance), make(chance), make is _query)

    def check(self, case: QueryCase) -> None:
        """Run both queries, and compare them with their combinations."""
        one, other = self._checked(case.one), self._checked(case.other)
        if case.are_grouped and one is not None and other is not None:
            self._check_laws(case, one, other)

    def store(self, case: QueryCase, folder: Path) -> None:
        """Write both queries as Python text."""
        (folder / "queries.txt").write_text(f"{case.one!a}\n{case.other!a}\n")

    def _checked(self, terms: Terms) -> Query | None:
        """Parse a query and run it; None if it is refused."""
        try:
            query = parse(terms, self.context)
        except QueryError as error:
            length = len(terms) if isinstance(terms, str) else len(" ".join(terms))
            promise(0 <= error.position <= length, f"position {error.position} of {terms!a}")
            _check_message(error)
            return None
        except NotFoundError as error:
            _check_message(error)
            return None
        try:
            found = self._ids(query)
        except UsageError as error:  # what is too deeply nested or takes too long for the database
            _check_message(error)
            return None
        promise(set(found) <= set(ALL) and len(found) == len(set(found)), f"{terms!a} finds {found}")
        shown = self._ids(with_defaults(query, song=False))
        assert set(shown) <= set(found), f"{shown} of {found}"
        return query

    def _ids(self, query: Query) -> list[int]:
        return list(self.connection.scalars(select_clips(query, clip.c.id)))

    def _check_laws(self, case: QueryCase, one: Query, other: Query) -> None:
        """Count the clips for which a law does not hold, in one statement."""
        laws = {
            f"^({case.one})": ~one.condition,
            f"not ({case.other})": ~other.condition,
            f"({case.one}) ({case.other})": and_(one.condition, other.condition),
            f"({case.one}) , ({case.other})": or_(one.condition, other.condition),
            f"({case.one}) or ^({case.other})": or_(one.condition, ~other.condition),
        }
        counts: list[Any] = []
        for text, expected in laws.items():
            try:
                combined = parse(text, self.context)
            except QueryError as error:
                # An id is not combined with other terms, and a sort is not negated. A parenthesis without its
                # counterpart is text where a value ends, and closes or opens something among parentheses.
                words = ["id", "sort", "deep", "parentheses", "expected a term"]
                if text.count("(") != text.count(")"):
                    words.append("parenthesis")
                may = any(word in str(error) for word in words)
                promise(may, f"{text!a}: {error}")
                counts.append(func.count(null()))
                continue
            is_broken = _as_number(combined.condition).is_distinct_from(_as_number(expected))
            counts.append(func.count(sql_case((is_broken, 1))))
        broken = self.connection.execute(select(*counts).select_from(SOURCE)).one()
        for (text, _), count in zip(laws.items(), broken, strict=True):
            assert count == 0, f"{text!a} is wrong for {count} clips"


def _as_number(condition: Condition) -> Any:
    """Return 1, 0, or 2 for NULL, which no condition may be."""
    return sql_case((condition, 1), (~condition, 0), else_=2)


def _near(clip_id: int, _metric: str) -> Sequence[tuple[int, float]]:
    return [(other, 1 - other / 10) for other in ALL if other != clip_id]


def _check_message(error: Exception) -> None:
    message = str(error)
    promise(message and "unexpected" not in message, message)
    assert len(message) < 2 * LONGEST_QUERY, f"{len(message)} characters"


# Queries by the grammar.


def _value(chance: random.Random) -> str:
    def number() -> str:
        return chance.choice(NUMBERS)

    kinds: tuple[tuple[Callable[[], str], int], ...] = (
        (number, 4),
        (lambda: f"{number()}..{number()}", 4),
        (lambda: f"{number()}..", 2),
        (lambda: f"..{number()}", 2),
        (lambda: chance.choice(WORDS), 6),
        (lambda: chance.choice(EXPRESSIONS), 3),
        (lambda: "", 1),
        (lambda: "..", 1),
        (lambda: _text(chance, 6), 1),
    )
    value = chance.choices([make for make, _ in kinds], [weight for _, weight in kinds])[0]()
    return f"'{value}'" if " " in value or chance.random() < 0.05 else value


def _term(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.1:
        term = chance.choice(WORDS)
        return f"'{term}'" if " " in term or term.lower() in ("or", "and", "not") else term
    if kind < 0.17:
        return str(chance.randrange(12))
    if kind < 0.22:
        return chance.choice(NAMES) + chance.choice("+-")
    name = chance.choice(NAMES)
    return name + chance.choice(OPERATORS[:8]) + _value(chance)


def _query(chance: random.Random, depth: int = 0) -> str:
    """Return a query of the grammar."""
    parts = []
    for place in range(chance.choice((1, 1, 2, 2, 3))):
        if place:
            parts.append(chance.choice((" ", " ", " , ", " or ", " and ", " OR ", ", ")))
        parts.append(chance.choice(("", "", "", "^", "not ", "^^")))
        is_group = depth < 3 and chance.random() < 0.15
        parts.append(f"({_query(chance, depth + 1)})" if is_group else _term(chance))
    return "".join(parts)


def _damaged(chance: random.Random) -> str:
    """Return a query with a few characters exchanged, left out or put in."""
    text = list(_query(chance))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text) + 1)
        text[at : at + chance.randrange(2)] = chance.choice(("", _text(chance, 2), chance.choice(OPERATORS)))
    return "".join(text)


def _arguments(chance: random.Random) -> Terms:
    """Return a query as the arguments of a command."""
    makers = (
        _term,
        _value,
        lambda chance: chance.choice(("or", "(", ")", "^", ",")),
        lambda chance: _text(chance, 8),
    )
    return normalise(
        tuple(chance.choices(makers, (6, 2, 2, 1))[0](chance) for _ in range(chance.randrange(1, 6)))
    )


def _any_text(chance: random.Random) -> str:
    return _text(chance, 30)


def _text(chance: random.Random, longest: int) -> str:
    size = chance.randrange(longest + 1)
    return "".join(
        chr(chance.randrange(0x110000))
        if chance.random() < 0.05
        else chance.choice(chance.choice(CHARACTERS))
        for _ in range(size)
    )


def _long(chance: random.Random) -> str:
    """Return a long or deep query."""
    times = chance.choice((200, 2_000, 20_000))
    term = _term(chance)
    return chance.choice(
        (
            "^" * times + term,
            "not " * times + term,
            "(" * times + term + ")" * times,
            "^(" * times + term + ")" * times,
            " ".join([term] * times),
            " , ".join([term] * times),
            " or ".join(str(n) for n in range(times)),
            " ".join(f"{chance.choice(NAMES)}+" for _ in range(times)),
            f"{chance.choice(NAMES)}:{chance.choice(NUMBERS) * times}",
            f"{chance.choice(NAMES)}::{'(a' * times}",
            f"note::{'a?' * times}{'a' * times}",
            "'" * times,
            "\\" * times + term,
            _text(chance, times),
        )
    )
