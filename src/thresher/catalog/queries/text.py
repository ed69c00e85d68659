"""Split the text of a query into words and operators, and write words as text.

A query is given as text, or as the arguments of a command. Text is split by the rules of a shell: blanks separate
words, quotes and backslashes make characters ordinary. Of several arguments, each is one word, in which a blank is
an ordinary character; quotes count around a whole word, a field's name or its value. Ordinary characters are never
operators. Positions count characters from 0, in arguments joined by one blank.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from thresher.errors import QueryError

Terms = str | Sequence[str]
"""A query as text, or as arguments."""

LONGEST_QUERY = 1_000_000  # characters
MOST_PARENTHESES = 20
"""How deep parentheses, songs and saved queries may be nested: SQLite refuses deeply nested expressions."""

BLANKS = " \t\r\n"
_KEYWORDS = ("and", "or", "not")
# Marks of characters: plain, in quotes, after a backslash, or ordinary because they are inside an argument.
PLAIN, QUOTED, ESCAPED, LITERAL = " ", "q", "e", "a"
_HIDDEN = "\0"
_ORDINARY_IN_ARGUMENTS = re.compile(r"""[\s'"\\]""")

OPERATOR = re.compile(r"::|:=|:|>=|<=|!=|>|<")
"""What may stand between a field and its value."""
_OPENING = re.compile(r"\^*\(")
_KEYWORD_BEFORE_OPENING = re.compile(r"(?:and|or|not)(?=\^*\()", re.IGNORECASE)
_HEAD = re.compile(rf"(?:{_KEYWORD_BEFORE_OPENING.pattern})?[(^]*", re.IGNORECASE)
_QUOTED_START = re.compile(
    rf"""({_HEAD.pattern})(["'])(.*?)\2((?:[:<>]|!=).*|[+-]?[),]*)""", re.DOTALL | re.IGNORECASE
)
_QUOTED_VALUE = re.compile(r"""(["'])(.*)\1([),]*)""", re.DOTALL)


@dataclass(frozen=True)
class Word:
    """A word of a query: its text without quotes, and a mark for each character of it."""

    text: str
    marks: str
    position: int

    @property
    def shape(self) -> str:
        """The text, with NUL in place of ordinary characters, in which operators can be searched for."""
        if self.marks.count(PLAIN) == len(self.marks):
            return self.text
        return "".join(c if mark == PLAIN else _HIDDEN for c, mark in zip(self.text, self.marks, strict=True))

    @property
    def is_quoted(self) -> bool:
        """Whether the whole word is in quotes or escaped, or is empty."""
        return not self.marks.strip(QUOTED + ESCAPED)

    def part(self, start: int, end: int | None = None) -> Word:
        """Return the characters from `start` to `end`."""
        return Word(self.text[start:end], self.marks[start:end], self.position + start)


class Kind(Enum):
    """The kinds of tokens."""

    TERM = "term"
    OPEN = "("
    CLOSE = ")"
    OR = "or"
    AND = "and"
    NOT = "not"


@dataclass(frozen=True)
class Token:
    """A term or an operator of a query."""

    kind: Kind
    word: Word

    @property
    def position(self) -> int:
        """Where the token starts."""
        return self.word.position


def error_at(position: int, message: str) -> QueryError:
    """Return an error that names the position of a mistake in a query."""
    return QueryError(f"query, character {position + 1}: {message}", position)


def normalise(arguments: Terms) -> Terms:
    """Return the arguments of a command as a query. A single argument with blanks is query text.

    If it has only blanks, it is an empty term, as without any: `"$RUN $TAG"` of unset variables names no clip.
    """
    if not isinstance(arguments, str) and len(arguments) == 1 and any(b in arguments[0] for b in BLANKS):
        return arguments[0] if arguments[0].strip(BLANKS) else [""]
    return arguments


def words_of(terms: Terms) -> list[Word]:
    """Split a query into words. Raises QueryError for a quote that is not closed, and for too long a query."""
    length = len(terms) if isinstance(terms, str) else sum(len(term) + 1 for term in terms)
    if length > LONGEST_QUERY:
        raise error_at(0, f"the query has {length:,} characters; at most {LONGEST_QUERY:,} are allowed")
    if isinstance(terms, str):
        return list(_words_of_text(terms, 0))
    found: list[Word] = []
    position = 0
    for argument in terms:
        found += _words_of_argument(argument, position)
        position += len(argument) + 1
    return found


def split_text(text: str) -> list[str]:
    """Split query text into the texts of its words. Raises QueryError for a quote that is not closed."""
    return [word.text for word in words_of(text)]


def join_terms(terms: Terms) -> str:
    """Return a query as text. Words are quoted only if they need it."""
    if isinstance(terms, str):
        return terms
    return " ".join(_as_text(word) for word in words_of(terms))


def quoted_value(value: str) -> str:
    """Return a value that is taken literally when it follows `field:` in an argument."""
    return value if re.fullmatch(r"[\w./@%+=~-]+", value) else f'"{value}"'


def tokens_of(terms: Terms) -> list[Token]:
    """Split a query into terms, parentheses and operators."""
    found: list[Token] = []
    depth = 0
    for word in words_of(terms):
        for token in _tokens_of_word(word, depth):
            depth += (token.kind is Kind.OPEN) - (token.kind is Kind.CLOSE)
            if depth > MOST_PARENTHESES:
                raise error_at(token.position, f"more than {MOST_PARENTHESES} parentheses inside one another")
            found.append(token)
    return found


def _words_of_text(text: str, offset: int) -> Iterator[Word]:
    characters: list[str] = []
    marks: list[str] = []
    start, quote, quote_at = -1, "", -1
    position = 0
    while position < len(text):
        character = text[position]
        if not quote and character in BLANKS:
            if start >= 0:
                yield Word("".join(characters), "".join(marks), offset + start)
            characters, marks, start = [], [], -1
            position += 1
            continue
        start = position if start < 0 else start
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote, quote_at = character, position
        elif character == "\\" and (
            not quote or (quote == '"' and text[position + 1 : position + 2] in '"\\')
        ):
            position += 1
            if position == len(text):
                if not quote:
                    message = "nothing follows the backslash; write \\\\ for a backslash"
                    raise error_at(offset + position - 1, message)
                break
            characters.append(text[position])
            marks.append(QUOTED if quote else ESCAPED)
        else:
            characters.append(character)
            marks.append(QUOTED if quote else PLAIN)
        position += 1
    if quote:
        raise error_at(offset + quote_at, f"the quote {quote} is not closed")
    if start >= 0:
        yield Word("".join(characters), "".join(marks), offset + start)


def _words_of_argument(argument: str, position: int) -> Iterator[Word]:
    keyword = _KEYWORD_BEFORE_OPENING.match(argument)
    is_opening = argument[keyword.end() if keyword else 0 :].lstrip("^").startswith("(")
    is_group = is_opening and argument.rstrip(",").endswith(")")
    if is_group and any(blank in argument for blank in BLANKS):
        yield from _words_of_text(argument, position)
        return
    text, marks = argument, ""
    match = _QUOTED_START.fullmatch(argument)
    if match is not None:
        head, _, inside, tail = match.groups()
        text = head + inside + tail
        marks = PLAIN * len(head) + QUOTED * len(inside)
    operator = OPERATOR.search(text, len(marks))
    if operator is not None and (match := _QUOTED_VALUE.fullmatch(text, operator.end())) is not None:
        marks += _literal_marks(text[len(marks) : operator.end()]) + QUOTED * len(match[2])
        text = text[: operator.end()] + match[2] + match[3]
    yield Word(text, marks + _literal_marks(text[len(marks) :]), position)


def _literal_marks(text: str) -> str:
    return "".join(LITERAL if _ORDINARY_IN_ARGUMENTS.match(character) else PLAIN for character in text)


def _as_text(word: Word) -> str:
    """Return a word as text that splits into the same word."""
    if not word.text:
        return "''"
    if word.marks.count(PLAIN) == len(word.marks):
        return word.text
    shape = word.shape
    head = _HEAD.match(shape)
    start = head.end() if head else 0
    tail = re.search(r"[),]*\Z", shape)
    end = max(start, tail.start() if tail else len(shape))
    operator = OPERATOR.search(shape, start, end)
    cuts = [start, *(operator.span() if operator else ()), end]
    parts = [word.part(one, other) for one, other in pairwise(cuts)]
    return word.text[:start] + "".join(_quoted_if_needed(part) for part in parts) + word.text[end:]


def _quoted_if_needed(part: Word) -> str:
    if part.marks.count(PLAIN) == len(part.marks):
        return part.text
    if "'" not in part.text:
        return f"'{part.text}'"
    return shlex.quote(part.text) if re.search(r'["\\]', part.text) else f'"{part.text}"'


def _tokens_of_word(word: Word, depth: int) -> Iterator[Token]:
    """Yield the tokens of a word: parentheses and a comma at its ends, an operator, or a term."""
    shape = word.shape
    start = 0
    if (match := _KEYWORD_BEFORE_OPENING.match(shape)) is not None:
        start = match.end()
        yield Token(Kind(match[0].lower()), word.part(0, start))
    while (match := _OPENING.match(shape, start)) is not None:
        for at in range(start, match.end() - 1):
            yield Token(Kind.NOT, word.part(at, at + 1))
        yield Token(Kind.OPEN, word.part(match.end() - 1, match.end()))
        start = match.end()
        depth += 1
    end = len(shape)
    behind: list[Token] = []
    if shape.endswith(",") and end > start:
        end -= 1
        behind.append(Token(Kind.OR, word.part(end, end + 1)))
    surplus = shape.count(")", start, end) - shape.count("(", start, end)
    while surplus > 0 and depth > 0 and end > start and shape[end - 1] == ")":
        end, surplus, depth = end - 1, surplus - 1, depth - 1
        behind.append(Token(Kind.CLOSE, word.part(end, end + 1)))
    inner = shape[start:end]
    if inner.lower() in _KEYWORDS:
        yield Token(Kind(inner.lower()), word.part(start, end))
    elif inner == ")":
        yield Token(Kind.CLOSE, word.part(start, end))
    elif inner or not shape:
        yield Token(Kind.TERM, word.part(start, end))
    yield from reversed(behind)
