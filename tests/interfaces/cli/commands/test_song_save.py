"""`thresher song save`: settings, sequences from a file, and what it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import update

from tests.support import Command, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import song


def test_every_setting_is_saved_changed_and_shown(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    options = {
        "--crossfade": "0.5",
        "--fade": "0.01",
        "--lufs": "-14",
        "--rate": "8000",
        "--channels": "2",
        "--subtype": "PCM_16",
    }
    saved = song_json(
        "song", "save", "Bone", *(part for pair in options.items() for part in pair), "--dither"
    )
    expected = {
        "crossfade": 0.5,
        "fade": 0.01,
        "lufs": -14.0,
        "sample_rate": 8_000,
        "channels": 2,
        "subtype": "PCM_16",
        "dither": True,
    }
    assert expected.items() <= saved["settings"].items()
    said = song_command("song", "show", "Bone")[1]
    assert "8000 Hz, stereo, PCM_16, -14 LUFS, fades of 0.01 s, crossfades of 0.5 s, dithered" in said
    changed = [
        "--crossfade",
        "0",
        "--gap",
        "1",
        "--lufs",
        "none",
        "--subtype",
        "auto",
        "--no-dither",
        "--rate",
        "auto",
    ]
    saved = song_json("song", "save", "Bone", *changed)
    expected = {"crossfade": 0, "gap": 1, "lufs": None, "subtype": None, "dither": False, "sample_rate": None}
    assert expected.items() <= saved["settings"].items()
    assert saved["settings"]["channels"] == 2


def test_a_song_is_saved_from_a_playlist_and_from_its_own_export(
    song_command: Command, song_json: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "run/list.m3u8").write_text("#EXTM3U\nrun_epoch_3_0.wav\n1\n")
    made = song_json("song", "save", "Listed", "--order", "manual", "--from", "run/list.m3u8")
    assert (made["settings"]["ordering"], made["settings"]["manual"]) == ("manual", [4, 1])
    tracks = song_json("song", "show", "Listed")["tracklist"]["tracks"]
    assert [track["clip"] for track in tracks] == [4, 1]
    assert song_command("song", "export", "Listed", "out.m3u8")[0] == 0
    again = song_json("song", "save", "Again", "--from", "out.m3u8")
    assert again["settings"]["manual"] == [4, 1]


def test_limits_that_depend_on_a_chain_are_reported_without_computing_it(song_command: Command) -> None:
    out, err = song_command("song", "save", "Bone", "--order", "chain", "--clips", "2")[1:]
    assert out.startswith('song "Bone": 5 clips before limits, 0:20, ')
    assert 'the limits keep some of these clips: `thresher song show "Bone"` shows which' in err
    assert song_command("song", "save", "Bone", "--order", "epoch+")[1].startswith(
        'song "Bone": 2 clips, 0:08, '
    )


def test_limits_on_copies_and_checkpoints_are_saved_edited_copied_and_shown(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    saved = song_json("song", "save", "Bone", "--per-checkpoint", "1")["settings"]
    assert (saved["per_checkpoint"], saved["no_copies"], saved["selection_rule"]) == (1, False, 2)
    assert "at most 1 clip per checkpoint" in song_command("song", "show", "Bone")[1]
    assert song_command("song", "edit", "Bone", "--per-checkpoint", "none")[0] == 0
    copied = song_json("song", "copy", "Bone", "Few", "--per-checkpoint", "2")["settings"]
    assert copied["per_checkpoint"] == 2
    code, _, said = song_command("song", "save", "Bone", "--per-checkpoint", "few")
    assert (code, said) == (
        2,
        'error: --per-checkpoint "few" is not a whole number (expected digits, or auto or none)\n',
    )
    code, _, said = song_command("song", "save", "Bone", "--per-checkpoint", "9" * 5000)
    assert (code, said.endswith(" is out of range (expected a smaller number)\n")) == (2, True)


def test_saving_an_older_song_names_the_clips_that_leave_it(song_command: Command, tmp_path: Path) -> None:
    assert song_command("checkpoint", "run e2", "--drop")[0] == 0
    with Catalog.open(tmp_path / "catalog.toml") as catalog, writing(catalog) as connection:
        connection.execute(update(song).values(selection_rule=1))
    assert "new songs leave out 1 clip of this one (3)" in song_command("song", "show", "Bone")[2]
    assert "leaves out 1 clip (3)" in song_command("song", "save", "Bone")[2]
    assert "new songs" not in song_command("song", "show", "Bone")[2]


def test_the_command_for_an_older_song_can_be_pasted(song_command: Command, tmp_path: Path) -> None:
    assert song_command("song", "rename", "Bone", "5 $HOME")[0] == 0
    assert song_command("checkpoint", "run e2", "--drop")[0] == 0
    with Catalog.open(tmp_path / "catalog.toml") as catalog, writing(catalog) as connection:
        connection.execute(update(song).values(selection_rule=1))
    said = song_command("song", "show", "5 $HOME")[2]
    assert "the next `thresher song save '5 $HOME'` takes them out" in said


def test_a_replaced_query_is_named(song_command: Command) -> None:
    assert "query was" not in song_command("song", "save", "Bone", "--gap", "1")[2]
    said = song_command("song", "save", "Bone", "epoch:2..")[2]
    assert "its query was epoch:1..; `thresher undo` reverts the change" in said
    assert song_command("undo")[0] == 0
    assert "epoch:1.." in song_command("song", "list")[1]


def test_json_has_the_size_the_former_query_and_the_edits_that_are_not_applied(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    assert song_json("song", "save", "New", "epoch:2..")["query_before"] is None
    assert song_command("song", "edit", "Bone", "--pin", "2@1").returncode == 0
    saved = song_json("song", "save", "Bone", "epoch:2..")
    assert saved["query_before"] == "epoch:1.."
    assert saved["size"]["clips"] == 4
    assert saved["size"]["seconds"] == 16.0
    assert saved["size"]["edits_not_applied"] == ["the query does not match clip 2"]
    assert saved["left_out"] == []
