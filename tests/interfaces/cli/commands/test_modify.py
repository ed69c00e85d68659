"""Which arguments of `modify` set a field, and which belong to the query."""

from __future__ import annotations

import pytest

from thresher.interfaces.cli.commands.modify import _is_assignment


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("epoch=40", True),
        ("prompt=a=b", True),
        ("run=", True),
        ("lora2=whale", True),
        ("Top-K=3", True),
        ("température=0.9", True),
        ("a b=3", True),  # known
        ("u\u0308=3", True),  # known in another form
        ("x y=3", False),
        ("run:=night", False),
        ("path::a=b", False),
        ("rating>=4", False),
        ("rating!=4", False),
        ("=4", False),
        ("12", False),
        ("night", False),
    ],
)
def test_assignments(argument: str, expected: bool) -> None:
    assert _is_assignment(argument, {"a b", "ü"}) is expected
