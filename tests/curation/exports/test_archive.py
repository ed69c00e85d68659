"""Clips as a ZIP file that is made while it is read, and one clip as a file."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeCatalog, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import reject
from thresher.curation.cutting.marks import mark
from thresher.curation.exports import archive, clip_file
from thresher.curation.exports.archive import LEFT_OUT, clip_archive, clip_download
from thresher.curation.exports.clip_file import Item
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import AudioError, NotFoundError


@pytest.fixture
def mixed(
    new_catalog: MakeCatalog, tmp_path: Path, write_clip: WriteClip, serial: IngestOptions
) -> Iterator[Catalog]:
    """Three clips, of which the second is rejected and the first has a mark, clip 4."""
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    for seed in (1, 2, 3):
        write_clip(tmp_path / f"{seed}.wav", seed, 2.0)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [tmp_path], serial)
        mark(catalog, "1", 0.5, 1.0, name="drop")
        reject(catalog, "2")
        yield catalog


def unpacked(pieces: Iterator[bytes]) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_is_not_in_the_archive_is_named_in_it(mixed: Catalog, tmp_path: Path) -> None:
    (tmp_path / "2.wav").unlink()
    found = unpacked(clip_archive(mixed, "1 2 3 4 rejected+").pieces)
    assert sorted(found) == ["1-drop.wav", "1.wav", "3.wav", LEFT_OUT]
    assert found[LEFT_OUT] == b"2.wav (clip 2): the file is gone or has changed\n"
    (tmp_path / "1.wav").unlink()
    (tmp_path / "3.wav").unlink()
    with pytest.raises(NotFoundError, match="no file of these clips"):
        clip_archive(mixed, "1 3")


def test_a_file_that_changes_after_the_archive_is_begun_is_left_out(mixed: Catalog, tmp_path: Path) -> None:
    pieces = clip_archive(mixed, "1 3").pieces
    begun = next(pieces)
    assert begun.startswith(b"PK\x03\x04")
    assert len(begun) < (tmp_path / "1.wav").stat().st_size + 1000
    soundfile.write(tmp_path / "3.wav", np.zeros(2 * RATE, np.int16), RATE)

    def rest() -> Iterator[bytes]:
        yield begun
        yield from pieces

    found = unpacked(rest())
    assert (sorted(found), b"has changed" in found[LEFT_OUT]) == (["1.wav", LEFT_OUT], True)


def test_an_archive_that_nobody_reads_further_leaves_no_file(
    mixed: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    pieces = clip_archive(mixed, "4 3").pieces
    next(pieces)
    pieces.close()
    assert len(b"".join(clip_download(mixed, 4).pieces)) == clip_download(mixed, 4).size
    assert not list(scratch.iterdir())


def test_a_file_that_changes_while_it_is_sent_is_cut_off(mixed: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "2.wav"
    pieces = clip_download(mixed, 2).pieces
    soundfile.write(file, np.zeros(2 * RATE, np.int16), RATE)
    sent = b""
    with pytest.raises(AudioError, match="has changed"):
        for piece in pieces:
            sent += piece
    assert len(sent) < file.stat().st_size


@pytest.mark.usefixtures("one_transaction_at_a_time")
def test_a_download_is_planned_in_one_transaction(mixed: Catalog, tmp_path: Path) -> None:
    assert b"".join(clip_download(mixed, 1).pieces) == (tmp_path / "1.wav").read_bytes()
    assert sorted(unpacked(clip_archive(mixed, "1 3").pieces)) == ["1.wav", "3.wav"]


def test_the_folder_of_a_span_has_a_name_by_which_it_is_removed_after_a_kill(
    mixed: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def encode(item: Item, file: bytes) -> int:
        folders.append(Path(os.fsdecode(file)).parent)
        return clip_file.encode(item, file)

    monkeypatch.setattr(archive, "encode", encode)
    clip_download(mixed, 4).pieces.close()
    assert unpacked(clip_archive(mixed, "4").pieces)
    assert len(folders) == 2
    assert all(folder.name.startswith(f"thresher-{os.getpid()}-") for folder in folders)
