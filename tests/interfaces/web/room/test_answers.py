"""A value that the room refuses is named in one plain sentence, without words of the validator."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (
            "queries",
            {"name": "a" * 201, "query": "rating:3.."},
            "…' is not a valid name; use 1 to 200 printable characters, not only spaces",
        ),
        (
            "queries",
            {"name": "two\nlines", "query": ""},
            r"'two\nlines' is not a valid name; use 1 to 200 printable characters, not only spaces",
        ),
        (
            "note",
            {"clips": [1], "text": "a" * 10_001},
            "text is too long (expected up to 10,000 characters)",
        ),
        ("tags", {"clips": [1], "add": ["a"] * 101}, "add has too many values (expected up to 100)"),
        (
            "tags",
            {"clips": [1], "add": ["a"], "remove": ["a"]},
            'cannot both add and remove tag "a"',
        ),
        ("rating", {"clips": [1], "rating": 9}, "rating 9 is too large (expected up to 5)"),
        ("rating", {"clips": []}, "clips has too few values (expected 1 or more)"),
        ("rating", {"clips": [1]}, "rating is missing"),
        ("listening", {"minutes": 0}, "minutes 0 is too small (expected more than 0)"),
        ("listening", {"minutes": 1e9}, "minutes 1000000000.0 is too large (expected up to 100,000)"),
    ],
)
def test_a_refused_value_is_named_in_a_plain_sentence(
    client: TestClient, path: str, body: dict[str, object], expected: str
) -> None:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"].endswith(expected)  # a long value is shortened
