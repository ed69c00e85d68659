"""The audio of a manifest, reproduced from the same contents without a catalog."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.curation.renderings.sounds import SOUNDS
from tests.support import RATE, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.catalog.files.files import sha256_file
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import render
from thresher.curation.renderings.reproduce import reproduce
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, UsageError


@pytest.fixture
def catalog(three_clips: Catalog) -> Catalog:
    """Three clips in different formats, and the song "Bone"."""
    return three_clips


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder for renamed copies of the clips."""
    return tmp_path / "elsewhere"


def moved_away(catalog: Catalog, tmp_path: Path, elsewhere: Path) -> None:
    """Delete the catalog and the clips; only renamed copies of the clips remain, next to another file."""
    catalog.close()
    (elsewhere / "deep").mkdir(parents=True)
    for number, file in enumerate(sorted((tmp_path / "clips").iterdir())):
        shutil.copy(file, elsewhere / "deep" / f"{number}.wav")
    (elsewhere / "noise.wav").write_bytes(b"no audio at all")
    shutil.rmtree(tmp_path / "clips")
    (tmp_path / "catalog.db").unlink(missing_ok=True)  # a server's catalog stays, unnoticed
    (tmp_path / "catalog.toml").unlink()


@pytest.mark.parametrize("changes", SOUNDS, ids=str)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_the_audio_is_reproduced_without_a_catalog(
    catalog: Catalog, tmp_path: Path, elsewhere: Path, changes: dict[str, Any], suffix: str
) -> None:
    if changes.get("subtype") == "FLOAT" and suffix == ".flac":
        return
    save_song(catalog, "Bone", None, changes)
    made = render(catalog, "Bone", tmp_path / f"bone{suffix}", manifest=True)
    assert made.manifest == str(tmp_path / f"bone{suffix}.manifest.json")
    moved_away(catalog, tmp_path, elsewhere)
    again = reproduce(tmp_path / f"bone{suffix}.manifest.json", elsewhere, tmp_path / f"again{suffix}")
    assert (again.same_bytes, again.sha256, again.number) == (True, made.sha256, 1)
    assert again.limited == made.limited
    assert sha256_file(str(tmp_path / f"again{suffix}")) == made.sha256


def test_contents_are_found_under_any_name(catalog: Catalog, tmp_path: Path, elsewhere: Path) -> None:
    made = render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    moved_away(catalog, tmp_path, elsewhere)
    for file in (elsewhere / "deep").iterdir():
        file.rename(file.with_suffix(".bin"))
    os.mkfifo(elsewhere / "fifo.wav")
    again = reproduce(tmp_path / "bone.wav.manifest.json", elsewhere, tmp_path / "again.wav")
    assert again.sha256 == made.sha256


