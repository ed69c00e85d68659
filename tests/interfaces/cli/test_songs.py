"""The commands of songs: what each prints where, writes, and returns."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.support import Command, WriteClip, copy_folder, run_command


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Path:
    """A folder with a catalog of six clips and the song "Bone"."""
    folder = tmp_path_factory.mktemp("template")
    for epoch in range(6):
        write_clip(folder / "run" / f"run_epoch_{epoch}_0.wav", epoch)
    for line in (
        ["init"],
        ["ingest", "run", "--jobs", "1"],
        ["song", "save", "Bone", "epoch:1..", "--order", "epoch+"],
    ):
        assert run_command(*line, cwd=folder).returncode == 0
    return folder


@pytest.fixture
def thresher(command: Command, template: Path, tmp_path: Path) -> Command:
    """Run a command in a copy of the template: code, stdout, stderr."""
    copy_folder(template, tmp_path)
    return command


def told(thresher: Command, *arguments: str) -> Any:
    """What a command says as JSON."""
    code, out, err = thresher(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_every_sound_is_kept_edited_and_shown(thresher: Command) -> None:
    options = {
        "--crossfade": "0.5",
        "--fade": "0.01",
        "--lufs": "-14",
        "--rate": "8000",
        "--channels": "2",
        "--subtype": "PCM_24",
    }
    saved = told(
        thresher, "song", "save", "Bone", *(part for pair in options.items() for part in pair), "--dither"
    )
    expected = {
        "crossfade": 0.5,
        "fade": 0.01,
        "lufs": -14.0,
        "sample_rate": 8_000,
        "channels": 2,
        "subtype": "PCM_24",
        "dither": True,
    }
    assert expected.items() <= saved["settings"].items()
    said = thresher("song", "show", "Bone")[1]
    assert "8000 Hz, stereo, PCM_24, -14 LUFS, fades of 0.01 s, crossfades of 0.5 s, dithered" in said
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
    saved = told(thresher, "song", "save", "Bone", *changed)
    expected = {"crossfade": 0, "gap": 1, "lufs": None, "subtype": None, "dither": False, "sample_rate": None}
    assert expected.items() <= saved["settings"].items()
    assert saved["settings"]["channels"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["song", "save", "Bone", "--lufs", "loud"], 2, '--lufs "loud" is not a number'),
        (["song", "save", "Bone", "--crossfade", "long"], 2, "--crossfade"),
        (["song", "save", "Bone", "--crossfade", "1", "--gap", "1"], 2, "set --crossfade 0 or --gap 0"),
        (["song", "save", "Bone", "--from", "nowhere"], 1, "can't be read"),
        (["song", "save", "Bone", "--order", "epoch+", "--from", "list"], 2, "--from needs --order manual"),
        (["song", "save", "Bone", "--order", "manual"], 2, "give --from FILE"),
        (["song", "edit", "Bone"], 2, "thresher song edit --help"),
        (["song", "edit", "Bone", "--pin", "3"], 2, '--pin "3" is not a clip and a position, such as 12@3'),
        (["song", "edit", "Bone", "--first", "1"], 2, "--add 1 adds it"),
        (["song", "edit", "Bone", "--last", "77"], 4, "no clip has the id 77"),
        (["song", "edit", "Skull", "--first", "1"], 4, "thresher song list"),
        (["song", "copy", "Bone", "Bone"], 2, "exists already"),
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
def test_what_can_not_be_is_one_sentence(
    thresher: Command, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "list").write_text("2\n")
    found, out, err = thresher(*arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_a_song_edited_by_hand(thresher: Command) -> None:
    assert thresher("song", "edit", "Bone", "--pin", "3@1", "--last", "2", "--dry-run")[1].startswith(
        "dry run: "
    )
    assert [track["clip"] for track in told(thresher, "song", "show", "Bone")["tracklist"]["tracks"]] == [
        2,
        3,
        4,
        5,
        6,
    ]
    code, out, _ = thresher(
        "song", "edit", "Bone", "--pin", "3@1", "--last", "2", "--swap", "4", "6", "--keep-together", "5", "4"
    )
    assert code == 0
    assert out == (
        'song "Bone": 5 clips, 0:20; clip 3 is at position 1; clip 6 is at position 3; '
        "clip 4 is at position 4; clip 2 is last; "
        "clip 6 stays right after clip 5\n"
    )
    shown = thresher("song", "show", "Bone")[1]
    assert "edits" in shown
    assert "clip 2 is last" in shown
    history = told(thresher, "song", "history", "Bone")
    assert [each["verb"] for each in history] == ["song edit", "song save"]
    assert thresher("undo")[0] == 0
    assert [track["clip"] for track in told(thresher, "song", "show", "Bone")["tracklist"]["tracks"]] == [
        2,
        3,
        4,
        5,
        6,
    ]
    assert "undone by" in thresher("song", "history", "Bone")[1]


def test_a_pin_that_can_not_be_had_is_said(thresher: Command) -> None:
    assert thresher("song", "edit", "Bone", "--first", "4")[0] == 0
    assert thresher("reject", "4")[0] == 0
    assert "clip 4 is rejected" in thresher("song", "show", "Bone")[1]
    assert "edit not applied: clip 4 is rejected" in thresher("song", "render", "Bone")[2]


def test_a_song_from_a_list(thresher: Command, tmp_path: Path) -> None:
    (tmp_path / "run/list.m3u8").write_text("#EXTM3U\nrun_epoch_3_0.wav\n1\n")
    made = told(thresher, "song", "save", "Listed", "--order", "manual", "--from", "run/list.m3u8")
    assert (made["settings"]["ordering"], made["settings"]["manual"]) == ("manual", [4, 1])
    tracks = told(thresher, "song", "show", "Listed")["tracklist"]["tracks"]
    assert [track["clip"] for track in tracks] == [4, 1]
    assert thresher("song", "export", "Listed", "out.m3u8")[0] == 0
    again = told(thresher, "song", "save", "Again", "--from", "out.m3u8")
    assert again["settings"]["manual"] == [4, 1]


def test_a_copy(thresher: Command) -> None:
    assert thresher("song", "copy", "Bone", "Femur")[1] == 'copied song "Bone" to "Femur"\n'
    assert [row["name"] for row in told(thresher, "song", "list")] == ["Bone", "Femur"]


def test_a_manifest_beside_the_output_and_back(thresher: Command, tmp_path: Path) -> None:
    code, out, _ = thresher("song", "render", "Bone", "--manifest", "-o", "bone.wav")
    assert code == 0
    assert "bone.wav.manifest.json: its manifest" in out
    assert thresher("song", "render", "Bone", "-o", "bone.wav", "--manifest-file", "other.json")[0] == 0
    assert (tmp_path / "other.json").read_text() == (tmp_path / "bone.wav.manifest.json").read_text()
    away = tmp_path.parent / f"{tmp_path.name}-away"
    away.mkdir()
    (tmp_path / "bone.wav.manifest.json").rename(away / "m.json")
    (tmp_path / "run").rename(away / "clips")
    os.chdir(away)
    code, out, _ = thresher("song", "reproduce", "m.json", "--files", "clips", "-o", "again.wav")
    assert code == 0
    assert "the same as when rendering 1 was first made" in out
    assert (away / "again.wav").read_bytes() == (tmp_path / "bone.wav").read_bytes()
    report = told(thresher, "song", "reproduce", "m.json")
    assert (report["same_bytes"], report["path"]) == (True, str(away / "Bone.wav"))


def test_what_was_limited_is_told(thresher: Command) -> None:
    assert thresher("song", "save", "Bone", "--lufs", "-3")[0] == 0
    out = thresher("song", "render", "Bone")[1]
    assert "the limiter turned down 5 clips" in out
    assert "LUFS" in out
    report = told(thresher, "song", "render", "Bone")
    assert set(report["limited"]["clips"]) == {"2", "3", "4", "5", "6"}
    assert report["limited"]["most"] < -3


def test_a_song_handed_on(thresher: Command, tmp_path: Path) -> None:
    code, out, err = thresher("song", "export", "Bone", "bone.cue")
    assert (code, "5 clips of today's song, which is not rendered" in out) == (0, True)
    assert 'thresher song render "Bone" -o "' in err
    assert thresher("song", "render", "Bone")[0] == 0
    assert "5 clips of rendering 1" in thresher("song", "export", "Bone", "bone.rpp")[1]
    assert thresher("song", "export", "Bone", "bone.rpp")[0] == 2
    assert thresher("song", "export", "Bone", "bone.rpp", "--overwrite")[0] == 0
    report = told(thresher, "song", "export", "Bone", "--stems", "stems", "--rendering", "1")
    assert len(report["stems"]) == 5
    assert soundfile.info(tmp_path / "stems" / report["stems"][0]).subtype == "PCM_16"


def test_the_former_forms_of_manifest_work_with_a_warning(thresher: Command, tmp_path: Path) -> None:
    code, out, err = thresher("song", "render", "Bone", "-o", "bone.wav", "--manifest", "m.json")
    assert code == 0
    assert "warning: `--manifest FILE` becomes `--manifest-file FILE`" in err
    assert "m.json: its manifest" in out
    code, out, err = thresher("song", "render", "--manifest", "m.json", "--files", "run", "-o", "again.wav")
    assert code == 0
    assert "warning: `song render --manifest FILE` becomes `thresher song reproduce FILE`" in err
    assert "the same as when rendering 1 was first made" in out
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "bone.wav").read_bytes()


def test_limits_that_need_a_chain_are_reported_without_computing_it(thresher: Command) -> None:
    out, err = thresher("song", "save", "Bone", "--order", "chain", "--clips", "2")[1:]
    assert out.startswith('song "Bone": 5 clips before limits, 0:20, ')
    assert 'the limits keep some of these clips: `thresher song show "Bone"` shows which' in err
    assert thresher("song", "save", "Bone", "--order", "epoch+")[1].startswith('song "Bone": 2 clips, 0:08, ')
