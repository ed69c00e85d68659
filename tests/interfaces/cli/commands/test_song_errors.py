"""Errors of all song commands: one sentence on stderr, and the exit code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import Command


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["song", "save", "Bone", "--lufs", "loud"], 2, '--lufs "loud" is not a number'),
        (["song", "save", "Bone", "--crossfade", "long"], 2, "--crossfade"),
        (["song", "save", "Bone", "--crossfade", "1", "--gap", "1"], 2, "set --crossfade 0 or --gap 0"),
        (["song", "save", "Bone", "--from", "nowhere"], 4, "there is no file"),
        (["song", "save", "Bone", "--order", "epoch+", "--from", "list"], 2, "--from needs --order manual"),
        (["song", "save", "Bone", "--order", "manual"], 2, "give --from FILE"),
        (["song", "edit", "Bone"], 2, "thresher song edit --help"),
        (["song", "edit", "Bone", "--pin", "3"], 2, '--pin "3" is not a clip and a position, such as 12@3'),
        (["song", "edit", "Bone", "--first", "1"], 2, "--add 1 adds it"),
        (["song", "edit", "Bone", "--last", "77"], 4, "no clip has the id 77"),
        (["song", "edit", "Skull", "--first", "1"], 4, "thresher song list"),
        (["song", "edit", "Bone", "--add", "3", "--drop", "3"], 2, "clip 3 can't be both added and dropped"),
        (["song", "edit", "Bone", "--release", "3"], 2, "has no edit of clip 3 to release (its edits: none)"),
        (["song", "save", "Bone", "--dither", "--subtype", "FLOAT"], 2, "--dither is for 16-bit samples"),
        (["song", "render", "Bone", "--quality", "3"], 2, "Bone.wav is a WAV file, which has no quality"),
        (["song", "render", "Bone", "-o", "b.flac", "--quality", "3"], 2, "ends in .mp3, .ogg or .opus"),
        (["song", "render", "Bone", "--manifest", "--manifest-file", "m.json"], 2, "give one of them"),
        (["song", "copy", "Bone", "Bone"], 2, "exists already"),
        (
            ["song", "save", "\udcff", "id:1"],
            2,
            "is not a valid song name; use 1 to 200 printable characters",
        ),
        (["song", "save", "x" * 300, "id:1"], 2, f"'{'x' * 39}…' is not a valid song name"),
        (["song", "show", "\udcff"], 4, "thresher song list"),
        (["song", "delete", "\udcff"], 4, "thresher song list"),
        (["song", "rename", "Bone", "\udcff"], 2, "is not a valid song name"),
        (["song", "history", "Skull"], 4, "thresher song list"),
        (["song", "render"], 2, "name a song"),
        (["song", "reproduce", "none.json"], 4, "there is no manifest none.json"),
        (
            ["song", "render", "Bone", "--files", "run"],
            2,
            "--files is an option of `thresher song reproduce MANIFEST`",
        ),
        (["song", "export", "Bone"], 2, "give either a FILE to export to, or --stems DIR"),
        (["song", "export", "Bone", "bone.als"], 2, ".rpp"),
        (["song", "export", "Bone", "bone.cue", "--rendering", "3"], 4, "thresher song renderings"),
    ],
)
def test_an_error_is_one_sentence_on_stderr(
    song_command: Command, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "list").write_text("2\n")
    found, out, err = song_command(*arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        ["song", "render", "Bone", "-o", f"{'x' * 300}.wav"],
        ["song", "render", "Bone", "-o", f"{'é' * 150}.wav"],
        ["song", "export", "Bone", f"{'x' * 300}.cue"],
        ["song", "export", "Bone", "--stems", "x" * 300],
        ["report", "-o", f"{'x' * 300}.html"],
        ["init", "x" * 300],
    ],
    ids=lambda line: " ".join(line)[:20],
)
def test_a_name_beyond_the_limit_of_the_system_is_named_with_the_limit(
    song_command: Command, line: list[str]
) -> None:
    code, _, err = song_command(*line)
    assert code == 2
    assert "is too long for the file system: it has 30" in err
    assert "255 are allowed; give a shorter one" in err


@pytest.mark.parametrize("name", ['it\'s "q"', "$HOME", "-dash", "--help", "`ls`", "back\\slash"])
def test_a_command_in_a_message_names_the_song_as_a_shell_reads_it(song_command: Command, name: str) -> None:
    said = [
        song_command("song", "show", "--", name),
        song_command("song", "save", "--", name),
        song_command("song", "save", "--", name, "id:1"),
        song_command("song", "verify", "--", name),
        song_command("song", "render", "--rendering", "7", "--", name),
        song_command("song", "export", "--", name, "song.cue"),
    ]
    texts = [each.stderr for each in said[1:]]
    commands = re.findall(r"`(thresher song .*)`|next: (thresher .*)", "\n".join(texts))
    assert len(commands) == len(texts)
    for command in map("".join, commands):
        words = shlex.split(command)
        assert words[0] == "thresher"
        done = song_command(*["id:2" if word == "QUERY" else word for word in words[1:]])
        assert done.returncode == 0, (command, done.stderr)
