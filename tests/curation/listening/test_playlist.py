"""Playlists of the rest of a queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.curation.listening.listening_clips import ids
from thresher.catalog.catalog import Catalog
from thresher.curation.listening import playlist as listening_playlist
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.queue import (
    plan_listening,
    resume_listening,
)
from thresher.errors import NotFoundError, UsageError


def test_a_playlist_holds_the_rest_of_the_queue(fresh: Catalog, tmp_path: Path) -> None:
    queue = plan_listening(fresh, (), 1)
    mark_heard(fresh, ids(queue)[:7], not_before=queue.started_at)
    rest = resume_listening(fresh)
    assert rest is not None
    written = listening_playlist.write_playlist(fresh, rest)
    assert written.path == str(fresh.root / "listen.m3u8")
    lines = Path(written.path).read_text("utf-8").splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:thresher listen"]
    row = queue.clips[7]
    assert lines[2] == f"#EXTINF:{row.seconds:.3f},night e{row.epoch} · clip {row.id}"
    assert lines[5] == row.path
    assert (written.clips, written.missing) == (2, ())
    # a queue's own list is replaced, another file is not
    listening_playlist.write_playlist(fresh, rest)
    other = tmp_path / "mine.m3u8"
    other.write_text("#EXTM3U\n")
    with pytest.raises(UsageError, match="--overwrite"):
        listening_playlist.write_playlist(fresh, rest, other)
    listening_playlist.write_playlist(fresh, rest, other, overwrite=True)
    assert "\ncopy/clips/night" in other.read_text("utf-8")
    with pytest.raises(UsageError, match="m3u8"):
        listening_playlist.write_playlist(fresh, rest, tmp_path / "list.txt")


def test_a_playlist_leaves_missing_files_out(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    first, *others = [fresh.root / str(row.path) for row in queue.clips]
    first.unlink()
    there = resume_listening(fresh)
    assert there is not None
    written = listening_playlist.write_playlist(fresh, there)
    assert (written.clips, written.missing) == (8, (queue.clips[0].path,))
    for file in others:
        file.unlink()
    with pytest.raises(NotFoundError, match="thresher ingest"):
        listening_playlist.write_playlist(fresh, there)
