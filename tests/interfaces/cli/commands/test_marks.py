"""The commands `mark` and `unmark`: what they take, print and return."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support import Command


@pytest.mark.long
def test_a_mark_is_made_listed_named_and_removed(song_command: Command) -> None:
    code, out, err = song_command("mark", "2", "0.5", "0:03.500", "--name", "drop")
    assert (code, out) == (0, 'new mark 7 "drop": 0.500 s to 3.500 s of its recording (3.000 s)\n')
    assert err == "decision 2; `thresher undo 2` reverts it\n"
    code, out, err = song_command("mark", "2", "0.5", "3.5")
    assert out == 'nothing to change, already mark 7 "drop": 0.500 s to 3.500 s of its recording (3.000 s)\n'
    code, out, err = song_command("mark", "7", "--name", "rise")
    assert out == 'renamed mark 7 "rise": 0.500 s to 3.500 s of its recording (3.000 s)\n'
    code, out, err = song_command("list", "mark:rise", "--json")
    assert [row["id"] for row in json.loads(out)] == [7]
    code, out, err = song_command("unmark", "7", "--dry-run")
    assert out == "dry run: 1 of 1 would change (unmark: 7)\n"
    assert err == '1 mark would leave song "Bone" (7); its renderings stay\n'
    code, out, err = song_command("unmark", "mark:rise")
    assert (code, out) == (0, "decision 4: 1 of 1 changed (unmark: mark:rise)\n")
    assert '1 mark left song "Bone" (7)' in err
    assert song_command("history", "--json", "--limit", "2")[1].count("mark:rise") == 1
    code, out, err = song_command("mark", "2", "0.5", "3.5")
    assert out.startswith('restored mark 7 "rise"')


def test_a_short_mark_says_its_status(song_command: Command) -> None:
    code, out, err = song_command("mark", "2", "1", "2", "--dry-run")
    assert (code, out) == (0, "dry run: new mark: 1.000 s to 2.000 s of its recording (1.000 s)\n")
    assert err == "its status is too_short: 1.00 s long: too short for a fingerprint\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1"], "START END`, or give --name NAME for a mark, --labels FILE or --export FILE"),
        (["1", "2"], "2 has no END; write `thresher mark 1 START END`"),
        (["1", "1", "nan"], 'END "nan" is not a time (expected seconds such as 7.5, or 0:07.500)'),
        (["1", "1:75", "2"], 'START "1:75" is not a time'),
        (["1", "-1", "2"], 'START "-1" is not a time'),
        (["1", "1", "2", "--nmae", "x"], "unexpected extra argument"),
        (["3", "1", "9"], "9.000 s is beyond the end of clip 3, which is 4.000 s long"),
        (["1", "--labels", "x", "--name", "y"], "--labels takes only a clip and --from"),
        (["1", "1", "2", "--export", "x"], "--export takes only a clip and --from"),
        (["1", "--labels", "x", "--export", "y"], "--labels takes only a clip and --from"),
        (["1", "1", "2", "--overwrite"], "--overwrite needs --export FILE"),
        (["1", "--name", "x"], "clip 1 is the whole of its recording, and only marks have names"),
    ],
)
def test_wrong_usage(home: Path, command: Command, arguments: list[str], message: str) -> None:
    code, out, err = command("--catalog", home / "catalog.toml", "mark", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_missing_file_ends_with_exit_code_4(song_command: Command, tmp_path: Path) -> None:
    os.remove(tmp_path / "run/run_epoch_1_0.wav")
    code, out, err = song_command("mark", "2", "1", "2")
    assert (code, out) == (4, "")
    assert "clip 2 can't be marked: no file holds the recording now" in err
    assert song_command("mark", "1", "--labels", "none.txt")[0] == 4


def test_labels_are_imported_in_part_and_exported(song_command: Command, tmp_path: Path) -> None:
    lines = [f"{number / 10}\t{number / 10 + 1}\t" for number in range(3)]
    (tmp_path / "l.txt").write_text("\n".join([*lines, "1\t1\tp", "\\\t1\t2", "1\t99\tx", *["bad"] * 25]))
    code, out, err = song_command("mark", "2", "--labels", "l.txt", "--dry-run")
    assert (code, out) == (5, "dry run: 3 marks of l.txt: 3 new\n")
    code, out, err = song_command("mark", "2", "--labels", "l.txt")
    assert (code, out) == (5, "3 marks of l.txt: 3 new\n")
    assert err.splitlines()[:5] == [
        "clips 7, 8, 9",
        "3 marks of status too_short",
        "1 label skipped: points without a length",
        "1 range of frequencies skipped: a mark has none",
        "line 6 not used: 99.000 s is beyond the end of the recording of clip 2, which is 4.000 s long",
    ]
    assert err.splitlines()[-2:] == [
        "… and 6 more lines not used; --json lists all",
        "decision 2; `thresher undo 2` reverts it",
    ]
    code, out, err = song_command("mark", "2", "--export", "out.txt")
    assert (code, out) == (0, "out.txt: 3 marks\n")
    code, out, err = song_command("mark", "2", "--labels", "out.txt", "--json")
    report = json.loads(out)
    assert code == 0
    assert [row["state"] for row in report["marks"]] == ["unchanged"] * 3
    assert report["decision"] is None


def test_the_tracklist_of_a_song_names_marks(song_command: Command) -> None:
    song_command("mark", "2", "0.5", "3.5", "--name", "drop")
    out = song_command("song", "show", "Bone")[1]
    assert out.count('run/run_epoch_1_0.wav, mark "drop"') == 1
    assert out.count("mark") == 1


def test_show_lists_the_marks_of_a_recording(song_command: Command) -> None:
    song_command("mark", "2", "1", "2")
    song_command("mark", "2", "0.5", "3.5", "--name", "drop")
    for clip in ("2", "7", "run/run_epoch_1_0.wav"):
        lines = song_command("show", clip)[1].splitlines()
        assert [" ".join(line.split()) for line in lines if line.startswith("mark ")] == [
            'mark clip 8 "drop", 0.500 s to 3.500 s (0:03.0)',
            "mark clip 7, 1.000 s to 2.000 s (0:01.0)",
        ]
    detail = json.loads(song_command("show", "8", "--json")[1])
    assert detail["clip"]["mark"] == "drop"
    assert detail["marks"][0] == {"clip": 8, "name": "drop", "start": 0.5, "end": 3.5}
