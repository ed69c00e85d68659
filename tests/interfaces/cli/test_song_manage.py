"""`thresher song copy`: what it prints and saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import Command


def test_a_copy_is_listed_with_the_original(song_command: Command, song_json: Callable[..., Any]) -> None:
    assert song_command("song", "copy", "Bone", "Femur")[1] == 'copied song "Bone" to "Femur"\n'
    assert [row["name"] for row in song_json("song", "list")] == ["Bone", "Femur"]
