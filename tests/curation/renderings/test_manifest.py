"""Manifests: what a rendering was, as a file; and its audio again from the same contents, without a catalog."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from thresher.catalog.catalog import Catalog
from thresher.catalog.edits import Edits
from thresher.catalog.files import sha256_file
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.history import frozen
from thresher.curation.renderings.manifest import manifest_text, read_manifest, rendering_manifest
from thresher.curation.renderings.plan import is_whole
from thresher.curation.renderings.render import render
from thresher.curation.renderings.reproduce import reproduce
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, ThresherError, UsageError

SOUNDS: list[dict[str, Any]] = [
    {},
    {"crossfade": 0.4},
    {"gap": 0.25, "fade": 0.1},
    {"lufs": -20.0, "channels": 2},
    {"sample_rate": 22_050, "channels": 1, "dither": True},
    {"subtype": "FLOAT", "crossfade": 1.0, "lufs": -16.0},
    {"edits": Edits(pins=((3, 1),)), "ordering": "manual", "manual": (2, 1, 3)},
]


@pytest.fixture
def catalog(catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path) -> Catalog:
    """Three clips, one in stereo at another rate, and the song "Bone"."""
    write_clip(tmp_path / "clips/run_epoch_0_0.wav", 0)
    write_clip(tmp_path / "clips/run_epoch_1_0.wav", 1, rate=22_050, channels=2)
    write_clip(tmp_path / "clips/run_epoch_2_0.wav", 2, 3.3, subtype="FLOAT")
    ingest(catalog, [tmp_path / "clips"], serial)
    save_song(catalog, "Bone", [], {"ordering": "epoch+"})
    return catalog


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Where the same contents lie under other names, among others."""
    return tmp_path / "elsewhere"


def moved_away(catalog: Catalog, tmp_path: Path, elsewhere: Path) -> None:
    """The catalog is gone, and of the clips only renamed copies are left."""
    catalog.close()
    (elsewhere / "deep").mkdir(parents=True)
    for number, file in enumerate(sorted((tmp_path / "clips").iterdir())):
        shutil.copy(file, elsewhere / "deep" / f"{number}.wav")
    (elsewhere / "noise.wav").write_bytes(b"no audio at all")
    shutil.rmtree(tmp_path / "clips")
    (tmp_path / "catalog.db").unlink()
    (tmp_path / "catalog.toml").unlink()


@pytest.mark.parametrize("changes", SOUNDS, ids=str)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_its_audio_comes_again_without_a_catalog(
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


@pytest.mark.parametrize("changes", SOUNDS, ids=str)
def test_what_is_written_is_what_is_read(catalog: Catalog, tmp_path: Path, changes: dict[str, Any]) -> None:
    save_song(catalog, "Bone", None, changes)
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=tmp_path / "m.json")
    plan, then = frozen(catalog, "Bone", 1)
    read, again = read_manifest(tmp_path / "m.json")
    assert is_whole(read, again.output.container, again.output.subtype, again.plan_sha256)
    assert (read.fades, read.frames, read.song.settings) == (plan.fades, plan.frames, plan.song.settings)
    assert (again.output.sha256, again.plan_sha256, again.versions) == (
        then.sha256,
        then.plan_sha256,
        then.versions,
    )
    assert manifest_text(again) == (tmp_path / "m.json").read_text()
    assert rendering_manifest(plan, then) == again


def test_the_document_describes_every_key(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    document = (ROOT / "docs/manifest.md").read_text(encoding="utf-8")
    content = json.loads((tmp_path / "bone.wav.manifest.json").read_text())
    keys = {*content, *content["output"], *content["clips"][0], *content["settings"]}
    assert sorted(key for key in keys if f"`{key}`" not in document) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "playlist"}, "is not the manifest of a song"),
        ({"version": 2}, "is a manifest of version 2, but this program reads version 1"),
        ({"clips": [{"clip": 1}]}, r"clips\.0\.sha256: field required"),
        ({"fade_frames": "long"}, "fade_frames: input should be a valid integer"),
        ({"song": "Marrow"}, None),
        ({"fade_frames": 9}, "was changed or is damaged: its digest"),
        ({"clips": []}, "was changed or is damaged: it lists no clips"),
    ],
)
def test_what_is_no_whole_manifest_is_refused(
    catalog: Catalog, tmp_path: Path, change: dict[str, Any], message: str | None
) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, **change}))
    with pytest.raises(ThresherError, match=message or "its digest does not match"):
        reproduce(file, tmp_path / "clips", tmp_path / "again.wav")
    assert not (tmp_path / "again.wav").exists()


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(ThresherError, match="can't be read as JSON"):
        read_manifest(tmp_path / "m.json")
    with pytest.raises(NotFoundError, match="--manifest` writes one"):
        read_manifest(tmp_path / "none.json")


