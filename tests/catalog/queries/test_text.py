"""Query text is split into words and operators, and written as text that means the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.catalog.queries.text import (
    LONGEST_QUERY,
    MOST_PARENTHESES,
    QUOTED,
    Kind,
    join_terms,
    normalise,
    quoted_value,
    split_text,
    tokens_of,
    words_of,
)
from thresher.errors import QueryError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  a \t b\n", ["a", "b"]),
        ("tag:'a b' \"c d\"", ["tag:a b", "c d"]),
        (r"a\ b \"c", ["a b", '"c']),
        ("''", [""]),
        (r'"a\"b\n"', [r'a"b\n']),
        (r"'a\b'", [r"a\b"]),
    ],
)
def test_text_is_split_by_the_rules_of_a_shell(text: str, words: list[str]) -> None:
    assert split_text(text) == words


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a 'b", 2, "the quote ' is not closed"),
        ('tag:"b', 4, 'the quote " is not closed'),
        ("a \\", 2, "backslash"),
    ],
)
def test_an_unfinished_text_is_refused_where_it_begins(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        words_of(text)
    assert caught.value.position == position
    assert f"character {position + 1}" in str(caught.value)


def test_an_argument_of_blanks_is_an_empty_term_and_not_the_query_of_all_clips() -> None:
    assert normalise([" \t "]) == [""]
    assert normalise(["a b"]) == "a b"
    assert normalise([]) == []


def test_in_an_argument_a_blank_is_an_ordinary_character() -> None:
    (word,) = words_of(["tag:a b"])
    assert (word.text, word.shape) == ("tag:a b", "tag:a\0b")
    assert normalise(["tag:a b"]) == "tag:a b"  # a single argument is query text
    assert normalise(["tag:a b", "c"]) == ["tag:a b", "c"]
    assert normalise(["tag:a"]) == ["tag:a"]


def test_quoted_characters_are_not_operators() -> None:
    (word,) = words_of('"(a, or b)"')
    assert word.is_quoted
    assert set(word.shape) == {"\0"}
    assert [token.kind for token in tokens_of('"or" or (a , ^b)')] == [
        Kind.TERM,
        Kind.OR,
        Kind.OPEN,
        Kind.TERM,
        Kind.OR,
        Kind.TERM,
        Kind.CLOSE,
    ]
    assert [token.kind for token in tokens_of("a and not b")] == [Kind.TERM, Kind.AND, Kind.NOT, Kind.TERM]


def test_a_part_of_a_word_keeps_its_marks_and_position() -> None:
    (_, word) = words_of("x tag:'a b'")
    part = word.part(4)
    assert (part.text, part.position, part.is_quoted) == ("a b", 6, True)


def test_too_deep_and_too_long_queries_are_refused() -> None:
    deepest = "(" * MOST_PARENTHESES + "a" + ")" * MOST_PARENTHESES
    assert len(tokens_of(deepest)) == 2 * MOST_PARENTHESES + 1
    with pytest.raises(QueryError, match="parentheses inside one another"):
        tokens_of(f"({deepest})")
    with pytest.raises(QueryError, match="at most 1,000,000 are allowed"):
        words_of("a" * (LONGEST_QUERY + 1))


@given(value=st.text(st.characters(exclude_characters="'\"\\", exclude_categories=["Cs"]), min_size=1))
def test_a_quoted_value_is_one_literal_word(value: str) -> None:
    (word,) = words_of([f"tag:{quoted_value(value)}"])
    assert word.text == f"tag:{value}"


@given(texts=st.lists(st.text("ab '\"\\(),^:<>=-", max_size=6), max_size=4))
def test_arguments_written_as_text_have_the_same_tokens(texts: list[str]) -> None:
    try:
        expected = [(token.kind, token.word.text) for token in tokens_of(texts)]
    except QueryError:
        return
    assert [(token.kind, token.word.text) for token in tokens_of(join_terms(texts))] == expected


def test_the_length_of_arguments_counts_the_blanks_between_them() -> None:
    assert len(words_of(["a" * (LONGEST_QUERY - 3), "b"])) == 2
    with pytest.raises(QueryError, match="1,000,001 characters"):
        words_of(["a" * (LONGEST_QUERY - 2), "b"])


@pytest.mark.parametrize(
    ("argument", "text", "quoted"),
    [
        ('run:"a,b"', "run:a,b", "a,b"),
        ('run:"a b")', "run:a b)", "a b"),
        ("run:'a'),", "run:a),", "a"),
        ('run:""', "run:", ""),
    ],
)
def test_a_quoted_value_in_an_argument_is_quoted_to_its_end(argument: str, text: str, quoted: str) -> None:
    (word,) = words_of([argument])
    assert word.text == text
    assert (
        "".join(letter for letter, mark in zip(word.text, word.marks, strict=True) if mark == QUOTED)
        == quoted
    )
