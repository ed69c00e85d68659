"""What C libraries print never reaches the output of a command, and Python's own output does."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import soundfile

from tests.support import PREFIX_ONLY, RATE, MakeCatalog, riff, run_command
from thresher.catalog.audio.reader import AudioReader
from thresher.interfaces.cli.library_output import without_library_output


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A catalog with a song of an MP3 about which libmpg123 complains on stderr while it is decoded."""
    file = tmp_path / "clips" / "run_epoch_1_0.mp3"
    file.parent.mkdir()
    soundfile.write(file, riff(1), RATE)
    content = bytearray(file.read_bytes())
    frames = [match.start() for match in re.finditer(rb"\xff[\xf2\xf3\xfa\xfb]", content)]
    for frame in frames[10:20]:
        for offset in range(frame + 4, frame + 24):
            content[offset] ^= 0x5A
    file.write_bytes(content)
    for line in (
        ["init"],
        ["ingest", "clips", "--jobs", "1"],
        ["song", "save", "Mix", "status:ok or status:truncated"],
    ):
        done = run_command(*line, cwd=tmp_path)
        assert done.returncode in (0, 5), done.stderr
    return tmp_path


def test_a_library_that_prints_while_a_song_is_rendered_reaches_no_output(
    noisy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with AudioReader(os.fsencode(noisy / "clips" / "run_epoch_1_0.mp3"), "libsndfile") as reader:
        for _block in reader.blocks():
            pass
    assert "error" in capfd.readouterr().err  # the library does print
    for line in (["song", "render", "Mix"], ["export", "id:1", "--to", "out"], ["reanalyse"]):
        done = run_command(*line, *(["--json"] if line[0] != "export" else []), cwd=noisy)
        assert done.returncode == 0, done.stderr
        if line[0] != "export":
            json.loads(done.stdout)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("executor", ["serial", "threads:1"])
def test_an_ingest_of_a_file_about_which_libsndfile_prints_to_stdout_writes_json(
    tmp_path: Path, new_catalog: MakeCatalog, capfd: pytest.CaptureFixture[str], executor: str
) -> None:
    file = tmp_path / "clips" / "a.caf"
    file.parent.mkdir()
    soundfile.write(file, riff(1), RATE, "ALAC_16")
    content = bytearray(file.read_bytes())
    content[content.index(b"data") - 1] = 0xFF  # the size of the last packet, which goes on in the next byte
    file.write_bytes(content)
    with suppress(soundfile.LibsndfileError):
        soundfile.read(file)
    ctypes.CDLL(None).fflush(None)
    assert "alac" in capfd.readouterr().out  # the library does print
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(
        f'[ingest]\nexecutor = "{executor}"\nmeasure = false\n{PREFIX_ONLY}'
    )
    done = run_command("ingest", "clips", "--no-score", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["files"] == 1
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr() == ("", "")


def test_only_python_writes_to_the_streams(capfd: pytest.CaptureFixture[str]) -> None:
    with without_library_output():
        for stream in (1, 2):
            os.write(stream, b"from a library")
        sys.stdout.write("from Python\n")
        sys.stderr.write("a message\n")
    sys.stderr.write("after\n")
    assert capfd.readouterr() == ("from Python\n", "a message\nafter\n")


def test_the_descriptors_are_restored_after_an_error() -> None:
    before = [os.fstat(number) for number in (1, 2)]
    streams = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    with pytest.raises(ZeroDivisionError), without_library_output():
        assert os.fstat(1).st_rdev == os.stat(os.devnull).st_rdev
        raise ZeroDivisionError
    assert [os.fstat(number) for number in (1, 2)] == before
    assert (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) == streams


def test_the_streams_may_be_closed() -> None:
    command = f'"{sys.executable}" -m thresher --help >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0
