"""The parts of expressions: what a number may be, the run in front of a word, the value of a parameter."""

from __future__ import annotations

import re

import pytest

from thresher.catalog.provenance.name_parts import COUNT, LARGE, NO_INDEX, run_before, value_of


@pytest.mark.parametrize(
    "number", ["0", "2000", "0012000", "120k", "1.5M", "20241301", "12345678", "2024", "1300000000"]
)
def test_numbers_that_count(number: str) -> None:
    assert re.fullmatch(COUNT, number)


@pytest.mark.parametrize(
    "number", ["20240115", "202401151230", "20240115123000", "1700000000", "1700000000123", "1.5", "120m"]
)
def test_dates_and_times_do_not_count(number: str) -> None:
    assert not re.fullmatch(COUNT, number)


def test_the_beginning_of_a_uuid_does_not_count() -> None:
    assert not re.match(COUNT, "12345678-90ab-4cde-8f01-23456789abcd")
    assert re.match(COUNT, "12345678-90ab")


def test_large_numbers() -> None:
    assert [bool(re.fullmatch(LARGE, number)) for number in ("9999", "10000", "3k", "20240115")] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("night_step_3", "night"),
        ("run_7_step_3", "run_7"),
        ("my-night-epoch=3", "my-night"),
        ("sample_step_3", None),
        ("sample5_step_3", None),
        ("ep12_step_3", None),
        ("step_3", None),
    ],
)
def test_the_run_in_front_of_a_word(name: str, run: str | None) -> None:
    match = re.match(run_before("(?:step|epoch)"), name)
    assert match is not None
    assert match["run"] == run


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a_cfg7", "7"),
        ("a/b-cfg=7.5_c", "7.5"),
        ("a CFG 7", "7"),
        ("cfg7b", None),
        ("xcfg7", None),
        ("cfg", None),
    ],
)
def test_the_value_of_a_parameter(path: str, value: str | None) -> None:
    match = re.match(value_of("cfg", "cfg"), path)
    assert match is not None
    assert match["cfg"] == value


def test_numbers_that_are_no_index() -> None:
    number, before = NO_INDEX
    others = [each for each in ("7", "0012", "44100", "20240115", "1234567890") if re.fullmatch(number, each)]
    assert others == ["44100", "20240115", "1234567890"]
    texts = ("gen_", "clip", "a_seed_", "b v", "0.", "2024-01-", "20240115_", "0f8fad5")
    assert [text for text in texts if re.search(before, text)] == list(texts[2:])
