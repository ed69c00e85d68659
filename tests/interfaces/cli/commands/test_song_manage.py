"""`thresher song copy`, `song rename`, `song delete` and `song history`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support import Command


def test_a_copy_is_listed_with_the_original(song_command: Command, song_json: Callable[..., Any]) -> None:
    assert song_command("song", "copy", "Bone", "Femur")[1] == 'copied song "Bone" to "Femur"\n'
    assert [row["name"] for row in song_json("song", "list")] == ["Bone", "Femur"]


def test_a_renamed_song_is_listed_by_its_new_name(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    assert song_command("song", "rename", "Bone", "Marrow")[1] == 'renamed song "Bone" to "Marrow"\n'
    assert [row["name"] for row in song_json("song", "list")] == ["Marrow"]
    code, out, err = song_command("song", "show", "Bone")
    assert (code, out) == (4, "")
    assert "thresher song list" in err


def test_a_deleted_song_is_restored_by_undo(song_command: Command, song_json: Callable[..., Any]) -> None:
    done = song_command("song", "delete", "Bone")
    assert done.stdout == 'deleted song "Bone"; `thresher undo` restores it\n'
    assert song_json("song", "list") == []
    assert song_command("undo").returncode == 0
    assert [row["name"] for row in song_json("song", "list")] == ["Bone"]


def test_the_history_of_a_song_lists_its_changes_the_latest_first(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    assert song_command("song", "save", "Bone", "--gap", "0.5").returncode == 0
    assert song_command("song", "save", "Femur", "epoch:1").returncode == 0
    rows = song_json("song", "history", "Bone")
    assert [row["summary"] for row in rows] == ['edit song "Bone": gap 0.5', 'make song "Bone"']
    shown = song_command("song", "history", "Bone").stdout
    assert shown.index("gap 0.5") < shown.index("make song")
    assert song_command("song", "history", "Skull").returncode == 4


def test_a_song_that_has_the_name_already_is_not_renamed(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    said = song_command("song", "rename", "Bone", "Bone")[1]
    assert said == 'song "Bone" has this name already; nothing to change\n'
    assert [each["verb"] for each in song_json("song", "history", "Bone")] == ["song save"]
