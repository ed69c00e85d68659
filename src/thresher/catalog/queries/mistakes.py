"""Recognise terms that are probably mistakes, and say what was probably meant.

A mistake in a query can select far more clips than intended, above all after NOT. A term that is meant literally
can be written in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from thresher.catalog.provenance.name_suggestions import WORDS
from thresher.catalog.queries.field_kinds import Field
from thresher.catalog.queries.fields import close_names
from thresher.catalog.queries.text import LITERAL, Word

Find = Callable[[str], Field | None]
"""Returns the field of a name, None if there is none."""

LONGEST_COMPARED = 200  # characters; longer texts are not compared with the names of fields
_TYPES_WITH_TEXT = ("text", "path", "tag", "choice", "attribute")
_NAME = r"[^\W\d]\w*(?:@\w+)?"
_OPERATORS = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "-": "not"}
_SIGNS = {"≥": ">=", "≤": "<=", "≠": "!=", "：": ":", "＝": ":", "＞": ">", "＜": "<"}
_QUOTES = "“”„‟«»‘‚"
_NOTHING = ("none", "null", "nil", "nan", "empty", "unset", "missing")
_LITERALLY = "(to search for this text, write it in quotes that the shell keeps: {})"


def bare_word_mistake(word: Word, find: Find) -> str | None:
    """Return what is wrong with a word that is not `field:value`; None if it may be searched for."""
    if word.is_quoted:
        return None
    text, shape = word.text, word.shape
    if len(text) > LONGEST_COMPARED:
        return None
    meant = (
        _sign_meant(shape, text, find)
        or _operator_meant(shape, text)
        or _field_meant(shape, text, find)
        or _value_meant(shape, text)
    )
    return None if meant is None else f"{meant} {_LITERALLY.format(in_quotes(text))}"


def sort_mistake(word: Word, close: Callable[[str, str], Sequence[str]]) -> str | None:
    """Return what is wrong with a word that ends with `+`, if its name is `close` to the name of a field.

    Other words that end so, such as `C++`, are searched for.
    """
    if word.is_quoted or len(word.text) > LONGEST_COMPARED or re.fullmatch(rf"{_NAME}\+", word.shape) is None:
        return None
    if not close(word.text[:-1], "+"):
        return None
    return f"{_not_a_sort(word.text)} {_LITERALLY.format(in_quotes(word.text))}"


def value_mistake(field: Field, operator: str, value: Word, find: Find) -> str | None:
    """Return what is wrong with the value of a field, apart from what the field itself refuses."""
    shape = value.shape
    joined = LITERAL in value.marks and _inner_term(value.text, find)
    if joined:
        return (
            f'"{value.text}" contains a blank and "{joined}", which is a term of its own; write the whole query as '
            "one argument, each term as an argument, or this value in quotes"
        )
    if operator in ("::", ":="):
        return None
    for match in re.finditer(rf",(\^?)({_NAME})(?=:|[<>])", shape):
        if find(match[2]) is not None:
            first = f"{field.name}{operator}{value.text[: match.start()]}"
            rest = value.text[match.start() + 1 :]
            return f'a comma without blanks is part of the value; did you mean "{first} , {rest}"?'
    if shape[:1] and shape[0] in _QUOTES:
        return _quote_meant(value.text)
    if field.kind == "tag" and "," in shape:
        each = " , ".join(f"{field.name}:{part.strip()}" for part in value.text.split(",") if part.strip())
        return f'no tag contains a comma; did you mean "{each}"?'
    if field.kind in _TYPES_WITH_TEXT and ("*" in shape or _has_placeholder(shape)):
        return f"{_no_wildcards(value.text, field)}; to search for the sign, write the value in quotes"
    return None


def value_hint(name: str, value: str) -> str:
    """Return a suggestion for a value that a number, length or date field refused; empty if nothing fits."""
    if (match := re.fullmatch(r"([<>]=?|=)(.+)", value)) is not None:
        meant = f"{name}:{match[2]}" if match[1] == "=" else f'"{name}{match[1]}{match[2]}"'
        return f"; did you mean {meant}?"
    if "," in value:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if parts and all(len(part) <= LONGEST_COMPARED for part in parts[:20]):
            each = " , ".join(f"{name}:{part}" for part in parts[:20])
            return f'; did you mean "{each}"?'
    if value.casefold() in _NOTHING:
        return f"; clips without one are found by {'rated:no' if name == 'rating' else f'^{name}:..'}"
    if (match := re.fullmatch(r"([0-9][0-9.:]*)[-–—−…]([0-9][0-9.:]*)", value)) is not None:
        return f"; did you mean {name}:{match[1]}..{match[2]}?"
    if (match := re.fullmatch(r"([0-9][0-9.:]*)([+-])", value)) is not None:
        meant = f"{match[1]}.." if match[2] == "+" else f"..{match[1]}"
        return f"; did you mean {name}:{meant}?"
    return "" if value else f"; write the value directly after {name}:, without a blank"


def close_fields(name: str, known: Callable[[], list[str]]) -> list[str]:
    """Return the names of fields that resemble a name, the most similar first."""
    if len(name) > LONGEST_COMPARED:
        return []
    by_folded = {each.casefold(): each for each in known()}
    near = [by_folded[match] for match in close_names(name.casefold(), by_folded)]
    meant = by_folded.get(WORDS.get(name.casefold(), ""))
    return near if meant is None else list(dict.fromkeys([meant, *near]))[:3]


def in_quotes(text: str) -> str:
    """Return a text as it is written literally in a query, quoted for a shell."""
    return f"\"'{text}'\"" if '"' in text else f"'\"{text}\"'"


def _sign_meant(shape: str, text: str, find: Find) -> str | None:
    """Return what a sign means that keyboards and editors make of an operator or a quote."""
    match = re.match(rf"({_NAME})([{''.join(_SIGNS)}])", shape)
    if match is not None and (field := find(match[1])) is not None:
        term = f"{field.name}{_SIGNS[match[2]]}{text[match.end() :]}"
        return f'"{match[2]}" is not an operator; did you mean "{term}"?'
    return _quote_meant(text) if shape[0] in _QUOTES else None


def _quote_meant(text: str) -> str:
    return f'"{text}" begins with a typographic quote; write \' or " instead'


def _operator_meant(shape: str, text: str) -> str | None:
    if shape in _OPERATORS:
        return f'"{text}" is not an operator; write `{_OPERATORS[shape]}`'
    if shape[0] in "!-" and len(shape) > 1:
        return f'"{text}" is not a negation; did you mean "^{text[1:]}"?'
    if shape.endswith(("&&", "||")) or shape.startswith(("&", "|")):
        return f'"{text}" contains no operator that queries have; write `and` or `or` with blanks around it'
    if shape[0] == "#" and len(shape) > 1:
        return f'"{text}" is not a term; did you mean tag:{text[1:]}?'
    if shape[0] == ",":
        return f'"{text}" starts with a comma; put a blank after a comma that means OR'
    if shape.count(")") != shape.count("("):
        return f'"{text}" contains a parenthesis without its counterpart'
    return None


def _field_meant(shape: str, text: str, find: Find) -> str | None:
    match = re.fullmatch(rf"({_NAME})(=[<>]|==?)([^=]*)", shape)
    if match is not None and (field := find(match[1])) is not None:
        operator = {"=>": ">=", "=<": "<="}.get(match[2], ":")
        return f'"{text}" is not a term; did you mean {field.name}{operator}{text[match.start(3) :]}?'
    for match in re.finditer(rf",(\^?)({_NAME})(?=:|[<>])", shape):
        if find(match[2]) is not None:
            return f'"{text}" has a comma without blanks; did you mean "{text.replace(",", " , ")}"?'
    if re.fullmatch(_NAME, shape) and (field := find(text)) is not None:
        return (
            f'"{text}" is the name of a field and needs a value, as in {_example(field)}; a shell takes < and > '
            "as redirections unless the term is in quotes"
        )
    if shape.endswith("-") and shape.strip("-"):
        return _not_a_sort(text)
    return None


def _not_a_sort(text: str) -> str:
    return f'"{text}" is not a sort, because "{text.rstrip("+-")}" is not a field'


def _value_meant(shape: str, text: str) -> str | None:
    if re.fullmatch(r"[+-]?[0-9][0-9.:]*\.\.[+-]?[0-9.:]*|\.\.[+-]?[0-9][0-9.:]*", shape):
        return f'"{text}" is a range without a field; did you mean id:{text} or rating:{text}?'
    if re.fullmatch(r"[0-9]+(,[0-9]+)+,?", shape):
        ids = [part for part in text.split(",") if part]
        return f'"{text}" is not an id; did you mean {" ".join(ids)}?'
    if "*" in shape or _has_placeholder(shape):
        return _no_wildcards(text, None)
    return None


def _has_placeholder(shape: str) -> bool:
    return "?" in shape.rstrip("?")


def _no_wildcards(text: str, field: Field | None) -> str:
    plain = [part for part in re.split(r"[*?]+", text) if part]
    longest = max(plain, key=len, default="")
    if field is not None:
        regex = re.sub(r"(\\\*)+", ".*", re.escape(text)).replace(r"\?", ".")
        meant = f"{field.name}::{regex}" if field.kind in ("path", "tag") else f"{field.name}:{longest}"
    else:
        meant = longest if longest else "path:."
    return f'queries have no wildcards such as * ("{text}"); did you mean {meant}?'


def _inner_term(text: str, find: Find) -> str | None:
    """Return a term after a blank in the value of an argument, such as the second one of `run:a or run:b`."""
    for match in re.finditer(rf"\s([(^]*)({_NAME})(?=:\S|[<>])\S*", text[:2000]):
        if find(match[2]) is not None:
            return match[0].strip()
    return None


def _example(field: Field) -> str:
    examples = {"flag": "yes", "date": "-1w..", "duration": "..0:30", "clip": "12", "path": "runs/night"}
    if field.kind == "number":
        return f"{field.name}:4.. or '{field.name}>=4'"
    if field.kind == "attribute":
        return f"{field.name}:1.. or '{field.name}>=1'"
    return f"{field.name}:{examples.get(field.kind, 'VALUE')}"
