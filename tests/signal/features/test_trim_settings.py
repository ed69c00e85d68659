"""Settings of the trim: invalid ones are refused."""

from __future__ import annotations

import pytest

from thresher.signal.features.trim_settings import TrimSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hop_length", 0),
        ("hop_length", -64),
        ("frame_length", 0),
        ("frame_length", 64),
        ("frame_length", 192),
        ("top_db", 0.0),
        ("top_db", float("nan")),
        ("top_db", float("inf")),
        ("floor_db", 0.0),
        ("floor_db", 3.0),
        ("floor_db", float("nan")),
        ("floor_db", float("-inf")),
        ("version", 0),
        ("version", 3),
    ],
)
def test_errors_show_the_invalid_setting(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{field} must .* not {value}$"):
        TrimSettings(**{field: value})  # type: ignore[arg-type]
