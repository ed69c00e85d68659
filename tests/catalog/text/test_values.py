"""Values of query terms: numbers, lengths, dates and ranges."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.text.values import (
    LARGEST_INTEGER,
    UnfitError,
    as_float32,
    bounds_of,
    checked_regex,
    checkpoint_text,
    comma_hint,
    format_duration,
    number_of,
    parse_duration,
    period_of,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:30", 30),
        ("12:40", 760),
        ("1:02:03", 3723),
        ("90", 90),
        ("90:00", 5400),
        ("1.5", 1.5),
        (" 0:00.25 ", 0.25),
        ("100:00:00", 360000),
    ],
)
def test_a_length_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "x", "12:99", "1:60:00", "1:2:3:4", "-1", "+1", "1:", ":30", "1e3", "nan", "٣", "9" * 400]
)
def test_invalid_lengths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length such as") as error:
        parse_duration(text)
    assert f'"{text}"' in str(error.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7, "0:07"), (59.5, "1:00"), (760, "12:40"), (3599.4, "59:59"), (3723, "1:02:03")],
)
def test_a_length_is_written_to_the_nearest_second(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_negative_and_infinite_lengths_cannot_be_formatted(seconds: float) -> None:
    with pytest.raises(ValueError, match="is not a length"):
        format_duration(seconds)


@given(st.integers(0, 10**7))
@settings(max_examples=50, deadline=None)
def test_a_written_length_is_read_back(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "number"),
    [("4", 4), ("-7", -7), (".5", 0.5), ("2.", 2), ("1e3", 1000), (str(2**63 - 1), 2**63 - 1)],
)
def test_a_number_is_read_exactly(text: str, number: float) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["", "x", "4x", "nan", "inf", "1e", "0x10", "1_000", "٣"])
def test_a_word_is_not_a_number(text: str) -> None:
    with pytest.raises(UnfitError, match=f'^"{text}" is not a number$'):
        number_of(text)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("4", (4, 4)),
        ("4..7", (4, 7)),
        ("4..", (4, None)),
        ("..7", (None, 7)),
        ("..", (None, None)),
        ("-7..-4", (-7, -4)),
    ],
)
def test_a_range_includes_its_ends(text: str, bounds: tuple[float | None, float | None]) -> None:
    assert bounds_of(text, "a number", number_of) == bounds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4..x", '"4..x" is not a number'),
        ("", '"" is not a number'),
        ("4,", '"4," is not a number; put a blank before a comma that means OR'),
        ("4...7", '"4...7" has too many dots; a range has two'),
        ("7..4", 'the range "7..4" is empty; did you mean 4..7?'),
    ],
)
def test_an_invalid_range_is_refused_with_the_mistake(text: str, message: str) -> None:
    with pytest.raises(UnfitError) as caught:
        bounds_of(text, "a number", number_of)
    assert str(caught.value) == message


NOW = datetime(2026, 3, 31, 15, 30)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2024-02-29", (2024, 2, 29), (2024, 3, 1)),
        ("2026-11-22T13", (2026, 11, 22, 13), (2026, 11, 22, 14)),
        ("2026-11-22 13:15", (2026, 11, 22, 13, 15), (2026, 11, 22, 13, 16)),
        ("2026-11-22 13:15:59", (2026, 11, 22, 13, 15, 59), (2026, 11, 22, 13, 16)),
        ("-0d", (2026, 3, 31), (2026, 4, 1)),
        ("-1w", (2026, 3, 24), (2026, 3, 25)),
        ("-1m", (2026, 2, 28), (2026, 3, 1)),  # February has no 31st
        ("-1y", (2025, 3, 31), (2025, 4, 1)),
        ("+1d", (2026, 4, 1), (2026, 4, 2)),
        ("-2h", (2026, 3, 31, 13, 30), (2026, 3, 31, 14, 30)),
    ],
)
def test_a_date_is_a_period_in_local_time(text: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    def instant(parts: tuple[int, ...]) -> float:
        return datetime(*parts).timestamp()  # type: ignore[arg-type]  # ints, which can't be a time zone

    assert period_of(text, NOW.timestamp()) == (instant(start), instant(end))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13", "2026-02-30", "2026-11-22T25", "-1x", "9999", "-999999y"]
)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(UnfitError, match=f'^"{text}" is not a date$'):
        period_of(text, NOW.timestamp())


def test_a_regular_expression_is_checked_before_it_is_used() -> None:
    assert checked_regex("a+").fullmatch("aa")
    with pytest.raises(UnfitError, match=r'^"\(" is not a regular expression: '):
        checked_regex("(")


def test_a_number_is_rounded_as_stored_scores_are() -> None:
    assert as_float32(0.7) == 0.699999988079071
    assert (as_float32(1e300), as_float32(-1e300)) == (math.inf, -math.inf)


def test_a_checkpoint_is_written_without_its_unknown_parts() -> None:
    assert checkpoint_text("night", 20, 4000) == "night e20 i4000"
    assert checkpoint_text(None, 0, None) == "e0"
    assert checkpoint_text(None, None, None) == ""


def test_a_comma_at_the_end_of_a_value_is_explained() -> None:
    assert "blank before a comma" in comma_hint("4,")
    assert comma_hint("4") == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4000", 4000),
        ("4000.0", 4000),
        ("120k", 120_000),
        ("1.5M", 1_500_000),
        ("1.50k", 1500),
        ("1.0005k", None),
        ("0.001k", 1),
        ("000", 0),
        ("-1", None),
        (str(LARGEST_INTEGER), LARGEST_INTEGER),
        (str(LARGEST_INTEGER + 1), None),
        (f"{LARGEST_INTEGER}k", None),
        ("", None),
    ],
)
def test_a_whole_number_may_be_written_with_k_or_m(text: str, number: int | None) -> None:
    assert whole_number(text) == number
