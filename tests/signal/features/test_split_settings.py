"""A split follows one rule; its key is canonical."""

from __future__ import annotations

import math
from typing import Any

import pytest

from thresher.signal.features.split_settings import SplitSettings, split_of_key


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "none"),
        ({"silence": 0.4, "count": 2}, "silence and count"),
        ({"silence": 0.0}, "0.0"),
        ({"silence": math.nan}, "nan"),
        ({"every": -4.0}, "-4.0"),
        ({"every": math.inf}, "inf"),
        ({"count": 1}, "1"),
        ({"count": 0}, "0"),
    ],
)
def test_other_values_are_refused_and_shown(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named}$"):
        SplitSettings(**values)


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        (SplitSettings(silence=0.4), '{"silence":0.4}', "at silences longer than 0.4 s"),
        (SplitSettings(every=4), '{"every":4.0}', "every 4 s"),
        (SplitSettings(count=32), '{"count":32}', "into 32 equal parts"),
    ],
)
def test_equal_settings_have_equal_keys(settings: SplitSettings, key: str, words: str) -> None:
    assert (settings.key, settings.words) == (key, words)
    assert split_of_key(key) == settings
