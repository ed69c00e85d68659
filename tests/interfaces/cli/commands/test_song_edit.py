"""`thresher song edit`: edits by hand, and edits that are not applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import Command


def test_edits_are_applied_listed_and_undone(song_command: Command, song_json: Callable[..., Any]) -> None:
    assert song_command("song", "edit", "Bone", "--pin", "3@1", "--last", "2", "--dry-run")[1].startswith(
        "dry run: "
    )
    assert [track["clip"] for track in song_json("song", "show", "Bone")["tracklist"]["tracks"]] == [
        2,
        3,
        4,
        5,
        6,
    ]
    code, out, _ = song_command(
        "song", "edit", "Bone", "--pin", "3@1", "--last", "2", "--swap", "4", "6", "--keep-together", "5", "4"
    )
    assert code == 0
    assert out == (
        'song "Bone": 5 clips, 0:20; clip 3 is at position 1; clip 6 is at position 3; '
        "clip 4 is at position 4; clip 2 is last; "
        "clip 6 stays right after clip 5\n"
    )
    shown = song_command("song", "show", "Bone")[1]
    assert "edits" in shown
    assert "clip 2 is last" in shown
    history = song_json("song", "history", "Bone")
    assert [each["verb"] for each in history] == ["song edit", "song save"]
    assert song_command("undo")[0] == 0
    assert [track["clip"] for track in song_json("song", "show", "Bone")["tracklist"]["tracks"]] == [
        2,
        3,
        4,
        5,
        6,
    ]
    assert "undone by" in song_command("song", "history", "Bone")[1]


def test_an_edit_that_is_not_applied_is_reported(song_command: Command) -> None:
    assert song_command("song", "edit", "Bone", "--first", "4")[0] == 0
    assert song_command("reject", "4")[0] == 0
    assert "clip 4 is rejected" in song_command("song", "show", "Bone")[1]
    assert "edit not applied: clip 4 is rejected" in song_command("song", "render", "Bone")[2]
