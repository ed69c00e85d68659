"""Manifests: what is written, what is read, and what is refused."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.curation.renderings.sounds import SOUNDS
from tests.support import ROOT
from thresher.catalog.catalog import Catalog
from thresher.curation.renderings.history import frozen
from thresher.curation.renderings.manifest import (
    manifest_song,
    manifest_text,
    read_manifest,
    rendering_manifest,
)
from thresher.curation.renderings.plan import is_whole
from thresher.curation.renderings.render import render
from thresher.curation.renderings.reproduce import reproduce
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, ThresherError, UsageError


@pytest.fixture
def catalog(three_clips: Catalog) -> Catalog:
    """Three clips in different formats, and the song "Bone"."""
    return three_clips


@pytest.mark.parametrize("changes", SOUNDS, ids=str)
def test_a_manifest_that_is_written_is_read_back_equal(
    catalog: Catalog, tmp_path: Path, changes: dict[str, Any]
) -> None:
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


def test_the_page_on_manifests_describes_every_key(catalog: Catalog, tmp_path: Path) -> None:
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
def test_a_changed_or_incomplete_manifest_is_refused(
    catalog: Catalog, tmp_path: Path, change: dict[str, Any], message: str | None
) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, **change}))
    with pytest.raises(ThresherError, match=message or "its digest does not match"):
        reproduce(file, tmp_path / "clips", tmp_path / "again.wav")
    assert not (tmp_path / "again.wav").exists()


@pytest.mark.parametrize(
    "text", ["{", "\0\0", "[" * 100_000, '{"a":' * 100_000, f'{{"version": {"9" * 5_000}}}']
)
def test_a_manifest_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ThresherError, match="can't be read as JSON"):
        read_manifest(tmp_path / "m.json")
    assert manifest_song(tmp_path / "m.json") is None


def test_a_manifest_with_a_value_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    deep = f"{'[' * 900}{']' * 900}"
    (tmp_path / "m.json").write_text(f'{{"format": "thresher manifest", "version": 1, "clips": {deep}}}')
    with pytest.raises(ThresherError, match=r"m\.json: invalid json: recursion limit exceeded"):
        read_manifest(tmp_path / "m.json")


def test_a_manifest_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="--manifest` writes one"):
        read_manifest(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("keys", "value", "message"),
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
        (("output", "container"), "XYZ", '"XYZ" with "PCM_24" is not a format'),
        (("output", "container"), "FLAC", "its digest does not match"),
        (("output", "subtype"), "", '"WAV" with "" is not a format'),
        (("song",), "a\0b", "no file name can hold"),
        (("clips", 0, "gain"), 1e308, "the gain of a clip is out of range"),
        (("clips", 0, "gain"), -1, "the gain of a clip is out of range"),
        (("clips", 0, "gain"), float("nan"), "NaN is not a number"),
        (("clips", 0, "transition"), float("inf"), "Infinity is not a number"),
    ],
)
def test_an_invalid_value_is_refused_with_its_key(
    catalog: Catalog, tmp_path: Path, keys: tuple[Any, ...], value: Any, message: str
) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    content = json.loads(file.read_text())
    at = content
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ThresherError, match=re.escape(message)):
        read_manifest(file)


def test_a_manifest_with_the_former_key_seam_is_read(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    expected = read_manifest(file)
    file.write_text(file.read_text().replace('"transition"', '"seam"'))
    assert read_manifest(file) == expected


def test_an_older_manifest_contains_only_wholes(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    file = tmp_path / "bone.wav.manifest.json"
    expected = read_manifest(file)
    content = json.loads(file.read_text())
    content["clips"] = [
        {key: value for key, value in each.items() if key not in ("kind", "name")}
        for each in content["clips"]
    ]
    file.write_text(json.dumps(content))
    assert read_manifest(file) == expected
    assert {(each.kind, each.name) for each in expected[1].clips} == {("whole", None)}


def test_a_manifest_name_must_end_in_json_and_a_dry_run_writes_none(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not end in \.json"):
        render(catalog, "Bone", tmp_path / "bone.wav", manifest=tmp_path / "m.txt")
    assert not (tmp_path / "bone.wav").exists()
    report = render(catalog, "Bone", tmp_path / "bone.wav", manifest=True, dry_run=True)
    assert {*os.listdir(tmp_path)} - {"catalog.db"} == {"catalog.toml", "clips"}
    assert report.dry_run


def test_a_manifest_does_not_replace_another_file(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "bone.wav.manifest.json").write_text('{"mine": 1}')
    with pytest.raises(UsageError, match="exists and is not a manifest of"):
        render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)
    assert not (tmp_path / "bone.wav").exists()
    for _ in range(2):
        render(catalog, "Bone", tmp_path / "bone.wav", manifest=True, overwrite=True)
    render(catalog, "Bone", tmp_path / "bone.wav", manifest=True)


def test_each_file_of_a_song_has_a_manifest_of_its_own(catalog: Catalog, tmp_path: Path) -> None:
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


def test_a_manifest_names_parts_and_is_as_before_without_any(cut_clips: Catalog, tmp_path: Path) -> None:
    save_song(cut_clips, "Cut", "epoch:1 id+", {"ordering": "id+"})
    render(cut_clips, "Cut", tmp_path / "cut.wav", manifest=tmp_path / "m.json")
    clips = json.loads((tmp_path / "m.json").read_text())["clips"]
    assert [each.get("part") for each in clips[:2]] == [None, "part 1 of 3"]
    read, again = read_manifest(tmp_path / "m.json")
    assert [track.part for track in read.tracks][-1] == "mark 2 of 2"
    assert manifest_text(again) == (tmp_path / "m.json").read_text()