def test_contents_that_are_not_there_are_listed(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    (tmp_path / "clips/run_epoch_1_0.wav").write_bytes(b"another content")
    with pytest.raises(NotFoundError, match=r"1 clip of the manifest not found .*run_epoch_1_0\.wav"):
        reproduce(tmp_path / "bone.wav.manifest.json", tmp_path / "clips", tmp_path / "again.wav")
    with pytest.raises(NotFoundError, match="there is no folder"):
        reproduce(tmp_path / "bone.wav.manifest.json", tmp_path / "nowhere", tmp_path / "again.wav")


def test_another_file_is_not_replaced(catalog: Catalog, tmp_path: Path) -> None:
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


def test_other_bytes_are_told(catalog: Catalog, tmp_path: Path) -> None:
    """As by another version of a library: here the manifest says other bytes than its plan makes."""
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    content = json.loads(file.read_text())
    content["output"]["sha256"] = "0" * 64
    file.write_text(json.dumps(content))
    assert reproduce(file, tmp_path / "clips", tmp_path / "again.wav").same_bytes is False


def test_a_manifest_of_its_own_name(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not end in \.json"):
        render(catalog, "Bone", tmp_path / "bone.wav", manifest=tmp_path / "m.txt")
    assert not (tmp_path / "bone.wav").exists()
    report = render(catalog, "Bone", tmp_path / "bone.wav", manifest=True, dry_run=True)
    assert sorted(os.listdir(tmp_path)) == ["catalog.db", "catalog.toml", "clips"]
    assert report.dry_run


def test_a_clip_is_never_replaced(catalog: Catalog, tmp_path: Path, elsewhere: Path) -> None:
    """Neither one of the manifest's own, nor another of a catalog that lies there."""
    save_song(catalog, "Bone", ["1", ",", "2"])
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    clips = {path: path.read_bytes() for path in (tmp_path / "clips").iterdir()}
    manifest = tmp_path / "bone.wav.manifest.json"
    for path in clips:
        with pytest.raises(UsageError, match="is a clip and is not overwritten"):
            reproduce(manifest, tmp_path / "clips", path, overwrite=True)
    elsewhere.mkdir()
    copied = elsewhere / "copy.wav"
    copied.write_bytes((tmp_path / "clips/run_epoch_0_0.wav").read_bytes())
    with pytest.raises(UsageError, match="is a clip and is not overwritten"):
        shutil.copy(tmp_path / "clips/run_epoch_1_0.wav", elsewhere / "other.wav")
        reproduce(manifest, elsewhere, copied, overwrite=True)
    assert {path: path.read_bytes() for path in clips} == clips


def test_what_is_no_manifest_is_not_replaced_by_one(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "bone.wav.manifest.json").write_text('{"mine": 1}')
    with pytest.raises(UsageError, match="exists and is not a manifest of"):
        render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    assert not (tmp_path / "bone.wav").exists()
    for _ in range(2):
        render(catalog, "Bone", tmp_path / "bone.wav", manifest=True, overwrite=True)
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)


def test_each_form_has_a_manifest_of_its_own(catalog: Catalog, tmp_path: Path) -> None:
    for suffix in (".wav", ".flac"):
        render(catalog, "Bone", tmp_path / f"bone{suffix}", manifest=True)
    containers = [
        read_manifest(tmp_path / f"bone{suffix}.manifest.json")[1].output.container
        for suffix in (".wav", ".flac")
    ]
    assert containers == ["WAV", "FLAC"]
    save_song(catalog, "Other", ["epoch:1"])
    with pytest.raises(UsageError, match='is not a manifest of "Other"'):
        render(catalog, "Other", tmp_path / "other.wav", manifest=tmp_path / "bone.wav.manifest.json")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("settings", "gap"), "x", "settings.gap"),
        (("settings", "manual"), 5, "settings.manual"),
        (("settings", "edits"), {"pins": [1]}, "settings.edits.pins"),
        (("settings", "lufs"), 7, "--lufs 7 is out of range"),
        (("settings",), {}, "settings.query: field required"),
        (("output", "sample_rate"), 0, "is out of range"),
        (("output", "channels"), 7, "is out of range"),
        (("clips", 0, "sample_rate"), 0, "is out of range"),
        (("clips", 0, "gain"), "1", "clips.0.gain"),
        (("clips", 0, "fade_in"), 9, "its fades do not match"),
        (("rendering",), -3, "is out of range"),
    ],
)
def test_nonsense_is_told_in_a_sentence(
    catalog: Catalog, tmp_path: Path, place: tuple[Any, ...], value: Any, message: str
) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    content = json.loads(file.read_text())
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ThresherError, match=re.escape(message)):
        read_manifest(file)


def test_contents_are_found_whatever_they_are_called(
    catalog: Catalog, tmp_path: Path, elsewhere: Path
) -> None:
    made = render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    moved_away(catalog, tmp_path, elsewhere)
    for file in (elsewhere / "deep").iterdir():
        file.rename(file.with_suffix(".bin"))
    os.mkfifo(elsewhere / "fifo.wav")
    again = reproduce(tmp_path / "bone.wav.manifest.json", elsewhere, tmp_path / "again.wav")
    assert again.sha256 == made.sha256


def test_an_output_is_no_folder(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"folder\.wav is a folder"):
            render(catalog, "Bone", tmp_path / "folder.wav", overwrite=overwrite)


def test_a_manifest_with_the_former_key_seam_is_read(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    expected = read_manifest(file)
    file.write_text(file.read_text().replace('"transition"', '"seam"'))
    assert read_manifest(file) == expected
