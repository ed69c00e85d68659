"""Files and catalogs of another user: what may be read works, what may not is named with what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import COMMAND, Finished, WriteClip, environment, run_command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None,
        reason="needs root on Linux and setpriv",
    ),
]

OTHER = 12_345
"""The id of the other user."""

WITHOUT_RIGHTS = "-dac_override,-dac_read_search"
"""What lets root read and write the files of others."""

READING = [
    ["list"],
    ["show", "1"],
    ["stats"],
    ["history"],
    ["batches"],
    ["near", "1"],
    ["song", "list"],
    ["song", "show", "Bone"],
    ["verify"],
]


@pytest.fixture
def home(tmp_path: Path, write_clip: WriteClip) -> Path:
    """A folder with a catalog of three clips, a song, and a clip that is not in the catalog."""
    for seed in range(3):
        write_clip(tmp_path / "clips" / f"epoch_{seed}_0.wav", seed, 3.0, rate=8_000)
    for arguments in (["init"], ["ingest", "clips"], ["song", "save", "Bone", "rejected:no"]):
        assert run_command(*arguments, cwd=tmp_path).returncode == 0
    write_clip(tmp_path / "clips" / "epoch_9_0.wav", 9, 3.0, rate=8_000)
    return tmp_path


def run_without_rights(*arguments: str, cwd: Path) -> Finished:
    """Run thresher as a user who may do with the files of others only what their modes allow."""
    rights = ["setpriv", f"--bounding-set={WITHOUT_RIGHTS}", f"--inh-caps={WITHOUT_RIGHTS}"]
    done = subprocess.run(
        [*rights, *COMMAND, *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "unexpected" not in done.stderr
    assert "Traceback" not in done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


def give_away(path: Path, mode: int) -> None:
    """Give a file or folder to the other user."""
    os.chown(path, OTHER, OTHER)
    path.chmod(mode)


@pytest.mark.parametrize("name", ["catalog.db", "catalog.toml"])
def test_a_catalog_that_may_not_be_read_is_named(home: Path, name: str) -> None:
    give_away(home / name, 0o600)
    for arguments in (["list"], ["ingest", "clips"]):
        done = run_without_rights(*arguments, cwd=home)
        assert done.returncode == 3
        assert name in done.stderr
        assert "Permission denied" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (home / name).chmod(0o644)
    assert run_without_rights("list", cwd=home).returncode == 0


def test_a_catalog_that_may_only_be_read_can_be_listed_but_not_changed(home: Path) -> None:
    for path in (home / "catalog.db", home / "catalog.toml"):
        give_away(path, 0o644)
    give_away(home, 0o755)
    for arguments in READING:
        done = run_without_rights(*arguments, cwd=home)
        assert done.returncode == 0, (arguments, done)
    for arguments in (["rate", "1", "5"], ["ingest", "clips"], ["song", "save", "Skin", "rating:5"]):
        done = run_without_rights(*arguments, cwd=home)
        assert done.returncode == 3, (arguments, done)
        assert done.stderr.splitlines()[-1] == (
            f"error: {home / 'catalog.db'} can't be written (Permission denied); make the file and its folder "
            "writable for your user, and run the command again"
        )
    assert run_command("rate", "1", "5", cwd=home).returncode == 0


def test_clips_that_may_not_be_read_are_listed_and_taken_later(home: Path) -> None:
    give_away(home / "clips" / "epoch_9_0.wav", 0o600)
    done = run_without_rights("ingest", "clips", "--json", cwd=home)
    assert done.returncode == 5
    (failure,) = json.loads(done.stdout)["failures"]
    assert failure["path"] == "clips/epoch_9_0.wav"
    assert failure["reason"] == "Permission denied"
    give_away(home / "clips" / "epoch_0_0.wav", 0o600)
    rendered = run_without_rights("song", "render", "Bone", "-o", "bone.wav", cwd=home)
    assert rendered.returncode != 0
    assert "epoch_0_0.wav" in rendered.stderr
    for number in (0, 9):
        (home / "clips" / f"epoch_{number}_0.wav").chmod(0o644)
    assert run_without_rights("ingest", "clips", cwd=home).returncode == 0
    assert run_without_rights("song", "render", "Bone", "-o", "bone.wav", cwd=home).returncode == 0


def test_outputs_to_the_folder_of_another_user_name_the_cause(home: Path) -> None:
    (home / "out").mkdir()
    give_away(home / "out", 0o755)
    for arguments in (
        ["song", "render", "Bone", "-o", "out/bone.wav"],
        ["song", "export", "Bone", "--stems", "out/stems"],
        ["export", "status:ok", "--to", "out"],
        ["report", "-o", "out/report.html"],
        ["init", "out"],
    ):
        done = run_without_rights(*arguments, cwd=home)
        assert done.returncode in (1, 3), (arguments, done)
        assert "Permission denied" in done.stderr, (arguments, done)
    assert not os.listdir(home / "out")
