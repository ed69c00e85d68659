"""Neighbours: next numbers, other values, their combinations, and what can't be made."""

from __future__ import annotations

import pytest

from thresher.catalog.provenance.recipe_templates import RecipeTemplate, parse_template
from thresher.curation.origin.filling import Neighbours, check_names, neighbouring
from thresher.errors import ConfigError, UsageError

TEMPLATE = RecipeTemplate("a", parse_template("g {seed} {temperature}"))
VALUES = {"seed": "9223372036854775807", "temperature": "0.9"}


def commands(wanted: Neighbours, **values: str) -> list[str | None]:
    return [line.command for line in neighbouring(TEMPLATE, values or VALUES, wanted)]


def test_the_next_numbers_are_exact() -> None:
    assert commands(Neighbours({}, "seed", 2)) == ["g 9223372036854775808 0.9", "g 9223372036854775809 0.9"]


def test_other_values_are_combined() -> None:
    wanted = Neighbours({"seed": ["1", "5"], "temperature": ["1.0", "1.1"]})
    assert commands(wanted) == ["g 1 1.0", "g 1 1.1", "g 5 1.0", "g 5 1.1"]
    assert commands(Neighbours({"seed": ["-2"]}, "seed", 2)) == ["g -1 0.9", "g 0 0.9"]
    assert commands(Neighbours({})) == []


def test_a_value_that_is_missing_is_named() -> None:
    (line,) = neighbouring(TEMPLATE, {"temperature": "0.9"}, Neighbours({}, "seed"))
    assert (line.command, line.missing) == (None, ("seed",))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Neighbours({"sed": ["1"]}), "no placeholder {sed} (expected seed or temperature)"),
        (Neighbours({}, "temperature"), "temperature is 0.9, which is not a whole number"),
        (Neighbours({"seed": list("1234567890")}, "seed", 101), "more than 1,000 command lines"),
    ],
)
def test_neighbours_that_cannot_be_made(wanted: Neighbours, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        commands(wanted)
    assert message in str(raised.value)


def test_an_unknown_placeholder_names_similar_ones() -> None:
    check_names(TEMPLATE, set())
    for name, advice in (("sed", "did you mean {seed}"), ("qqqq", "no clip has a value of that name")):
        entry = RecipeTemplate("a", parse_template(f"g {{{name}}}"))
        with pytest.raises(ConfigError) as raised:
            check_names(entry, set())
        assert f"unknown placeholder {{{name}}}; {advice}" in str(raised.value)
        check_names(entry, {name})
