"""The values of a field, for completion."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import MakeCatalog, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import tag
from thresher.curation.clips.field_values import common_values
from thresher.curation.cutting.marks import mark, unmark
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.songs import delete_song, save_song
from thresher.errors import UsageError


def test_the_most_frequent_values_come_first(
    new_catalog: MakeCatalog, tmp_path: Path, write_clip: WriteClip
) -> None:
    with new_catalog(tmp_path) as catalog:
        for index, run in enumerate(("night", "day", "day")):
            write_clip(tmp_path / f"in/{run}_epoch_{index}_1.wav", index, 1.0)
        ingest(catalog, [tmp_path / "in"], IngestOptions(executor="serial"))
        tag(catalog, ["2", "3"], add=["riff"])
        tag(catalog, ["2"], add=["a loud one"])
        assert common_values(catalog, "run") == ["day", "night"]
        assert common_values(catalog, "tag") == ["riff", "a loud one"]
        assert common_values(catalog, "tag", 1) == ["riff"]
        assert common_values(catalog, "song") == []
        with pytest.raises(UsageError):
            common_values(catalog, "nosuch")


def test_deleted_songs_and_the_tags_of_removed_clips_are_left_out(cut_clips: Catalog) -> None:
    made = mark(cut_clips, "1", 0.0, 0.5).marks[0].clip
    tag(cut_clips, [str(made)], add=["of a mark"])
    save_song(cut_clips, "kept", "id:1")
    save_song(cut_clips, "gone", "id:1")
    assert "of a mark" in common_values(cut_clips, "tag")
    assert {"kept", "gone"} <= set(common_values(cut_clips, "song"))
    unmark(cut_clips, [str(made)])
    delete_song(cut_clips, "gone")
    assert "of a mark" not in common_values(cut_clips, "tag")
    assert "kept" in common_values(cut_clips, "song")
    assert "gone" not in common_values(cut_clips, "song")
