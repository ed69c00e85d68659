"""Showing everything about one clip."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.catalog.settings.sections import Settings, trim_key
from thresher.curation.clips.decisions import modify
from thresher.curation.clips.detail import CutRow, show_clip
from thresher.curation.clips.listing import list_clips

TODAY = trim_key(Settings().trim)
NEAR = 0.6999999880790710  # 0.7 as float32


def test_show_returns_locations_neighbours_and_checkpoints(small_catalog: Catalog) -> None:
    detail = show_clip(small_catalog, "1")
    assert detail.clip == list_clips(small_catalog, "1")[0]
    assert (detail.end, detail.fingerprint_words, detail.added, detail.trim) == (6.0, 10, 10.0, TODAY)
    assert [(at.path, at.missing_since, at.epoch, at.attributes) for at in detail.locations] == [
        ("out/a b.wav", 100.0, 10, {"epoch": "hidden", "rate": "hidden", "temperature": "0.9"}),
        ("copy/a.wav", None, 10, {"prompt": "drums"}),
        ("copy/z.wav", None, 20, {}),
    ]
    assert [(near.metric, near.version, near.clip, near.path, near.score) for near in detail.nearest] == [
        ("other", 3, 3, "out/c.wav", 0.5),
        ("prefix", 1, 7, "out/parts.wav", NEAR),
    ]
    assert (detail.checkpoints_disagree, detail.checkpoint_pinned) == (True, False)


def test_no_transaction_is_open_while_the_offset_of_the_nearest_clip_is_found(
    cut_clips: Catalog, computed_in_transactions: list[str]
) -> None:
    offsets = {row.metric: row.offset for row in show_clip(cut_clips, "2").nearest}
    assert offsets["aligned"] is not None
    assert all(offset is None for metric, offset in offsets.items() if metric != "aligned")
    assert computed_in_transactions == []


def test_a_corrected_checkpoint_is_no_longer_questioned(small_catalog: Catalog) -> None:
    modify(small_catalog, "1", {"epoch": "10"})
    assert not show_clip(small_catalog, "1").checkpoints_disagree


def test_show_tells_corrections_and_failed_clips(small_catalog: Catalog) -> None:
    corrected = show_clip(small_catalog, "3")
    assert (corrected.checkpoint_pinned, corrected.checkpoints_disagree) == (True, False)
    assert (corrected.clip.run, corrected.locations[0].run) == ("a", "b")
    failed = show_clip(small_catalog, "6")
    assert (failed.end, failed.fingerprint_words, failed.nearest) == (None, 0, ())


def test_show_tells_how_a_recording_is_cut(cut_clips: Catalog) -> None:
    whole = show_clip(cut_clips, str(cut_clips.root / "out/run_epoch_1_0.wav"))
    assert (whole.clip.id, whole.is_hidden, whole.marks) == (1, True, ())
    assert [each.clip for each in whole.parts] == [5, 6, 7]
    part = show_clip(cut_clips, "7")
    assert (part.clip.place, part.is_hidden, part.split) == ("part 3 of 3", False, '{"silence":0.4}')
    assert part.nearest[0].clip not in (1, 5, 6)
    marked = show_clip(cut_clips, "3")
    assert (marked.clip.place, marked.is_hidden, marked.parts) == (None, False, ())
    assert marked.marks == (CutRow(8, "drop", 1.0, 3.0), CutRow(9, None, 2.0, 3.5))
