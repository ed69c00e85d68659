"""Terms that are probably mistakes are recognised, and what was probably meant is suggested."""

from __future__ import annotations

import pytest

from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.queries.mistakes import (
    LONGEST_COMPARED,
    bare_word_mistake,
    close_fields,
    in_quotes,
    sort_mistake,
    value_hint,
    value_mistake,
)
from thresher.catalog.queries.text import words_of


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("&&", "write `and`"),
        ("||", "write `or`"),
        ("!rejected", 'did you mean "^rejected"'),
        ("#slow", "did you mean tag:slow"),
        (",a", "put a blank after a comma"),
        ("a)", "parenthesis without its counterpart"),
        ("rating=4", "did you mean rating:4"),
        ("rating=>4", "did you mean rating>=4"),
        ("a,epoch:3", 'did you mean "a , epoch:3"'),
        ("rating", "the name of a field and needs a value, as in rating:4.."),
        ("nothing-", "is not a field"),
        ("3..5", "did you mean id:3..5 or rating:3..5"),
        ("3,5", "did you mean 3 5"),
        ("*.wav", "did you mean .wav"),
    ],
)
def test_a_word_that_is_probably_no_search_is_explained(text: str, meant: str) -> None:
    (word,) = words_of([text])
    found = bare_word_mistake(word, FIELDS.get)
    assert found is not None
    assert meant in found
    (quoted,) = words_of(f'"{text}"')
    assert bare_word_mistake(quoted, FIELDS.get) is None


@pytest.mark.parametrize(
    "text", ["night", "a-b", "a=b", "1:2", "really?", "x" * (LONGEST_COMPARED + 1) + "&&"]
)
def test_other_words_may_be_searched_for(text: str) -> None:
    (word,) = words_of([text])
    assert bare_word_mistake(word, FIELDS.get) is None


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("run", "a,epoch:3", 'did you mean "run:a , epoch:3"'),
        ("tag", "a,b", 'did you mean "tag:a , tag:b"'),
        ("tag", "a*", "queries have no wildcards"),
        ("path", "*.wav", "did you mean path::.*"),
    ],
)
def test_a_value_with_signs_that_queries_do_not_have_is_explained(name: str, value: str, meant: str) -> None:
    (word,) = words_of([value])
    found = value_mistake(FIELDS[name], ":", word, FIELDS.get)
    assert found is not None
    assert meant in found
    if "," not in value or name == "tag":
        assert value_mistake(FIELDS[name], ":=", word, FIELDS.get) is None  # taken literally


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (">=4", '; did you mean "rating>=4"?'),
        ("=4", "; did you mean rating:4?"),
        ("4,5", '; did you mean "rating:4 , rating:5"?'),
        ("3-5", "; did you mean rating:3..5?"),
        ("4+", "; did you mean rating:4..?"),
        ("4-", "; did you mean rating:..4?"),
        ("", "; write the value directly after rating:, without a blank"),
        ("good", ""),
    ],
)
def test_a_refused_number_has_a_hint(value: str, hint: str) -> None:
    assert value_hint("rating", value) == hint


def test_fields_with_similar_names_are_found_in_any_case() -> None:
    assert close_fields("RATNG", lambda: ["rating", "Run", "epoch"])[0] == "rating"
    assert close_fields("x" * (LONGEST_COMPARED + 1), lambda: ["rating"]) == []


def test_a_text_is_quoted_for_the_query_and_the_shell() -> None:
    assert in_quotes("a b") == "'\"a b\"'"
    assert in_quotes('say "a"') == '"\'say "a"\'"'


def test_a_word_of_the_longest_length_is_examined() -> None:
    (word,) = words_of(["x" * (LONGEST_COMPARED - 2) + "&&"])
    assert bare_word_mistake(word, FIELDS.get) is not None


@pytest.mark.parametrize(
    ("argument", "is_mistake"),
    [
        ("ratin+", True),
        ("C++", False),
        ("ratin", False),
        ("ra tin+", False),
        ("x" * (LONGEST_COMPARED - 1) + "+", True),
        ("x" * LONGEST_COMPARED + "+", False),
    ],
)
def test_a_word_that_ends_with_a_plus_may_be_meant_as_a_sort(argument: str, is_mistake: bool) -> None:
    (word,) = words_of([argument])
    assert (sort_mistake(word, lambda _name, _sign: ["rating"]) is not None) is is_mistake
    assert sort_mistake(word, lambda _name, _sign: []) is None
