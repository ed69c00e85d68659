"""The guard of outputs: which files are never replaced or removed, whatever their name is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catalog.tagged_files import info
from tests.support import WriteClip
from thresher.catalog import output_guard
from thresher.catalog.atomic_files import always_replace, partial_file, remove, write_text
from thresher.catalog.catalog import Catalog
from thresher.catalog.files.files import sha256_file
from thresher.catalog.files.partial_files import sweep
from thresher.catalog.output_guard import OutputGuard
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import UsageError


@pytest.fixture
def catalog(catalog: Catalog, write_clip: WriteClip, serial: IngestOptions) -> Catalog:
    """The clips 1 (a/one.wav) and 2 (a/two.wav, and a symlink to it, which is a location too)."""
    write_clip(catalog.root / "a/one.wav", 1, 0.5)
    write_clip(catalog.root / "a/two.wav", 2, 0.5)
    (catalog.root / "a/via.wav").symlink_to("two.wav")
    ingest(catalog, [catalog.root / "a"], serial)
    return catalog


def hard_link(root: Path) -> Path:
    os.link(root / "a/one.wav", root / "other name.txt")
    return root / "other name.txt"


def through_a_linked_folder(root: Path) -> Path:
    (root / "b").symlink_to("a", target_is_directory=True)
    return root / "b/one.wav"


def with_dots(root: Path) -> Path:
    return root / "a/../a/./one.wav"


def moved(root: Path) -> Path:
    return (root / "a/one.wav").rename(root / "moved.wav")


def changed(root: Path) -> Path:
    with open(root / "a/one.wav", "ab") as file:
        file.write(b"tags of another program")
    return root / "a/one.wav"


def target_of_a_known_link(root: Path) -> Path:
    return root / "a/two.wav"


def known_link(root: Path) -> Path:
    return root / "a/via.wav"


def settings(root: Path) -> Path:
    return root / "catalog.toml"


def database(root: Path) -> Path:
    return root / "catalog.db"


@pytest.mark.parametrize(
    "path_of",
    [
        hard_link,
        through_a_linked_folder,
        with_dots,
        moved,
        changed,
        target_of_a_known_link,
        known_link,
        settings,
        pytest.param(database, marks=pytest.mark.sqlite_only("a file")),
    ],
)
def test_a_file_of_the_catalog_is_neither_replaced_nor_removed(
    catalog: Catalog, path_of: Callable[[Path], Path]
) -> None:
    path = path_of(catalog.root)
    before, entry = path.read_bytes(), os.lstat(path)
    with pytest.raises(UsageError, match="never replaced or deleted"):
        write_text(path, "new", OutputGuard(catalog), always_replace)
    with pytest.raises(UsageError, match="never replaced or deleted"):
        remove(path, OutputGuard(catalog))
    assert (path.read_bytes(), os.lstat(path).st_ino) == (before, entry.st_ino)
    assert not list(path.parent.glob("*.part"))


def test_a_clip_at_a_path_that_is_marked_missing_is_protected(
    catalog: Catalog, serial: IngestOptions
) -> None:
    path, aside = catalog.root / "a/one.wav", catalog.root / "aside"
    path.rename(aside)
    ingest(catalog, [catalog.root / "a"], serial)
    aside.rename(path)
    assert "clip 1" in str(OutputGuard(catalog).refusal(path))


def test_the_only_file_of_a_content_is_protected_after_its_clip_got_other_tags(
    catalog: Catalog, write_clip: WriteClip, serial: IngestOptions
) -> None:
    path, kept = write_clip(catalog.root / "a/three.wav", 3, 0.7), catalog.root / "kept.wav"
    ingest(catalog, [catalog.root / "a"], serial)
    kept.write_bytes(path.read_bytes())
    content = path.read_bytes() + info(INAM="other")
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    report = ingest(catalog, [catalog.root / "a"], serial)
    assert (report.retagged, report.added) == (1, 0)
    path.unlink()
    assert "clip 3" in str(OutputGuard(catalog).refusal(kept))


def test_a_file_of_a_size_that_no_clip_has_is_not_read(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def noted(path: bytes) -> str:
        read.append(path)
        return sha256_file(path)

    monkeypatch.setattr(output_guard, "sha256_file", noted)
    content = (catalog.root / "a/one.wav").read_bytes()
    (catalog.root / "song.wav").write_bytes(content + b" ")
    assert OutputGuard(catalog).refusal(catalog.root / "song.wav") is None
    assert read == []
    (catalog.root / "song.wav").write_bytes(content)
    assert OutputGuard(catalog).refusal(catalog.root / "song.wav") is None
    assert read == [os.fsencode(catalog.root / "song.wav")]


def test_other_files_are_replaced_and_copies_too(catalog: Catalog) -> None:
    copied = catalog.root / "copy.wav"
    copied.write_bytes((catalog.root / "a/one.wav").read_bytes())
    guard = OutputGuard(catalog)
    write_text(copied, "new", guard, always_replace)
    assert copied.read_text() == "new"
    link = catalog.root / "link.wav"
    link.symlink_to("a/one.wav")
    write_text(link, "new", guard, always_replace)  # replaces the link; its target stays
    assert link.read_text() == "new"
    assert (catalog.root / "a/one.wav").read_bytes()[:4] == b"RIFF"


def test_a_clip_that_appears_while_a_file_is_written_is_kept(
    catalog: Catalog, write_clip: WriteClip, serial: IngestOptions
) -> None:
    target, guard = catalog.root / "a/song.wav", OutputGuard(catalog)
    assert guard.refusal(catalog.root / "a/one.wav")  # the guard has looked at the catalog before
    with (
        pytest.raises(UsageError, match="is clip 3 of the catalog"),
        partial_file(target, guard, always_replace) as partial,
    ):
        partial.write_text("new")
        write_clip(target, 3, 0.5)
        ingest(catalog, [target], serial)
    assert target.read_bytes()[:4] == b"RIFF"


def test_a_partial_file_that_is_a_clip_is_not_swept(catalog: Catalog, serial: IngestOptions) -> None:
    clip = catalog.root / "song.wav.99999999.part"
    clip.write_bytes((catalog.root / "a/one.wav").read_bytes() + b"more")
    ingest(catalog, [clip], serial)
    (catalog.root / "song.wav.99999998.part").touch()
    sweep(catalog.root, [catalog.root / "song.wav"], OutputGuard(catalog))
    assert [each.name for each in catalog.root.glob("*.part")] == [clip.name]


def test_the_recheck_decides_about_other_content_only(catalog: Catalog) -> None:
    target, guard = catalog.root / "song.cue", OutputGuard(catalog)

    def refuse() -> None:
        raise UsageError("not mine")

    write_text(target, "one", guard, refuse)
    write_text(target, "one", guard, refuse)
    with pytest.raises(UsageError, match="not mine"):
        write_text(target, "two", guard, refuse)
    assert target.read_text() == "one"


@pytest.mark.sqlite_only("a journal")
def test_an_inode_that_is_used_again_protects_nothing(catalog: Catalog) -> None:
    """A file system gives the inode of a removed journal or clip to the next file."""
    journal, clip, target = (
        catalog.root / "catalog.db-journal",
        catalog.root / "a/one.wav",
        catalog.root / "new",
    )
    journal.write_bytes(b"")
    guard = OutputGuard(catalog)
    assert guard.refusal(journal)
    assert guard.refusal(clip)
    for old in (journal, clip):
        old.rename(target)
        if old is clip:  # other content, so that the file is not a clip under a new name
            target.write_bytes(b"another file")
        assert guard.refusal(target) is None
        target.unlink()


def test_a_file_with_parts_is_named_by_the_first_of_them(cut_clips: Catalog) -> None:
    guard = OutputGuard(cut_clips)
    files = {
        name: guard.refusal(cut_clips.root / f"out/{name}.wav") for name in ("run_epoch_1_0", "run_epoch_1_1")
    }
    assert files == {
        "run_epoch_1_0": "is the file of 3 clips of the catalog (clip 5 and others)",
        "run_epoch_1_1": "is clip 3 of the catalog",
    }


def test_no_transaction_is_open_while_files_are_looked_at(
    catalog: Catalog, tmp_path: Path, touched_in_transactions: list[str]
) -> None:
    (tmp_path / "new.wav").write_bytes(b"other")
    OutputGuard(catalog).check(tmp_path / "new.wav")
    assert touched_in_transactions == []