def test_missing_contents_are_listed(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    (tmp_path / "clips/run_epoch_1_0.wav").write_bytes(b"another content")
    with pytest.raises(NotFoundError, match=r"1 clip of the manifest not found .*run_epoch_1_0\.wav"):
        reproduce(tmp_path / "bone.wav.manifest.json", tmp_path / "clips", tmp_path / "again.wav")
    with pytest.raises(NotFoundError, match="there is no folder"):
        reproduce(tmp_path / "bone.wav.manifest.json", tmp_path / "nowhere", tmp_path / "again.wav")


def test_another_file_is_replaced_only_with_overwrite(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    (tmp_path / "again.wav").write_bytes(b"mine")
    manifest = tmp_path / "bone.wav.manifest.json"
    with pytest.raises(UsageError, match="is not what the manifest describes"):
        reproduce(manifest, tmp_path / "clips", tmp_path / "again.wav")
    with pytest.raises(UsageError, match=r"give -o FILE\.wav"):
        reproduce(manifest, tmp_path / "clips", tmp_path / "again.flac")
    assert (tmp_path / "again.wav").read_bytes() == b"mine"
    dry = reproduce(manifest, tmp_path / "clips", tmp_path / "again.wav", dry_run=True, overwrite=True)
    assert (dry.dry_run, dry.sha256, (tmp_path / "again.wav").read_bytes()) == (True, None, b"mine")
    assert reproduce(manifest, tmp_path / "clips", tmp_path / "again.wav", overwrite=True).same_bytes
    assert reproduce(manifest, tmp_path / "clips", tmp_path / "bone.wav").same_bytes


def test_other_bytes_are_reported(catalog: Catalog, tmp_path: Path) -> None:
    """The manifest contains another digest, as if another version of a library had written the file."""
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    content = json.loads(file.read_text())
    content["output"]["sha256"] = "0" * 64
    file.write_text(json.dumps(content))
    assert reproduce(file, tmp_path / "clips", tmp_path / "again.wav").same_bytes is False


def test_a_clip_is_never_replaced(catalog: Catalog, tmp_path: Path, elsewhere: Path) -> None:
    """Neither a clip of the manifest, nor a clip of a catalog in the folder of the output."""
    save_song(catalog, "Bone", ["1", ",", "2"])
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    clips = {path: path.read_bytes() for path in (tmp_path / "clips").iterdir()}
    manifest = tmp_path / "bone.wav.manifest.json"
    for path in clips:
        with pytest.raises(UsageError, match="which is never replaced or deleted"):
            reproduce(manifest, tmp_path / "clips", path, overwrite=True)
    elsewhere.mkdir()
    copied = elsewhere / "copy.wav"
    copied.write_bytes((tmp_path / "clips/run_epoch_0_0.wav").read_bytes())
    with pytest.raises(UsageError, match="which is never replaced or deleted"):
        shutil.copy(tmp_path / "clips/run_epoch_1_0.wav", elsewhere / "other.wav")
        reproduce(manifest, elsewhere, copied, overwrite=True)
    assert {path: path.read_bytes() for path in clips} == clips


def test_tagged_and_converted_files_are_found_by_their_audio(
    catalog: Catalog, tmp_path: Path, elsewhere: Path
) -> None:
    report = render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    moved_away(catalog, tmp_path, elsewhere)
    for path in (elsewhere / "deep").iterdir():
        path.write_bytes(path.read_bytes() + b"LIST\x0c\0\0\0INFOINAMsong")
    again = reproduce(f"{report.path}.manifest.json", elsewhere, tmp_path / "again.wav")
    assert (again.same_bytes, again.sha256) == (True, report.sha256)


def test_tagged_files_of_equal_audio_and_cut_files_are_found(
    catalog: Catalog, tmp_path: Path, sound: MakeSound, serial: IngestOptions
) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    soundfile.write(folder / "a.wav", sound(1, 3), RATE)
    y, sr = soundfile.read(folder / "a.wav", dtype="int16")
    soundfile.write(folder / "b.wav", y, sr, subtype="PCM_24")
    soundfile.write(folder / "c.wav", sound(2, 3), RATE)
    (folder / "c.wav").write_bytes((folder / "c.wav").read_bytes()[:-20_000])
    ingest(catalog, [folder], serial)
    save_song(catalog, "Three", ["path:more"])
    report = render(catalog, "Three", tmp_path / "three.wav", manifest=True)
    assert report.clips == 3
    for path in folder.iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:12] + b"LIST\x0c\0\0\0INFOINAMsong" + content[12:])
    again = reproduce(f"{report.path}.manifest.json", folder, tmp_path / "again.wav")
    assert (again.same_bytes, again.sha256) == (True, report.sha256)


def test_a_manifest_without_audio_keys_finds_files_by_their_bytes(
    catalog: Catalog, tmp_path: Path, elsewhere: Path
) -> None:
    report = render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = Path(f"{report.path}.manifest.json")
    content = json.loads(file.read_text())
    for clip in content["clips"]:
        del clip["audio_key"]
    file.write_text(json.dumps(content))
    moved_away(catalog, tmp_path, elsewhere)
    assert reproduce(file, elsewhere, tmp_path / "again.wav").same_bytes is True


def test_a_file_that_changes_while_it_is_read_makes_no_file(
    catalog: Catalog, tmp_path: Path, elsewhere: Path
) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    moved_away(catalog, tmp_path, elsewhere)
    changed = elsewhere / "deep/0.wav"
    content = changed.read_bytes()

    def meanwhile(stage: str, *_progress: int) -> None:
        if stage == "rendering":
            changed.write_bytes(content)

    with pytest.raises(NotFoundError, match=r"deep/0\.wav changed while the song was made"):
        reproduce(tmp_path / "bone.wav.manifest.json", elsewhere, tmp_path / "again.wav", progress=meanwhile)
    assert not list(tmp_path.glob("again.wav*"))
