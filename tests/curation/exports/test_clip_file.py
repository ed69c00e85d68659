"""One file of an export: its name, and that it is written completely or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, WriteClip
from thresher.catalog.content_files import KnownFile
from thresher.catalog.files.stamps import Look
from thresher.catalog.output_guard import OutputGuard
from thresher.curation.exports.clip_file import Item, put
from thresher.errors import AudioError, NotFoundError, UsageError

UNGUARDED = OutputGuard(None)


@pytest.fixture
def item(tmp_path: Path, write_clip: WriteClip) -> Item:
    """A clip from second 0.25 to second 0.5 of a file of 1 s, which is copied to `copy.wav`."""
    path = write_clip(tmp_path / "a.wav", 1, 1.0)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    source = KnownFile(os.fsencode(path), "a.wav", sha256, Look(path.stat().st_size, 0, None, None, None))
    start, end = RATE // 4, RATE // 2
    target = os.fsencode(tmp_path / "copy.wav")
    return Item(1, sha256, (source,), start, end, "WAV", "PCM_16", "", "copy", source=source, target=target)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., list[str]]:
    """Write an item, and return the digests that were noted before the file got its name."""

    def run(item: Item, *, overwrite: bool = False) -> list[str]:
        noted: list[str] = []
        size = put(item, UNGUARDED, noted.append, overwrite=overwrite)
        assert size == (0 if item.form == "link" else (tmp_path / "copy.wav").stat().st_size)
        return noted

    return run


def test_a_copy_has_the_bytes_of_its_source(
    item: Item, write: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert write(item) == []
    assert (tmp_path / "copy.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_a_trimmed_file_has_the_samples_of_the_span_and_its_digest_is_noted(
    item: Item, write: Callable[..., list[str]], tmp_path: Path
) -> None:
    noted = write(replace(item, form="trimmed"))
    found, _ = soundfile.read(tmp_path / "copy.wav", dtype="int16")
    whole, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    np.testing.assert_array_equal(found, whole[item.start : item.end])
    assert noted == [hashlib.sha256((tmp_path / "copy.wav").read_bytes()).hexdigest()]


def test_a_link_leads_to_its_source(item: Item, write: Callable[..., list[str]], tmp_path: Path) -> None:
    assert write(replace(item, form="link")) == []
    assert (tmp_path / "copy.wav").readlink() == tmp_path / "a.wav"


@pytest.mark.parametrize(
    ("change", "error"),
    [("content", NotFoundError), ("span", AudioError), ("target", UsageError)],
)
def test_after_an_error_there_is_no_new_file(
    item: Item, write: Callable[..., list[str]], tmp_path: Path, change: str, error: type[Exception]
) -> None:
    if change == "content":
        with (tmp_path / "a.wav").open("ab") as file:
            file.write(b"more")
    elif change == "span":
        item = replace(item, form="trimmed", end=2 * RATE)
    else:
        (tmp_path / "copy.wav").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error):
        write(item)
    assert sorted(tmp_path.iterdir()) == before


def test_a_trimmed_file_of_a_source_that_has_changed_is_not_written(
    item: Item, write: Callable[..., list[str]], tmp_path: Path, write_clip: WriteClip
) -> None:
    write_clip(tmp_path / "a.wav", 2, 1.0)
    with pytest.raises(NotFoundError, match="the file has changed"):
        write(replace(item, form="trimmed"))
    assert not list(tmp_path.glob("copy.wav*"))


def test_a_trimmed_file_gets_the_suffix_of_its_format(item: Item) -> None:
    assert item.name_request.suffix is None
    assert replace(item, form="trimmed").name_request.suffix is None
    assert replace(item, form="trimmed", container="FLAC").name_request.suffix == b".flac"
    assert replace(item, container="FLAC").name_request.suffix is None
