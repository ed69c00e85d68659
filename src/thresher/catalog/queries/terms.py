"""Evaluate single terms of a query: `field:value`, comparisons, ids, bare words and sorts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_

from thresher.catalog.queries.context import Context
from thresher.catalog.queries.field_kinds import Condition, Field, Match, Scope
from thresher.catalog.queries.fields import FIELDS, find_field
from thresher.catalog.queries.mistakes import (
    bare_word_mistake,
    close_fields,
    sort_mistake,
    value_hint,
    value_mistake,
)
from thresher.catalog.queries.special_fields import bare_word
from thresher.catalog.queries.text import ESCAPED, OPERATOR, PLAIN, QUOTED, Word, error_at
from thresher.catalog.text.values import UnfitError
from thresher.formatting import unknown
from thresher.signal.metrics.registry import METRICS

LONGEST_TERM = 10_000  # characters; SQLite refuses patterns that are much longer

_NAME = re.compile(r"[^\W\d]\w*(?:@\w+)?")
_COMPARED_KINDS = ("number", "duration", "date", "attribute")


@dataclass(frozen=True)
class Found:
    """What a part of the tree selects: its condition, the part of it that names ids, and whether all of it names
    clips by id or path. `is_word` says that it is one bare word. `height` counts the layers of joined conditions in
    it; the topmost of them `is_all` if it is an AND, which is part of an AND around it."""

    condition: Condition
    by_id: Condition | None = None
    names_clips: bool = False
    is_word: bool = False
    height: int = 1
    is_all: bool = False


class TermReader:
    """Evaluates the terms of one query and notes in `used` which fields it names, in order.

    A song or saved query that a term names is parsed by a callback of `scope`, which puts what it selects into
    `included`.
    """

    def __init__(self, context: Context, scope: Scope) -> None:
        self._context = context
        self._scope = scope
        self.used: dict[str, None] = {}
        self.included: Found | None = None

    def sort_field(self, word: Word) -> Field | None:
        """Return the field that a term sorts by; None if it is not a sort."""
        if len(word.text) < 2 or word.text[-1] not in "+-" or word.marks[-1] != PLAIN:
            return None
        name = word.part(0, len(word.text) - 1)
        if not (_NAME.fullmatch(name.shape) or name.is_quoted):
            return None
        return self._find(name.text, word.position)

    def sort_keys(self, word: Word) -> list[ColumnElement[Any]] | None:
        """Return the sort keys of a term; None if it is not a sort."""
        found = self.sort_field(word)
        if found is None:
            return None
        if found.keys is None:
            raise error_at(word.position, f'"{found.name}" cannot be sorted by; give another field')
        self.use(found.name)
        return [
            (key.asc() if word.text[-1] == "+" else key.desc()).nulls_last()
            for key in found.keys(self._scope)
        ]

    def term(self, word: Word) -> Found:
        """Return what a term selects. Raises QueryError for a mistake in it."""
        if len(word.text) > LONGEST_TERM:
            raise error_at(
                word.position,
                f"the term has {len(word.text):,} characters; at most {LONGEST_TERM:,} are allowed",
            )
        if not word.text:
            raise error_at(word.position, "the term is empty (expected a word or field:value)")
        text = readable(word.text, word.position)
        if is_id(word):
            return self._test(FIELDS["id"], Match(":", text), word.position)
        split = self._split(word)
        if split is not None:
            field, operator, value = split
            return self._field_term(field, operator, value)
        find = self._finder(word.position)
        mistake = bare_word_mistake(word, find) or sort_mistake(word, self._close)
        if mistake is not None:
            near = self._close(word.text[:-1], word.text[-1]) if word.shape.endswith(("+", "-")) else []
            hint = f"; {did_you_mean(near).strip()}" if near else ""
            raise error_at(word.position, f"{mistake}{hint}")
        return Found(bare_word(text, self._scope), is_word=True)

    def bare_text(self, word: Word) -> str | None:
        """Return the text that a bare word searches for; None for other terms and for a word with a slash."""
        if not word.text or "/" in word.text or len(word.text) > LONGEST_TERM or is_id(word):
            return None
        if self.sort_field(word) is not None or self._split(word) is not None:
            return None
        is_mistake = bare_word_mistake(word, self._finder(word.position)) is not None
        return None if is_mistake else readable(word.text, word.position)

    def field_of(self, word: Word) -> Field | None:
        """Return the field of a term; None for an id, a sort or a bare word."""
        split = None if is_id(word) or not word.text else self._split(word)
        return None if split is None else split[0]

    def _split(self, word: Word) -> tuple[Field, str, Word] | None:
        """Return the field, the operator and the value of a term; None for a bare word."""
        match = OPERATOR.search(word.shape)
        if match is None and word.is_quoted and QUOTED in word.marks:
            # A term that is in quotes as a whole, such as 'note:two words'.
            match = re.search(r"::|:=|:", word.text)
            is_name = match is not None and _NAME.fullmatch(word.text[: match.start()])
            if match is None or not is_name or word.marks[match.start()] == ESCAPED:
                return None
        if match is None or match.start() == 0:
            return None
        name = word.part(0, match.start())
        found = self._field(name)
        return None if found is None else (found, match[0], word.part(match.end()))

    def _field(self, name: Word) -> Field | None:
        """Return the field of a name before an operator; None if the term is a bare word such as 17:19:52."""
        found = self._find(name.text, name.position)
        if found is not None:
            return found
        is_name = name.is_quoted or _NAME.fullmatch(name.shape) is not None
        has_digits = any(character.isdigit() for character in name.text)
        if not is_name or (has_digits and not self._close(name.text)):
            return None
        return self.known_field(name)

    def known_field(self, name: Word) -> Field:
        """Return the field of a name. Raises QueryError, which names similar ones, if there is none."""
        found = self._find(name.text, name.position)
        if found is not None:
            return found
        near = self._close(name.text)
        base, at, metric_name = name.text.partition("@")
        if at and base in ("score", "near"):
            raise error_at(name.position + len(base) + 1, unknown("metric", metric_name, METRICS))
        raise error_at(
            name.position,
            f'unknown field "{name.text}"; {did_you_mean(near)}`thresher fields` lists all fields',
        )

    def _field_term(self, field: Field, operator: str, value: Word) -> Found:
        mistake = value_mistake(field, operator, value, self._finder(value.position))
        if mistake is not None:
            raise error_at(value.position, f"{field.name}: {mistake}")
        text = readable(value.text, value.position)
        if operator == "!=":
            is_text = field.kind in ("text", "choice", "path", "attribute")
            found = self._test(field, Match(":=" if is_text else ":", text), value.position)
            return Found(~found.condition)
        if operator[0] not in "<>":
            return self._test(field, Match(operator, text), value.position)
        if field.kind not in _COMPARED_KINDS:
            raise error_at(
                value.position - len(operator),
                f"{field.name}: {operator} compares numbers, lengths and dates; write {field.name}:{text}",
            )
        if not text or ".." in text or (not text[0].isalnum() and text[0] not in "+-."):
            raise error_at(
                value.position, f'{field.name}: expected one value after {operator}, such as 4, not "{text}"'
            )
        if field.kind == "attribute":
            self._check_number(field, text, value.position)
        else:
            self._test(field, Match(":", text), value.position)  # an error shows the value as it was written
        text = re.sub(r"^([+-]?)(?=\.)", r"\g<1>0", text).rstrip(".")  # a dot next to those of a range
        end = f"{text}.." if operator[0] == ">" else f"..{text}"
        found = self._test(field, Match(":", end), value.position)
        if operator.endswith("="):
            return found
        same = self._test(field, Match(":", f"{text}..{text}"), value.position)
        return Found(and_(found.condition, ~same.condition))

    def _check_number(self, field: Field, text: str, position: int) -> None:
        if re.fullmatch(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?", text) is None:
            raise error_at(position, f'{field.name}: "{text}" is not a number')

    def _test(self, field: Field, match: Match, position: int) -> Found:
        self.use(field.name)
        self.included = None
        try:
            condition = field.test(match, self._scope)
        except UnfitError as error:
            hint = value_hint(field.name, match.value) if match.operator != "::" else ""
            hint = "" if "did you mean" in str(error) or field.kind not in _COMPARED_KINDS else hint
            raise error_at(position, f"{field.name}: {error}{hint}") from None
        if self.included is not None:
            return self.included
        is_id = field.name == "id" and match.operator != "::"
        is_single = is_id and ".." not in match.value
        is_path = field.name == "path" and match.operator != "::"
        return Found(condition, condition if is_id else None, is_single or is_path)

    def use(self, name: str) -> None:
        """Note that the query names a field."""
        self.used[name] = None

    def _find(self, name: str, position: int) -> Field | None:
        try:
            return find_field(name, self._context.attribute_keys)
        except UnfitError as error:
            raise error_at(position, str(error)) from None

    def _finder(self, position: int) -> Callable[[str], Field | None]:
        return lambda name: self._find(name, position)

    def _close(self, name: str, end: str = "") -> list[str]:
        known = [*FIELDS, *self._context.attribute_keys()]
        return [f"{each}{end}" for each in close_fields(name, lambda: known)]


def is_id(word: Word) -> bool:
    """Return whether a term selects a clip by its id: digits that are not in quotes."""
    return word.text.isascii() and word.text.isdigit() and not word.is_quoted


def did_you_mean(near: Sequence[str]) -> str:
    """Return a question that names similar names, and a blank; empty if there are none."""
    return f"did you mean {' or '.join(near)}? " if near else ""


def readable(text: str, position: int) -> str:
    """Return `text` with bytes that are not UTF-8 escaped as in the text of stored paths."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError as error:
        raise error_at(position + error.start, "half of a surrogate pair, which is not text") from None
