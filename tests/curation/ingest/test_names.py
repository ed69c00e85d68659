"""The preview of names: shapes, what they read, and what an ingest says about names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema
from thresher.catalog.provenance.provenance import compile_pattern
from thresher.curation.clips.decisions import modify
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.names import preview_names
from thresher.curation.ingest.options import IngestOptions

OWN = compile_pattern("own", r"night_ep(?P<epoch>\d+)_z(?P<seed>\d+)")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_shapes_with_what_is_read_and_by_which_pattern(tmp_path: Path) -> None:
    names = ("run7/step_2k.wav", "run7/step_4k.wav", "run8/step_2k.wav", "run8/night_ep3_z7.wav", "top.wav")
    runs = touch(tmp_path / "runs", *names)
    (runs / "top.json").write_text(json.dumps({"epoch": 5, "step": "final"}))
    preview = preview_names([runs])
    step, own, top = preview.shapes
    assert (preview.files, preview.unnamed) == (5, 1)
    assert (step.shape, step.files, step.pattern) == ("runs/run#/step_#k.wav", 3, "step")
    assert step.reads == {"run": "run7", "step": "2000"}
    assert step.sources == {"run": "folder", "step": "name"}
    assert (own.pattern, own.is_named, own.reads) == (None, False, {"run": "run8"})
    assert own.suggestion is not None
    assert own.suggestion.reads == {"run": "night", "epoch": "3", "z": "7"}
    assert (top.reads, top.sources["epoch"]) == ({"run": "runs", "epoch": "5"}, "sidecar")
    (warning,) = preview.warnings
    assert warning.startswith(f'{runs / "top.wav"}: step "final" in the sidecar is not a whole number')
    named = preview_names([runs], [OWN]).shapes[1]
    assert (named.pattern, named.reads) == ("own", {"run": "run8", "epoch": "3", "seed": "7"})


def test_shapes_of_which_the_same_is_read_are_one_group(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = ("kick", "snare hat", "amen (2)", "loop_3b", "x/y/ride")
    touch(runs, *(f"{word}{suffix}" for word in words for suffix in (".wav", ".flac")))
    touch(runs, *(f"{word}_step_{step}.{word}.wav" for word in ("dawn", "dusk", "night") for step in (1, 2)))
    touch(runs, *(f"{word}_ep{epoch}_z7{word}.mp3" for word in ("a", "b") for epoch in (1, 2)), "notes.txt")
    touch(runs, "side/a.wav", "side/b.wav")
    for name, more in (("a", {"mood": "calm"}), ("b", {"key": "C"})):
        (runs / "side" / f"{name}.json").write_text(json.dumps({"epoch": 3, **more}))
    preview = preview_names([runs])
    assert preview.ignored_suffixes == {".txt": 1}
    assert sum(group.files for group in preview.groups) == preview.files == 22
    assert sum(group.shapes for group in preview.groups) == len(preview.shapes)
    groups = {group.shape: group for group in preview.groups}
    assert {shape: (group.files, group.shapes, group.pattern) for shape, group in groups.items()} == {
        "runs/**/*.*": (10, 10, None),
        "runs/*_step_#.*.wav": (6, 3, "step"),
        "runs/*_ep#_z#*.mp3": (4, 2, None),
        "runs/side/*.wav": (2, 2, None),
    }
    assert len(groups["runs/**/*.*"].examples) == 3
    assert [each.reads["step"] for each in groups["runs/*_step_#.*.wav"].examples] == ["1", "1", "1"]
    suggestion = groups["runs/*_ep#_z#*.mp3"].suggestion
    assert suggestion is not None
    assert suggestion.reads == {"run": "a", "epoch": "1", "z": "7"}
    sides = groups["runs/side/*.wav"].examples
    assert [sorted(each.reads) for each in sides] == [["epoch", "mood", "run"], ["epoch", "key", "run"]]


def test_a_preview_reads_what_an_ingest_reads(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    names = ("a/checkpoint-5000/x.wav", "b/iter100k_3.wav", "checkpoint-7/y.wav", "z.wav")
    for seed, name in enumerate(names):
        write_clip(tmp_path / "runs" / name, seed, 0.5)
    (tmp_path / "runs" / "z.json").write_text(json.dumps({"run": "beside", "step": "120k"}))
    ingest(catalog, [tmp_path / "runs"], serial)
    shown = [show_clip(catalog, str(row.id)).locations[0] for row in list_clips(catalog, "path+")]
    stored = {
        place.path: {
            **{
                key: str(value)
                for key in ("run", "epoch", "step")
                if (value := getattr(place, key)) is not None
            },
            **place.attributes,
        }
        for place in shown
    }
    preview = preview_names([tmp_path / "runs"])
    assert {shape.example.removeprefix(f"{tmp_path}/"): shape.reads for shape in preview.shapes} == stored
    assert [place.run for place in shown] == ["a", "b", "runs", "beside"]


def test_an_ingest_says_which_new_files_name_no_checkpoint(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    for seed in range(4):
        write_clip(tmp_path / "runs" / f"x{seed}.wav", seed, 0.5)
    write_clip(tmp_path / "runs" / "step_5.wav", 9, 0.5)
    for options in (replace(serial, dry_run=True), serial):
        report = ingest(catalog, [tmp_path / "runs"], options)
        assert report.unnamed == 4
        assert [Path(path).name for path in report.unnamed_examples] == ["x0.wav", "x1.wav", "x2.wav"]
        assert report.given == (str(tmp_path / "runs"),)
    assert ingest(catalog, [tmp_path / "runs"], serial).unnamed == 0
    write_clip(tmp_path / "more" / "y.wav", 10, 0.5)
    assert ingest(catalog, [tmp_path / "more"], replace(serial, epoch=3)).unnamed == 0
    write_clip(tmp_path / "more" / "z.wav", 11, 0.5)
    assert ingest(catalog, [tmp_path / "more"], replace(serial, role="reference")).unnamed == 0


def test_reading_again_shows_old_and_new_values_and_keeps_corrections(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    runs = tmp_path / "runs"
    for seed, name in enumerate(("night_ep3_z7.wav", "night_ep4_z8.wav", "run7/a.wav", "run7/b.wav")):
        write_clip(runs / name, seed, 0.5)
    ingest(catalog, [runs / "run7"], replace(serial, run="runs"))
    with writing(catalog) as connection:  # as a version without sub-folders stored it
        connection.execute(update(schema.batch).values(options="{}"))
    ingest(catalog, [runs], serial)
    modify(catalog, "path::b.wav", {"run": "mine"})
    catalog.settings = replace(catalog.settings, provenance=(OWN,))
    for options in (replace(serial, reread=True, dry_run=True), replace(serial, reread=True)):
        report = ingest(catalog, [runs], options)
        assert report.corrected == 4
        assert [(each.shape, each.files, dict(each.changes)) for each in report.reread] == [
            ("runs/night_ep#_z#.wav", 2, {"epoch": (None, "3"), "seed": (None, "7")}),
            ("runs/run#/a.wav", 1, {"run": ("runs", "run7")}),
            ("runs/run#/b.wav", 1, {"run": ("runs", "run7")}),
        ]
    assert ingest(catalog, [runs], replace(serial, reread=True)).reread == ()
    assert [(row.run, row.epoch) for row in list_clips(catalog, "path+")] == [
        ("runs", 3),
        ("runs", 4),
        ("run7", None),
        ("mine", None),
    ]


def test_reading_again_replaces_the_keys_of_earlier_versions(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = write_clip(tmp_path / "runs" / "a.wav", 1, 0.5)
    former = {"lora_": "shark", "top_k_": "5", "sidecar_length": "3", "mood": "calm"}
    ingest(catalog, [path], replace(serial, attributes=former))
    modify(catalog, "1", {"top_k_": "6"})
    path.with_suffix(".json").write_text(
        json.dumps({"lora1": "shark", "lora2": "whale", "Top-K2": 5, "Mood": 1})
    )
    options = replace(serial, reread=True)
    (again,) = ingest(catalog, [tmp_path / "runs"], options).reread
    assert again.changes["lora_"] == ("shark", None)
    assert show_clip(catalog, "1").locations[0].attributes == {
        **{"lora1": "shark", "lora2": "whale", "Top-K2": "5", "Mood": "1"},
        **{"top_k_": "6", "sidecar_length": "3", "mood": "calm"},
    }
    assert ingest(catalog, [tmp_path / "runs"], options).corrected == 0


def test_reading_again_from_a_higher_folder_keeps_the_run(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "all" / "runs" / "run7" / "a.wav", 1, 0.5)
    ingest(catalog, [tmp_path / "all" / "runs"], serial)
    ingest(catalog, [tmp_path], replace(serial, reread=True))
    assert list_clips(catalog)[0].run == "run7"
