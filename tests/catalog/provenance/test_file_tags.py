"""Tags of every container; no file raises, hangs or writes control characters to a terminal."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.catalog.tagged_files import bext, comfy_flac, flac, id3, info, wav
from tests.support import ROOT
from thresher.catalog.audio.ffmpeg_decoder import find_ffmpeg
from thresher.catalog.provenance import file_tags
from thresher.catalog.provenance.file_tags import FileTags, read_tags, read_tags_thoroughly

FORMATS = ROOT / "../shared/formats/tinytag"


def tags_of(folder: Path, content: bytes) -> FileTags:
    (folder / "a").write_bytes(content)
    return read_tags(os.fsencode(folder / "a"))


def named(found: FileTags) -> dict[str, str]:
    return {tag.name: tag.text for tag in found.tags}


def test_vorbis_comments(tmp_path: Path) -> None:
    found = named(tags_of(tmp_path, flac({"SEED": "42", "title": "a", "prompt": "slow rain"})))
    assert found == {"seed": "42", "title": "a", "prompt": "slow rain"}


def test_id3_in_front_of_mpeg_and_in_a_chunk_of_a_wav(tmp_path: Path) -> None:
    tag = id3(prompt="slow rain", seed="42")
    assert named(tags_of(tmp_path, tag + bytes(200))) == {"prompt": "slow rain", "seed": "42"}
    chunk = b"id3 " + len(tag).to_bytes(4, "little") + tag + bytes(len(tag) % 2)
    assert named(tags_of(tmp_path, wav(info(INAM="a"), after=chunk))) == {
        "title": "a",
        "prompt": "slow rain",
        "seed": "42",
    }


def test_id3v1_at_the_end_of_bare_mpeg(tmp_path: Path) -> None:
    tag = b"TAG" + b"slow rain".ljust(30, b"\0") + bytes(95)
    assert named(tags_of(tmp_path, b"\xff\xfb\x90\x00" + bytes(400) + tag))["title"] == "slow rain"
    assert tags_of(tmp_path, b"\xff\xfb\x90\x00" + bytes(400)) == FileTags()


def test_a_wav_without_tags(tmp_path: Path) -> None:
    assert tags_of(tmp_path, wav()) == FileTags()


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    found = tags_of(tmp_path, flac({"prompt": "a\x1b[2Jb\nc", "x\x1by": "d"}))
    assert named(found) == {"prompt": "a\\x1b[2Jb\nc", "x\\x1by": "d"}


def test_a_tag_larger_than_the_limit_is_cut_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tags, "MOST_TAG_BYTES", 10_000)
    found = tags_of(tmp_path, id3(seed="42", workflow="x" * 50_000, prompt="late"))
    assert named(found)["seed"] == "42"
    assert "prompt" not in named(found)
    assert found.problem is not None


def test_an_unknown_format_a_missing_file_and_a_fifo(tmp_path: Path) -> None:
    assert tags_of(tmp_path, b"caff" + bytes(100)) == FileTags(is_supported=False)
    assert tags_of(tmp_path, b"") == FileTags()
    assert read_tags(os.fsencode(tmp_path / "gone")).problem == "No such file or directory"
    os.mkfifo(tmp_path / "fifo")
    assert read_tags(os.fsencode(tmp_path / "fifo")).problem == "it is not a regular file"


@pytest.mark.parametrize("number", range(60))
def test_damaged_files_never_raise(tmp_path: Path, number: int) -> None:
    chance = random.Random(number)
    whole = (comfy_flac(), wav(bext("a", "b"), after=info(ICMT="c")), id3(prompt="d", seed="1") + bytes(300))
    content = bytearray(whole[number % 3][:3_000])
    for _ in range(chance.choice((1, 5, 40))):
        content[chance.randrange(len(content))] = chance.choice((0, 255, 127, chance.randrange(256)))
    for tag in tags_of(tmp_path, bytes(content[: chance.randrange(8, len(content))])).tags:
        assert "\0" not in tag.text + tag.name


@pytest.mark.skipif(not FORMATS.is_dir(), reason="the files of many formats are not beside this checkout")
def test_real_files_of_many_formats() -> None:
    found = {path.name: named(read_tags(os.fsencode(path))) for path in FORMATS.iterdir() if path.is_file()}
    assert found["test-tagged.wav"]["comment"] == "hello"
    assert found["test-tagged.aiff"]["title"] == "thetitle"
    assert found["id3v22-test.mp3"]["artist"] == "Anais Mitchell"
    assert found["test.opus"]["title"] == "Bad Apple!!"
    assert found["test2.m4a"]["artist"] == "test1"
    assert found["composer.ogg"]["composer"] == "some composer"
    assert sum(bool(tags) for tags in found.values()) > 80


@pytest.mark.skipif(find_ffmpeg() is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize(
    ("suffix", "options"), [("mka", []), ("caf", []), ("m4a", ["-movflags", "use_metadata_tags"])]
)
def test_ffmpeg_reads_what_the_library_does_not(tmp_path: Path, suffix: str, options: list[str]) -> None:
    (tmp_path / "a.wav").write_bytes(wav(seconds=0.2))
    target = tmp_path / f"a.{suffix}"
    tags = ["-metadata", "seed=42", "-metadata", "prompt=a=b; #c\\d\ne"]
    command = [
        str(find_ffmpeg()),
        "-loglevel",
        "error",
        "-i",
        str(tmp_path / "a.wav"),
        *tags,
        *options,
        str(target),
    ]
    subprocess.run(command, check=True)
    found = named(read_tags_thoroughly(os.fsencode(target)))
    assert (found["seed"], found["prompt"]) == ("42", "a=b; #c\\d\ne")
