"""No command of the ingest reads, hashes or looks at a file while it holds a write transaction."""

from __future__ import annotations

import builtins
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.verify import verify
from thresher.curation.songs.songs import save_song


class FileAccesses:
    """Accesses to files below a folder: all of them, and those by a thread that holds a write transaction."""

    def __init__(self, folder: Path) -> None:
        self.all: set[tuple[str, str]] = set()
        self.inside: list[tuple[str, str]] = []
        self.transactions = 0
        self._folder = os.fsencode(folder)
        self._holders: set[int] = set()

    def note(self, call: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike) or self._folder not in os.fsencode(path):
            return
        access = (call, os.fsdecode(os.path.basename(os.fsencode(path))))
        self.all.add(access)
        if threading.get_ident() in self._holders:
            self.inside.append(access)

    @contextmanager
    def holding(self) -> Iterator[None]:
        self.transactions += 1
        self._holders.add(threading.get_ident())
        try:
            yield
        finally:
            self._holders.discard(threading.get_ident())


@pytest.fixture
def accesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileAccesses:
    """Accesses to files below the folder `clips`."""
    found = FileAccesses(tmp_path / "clips")

    def recorded(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def access(path: Any, *arguments: Any, **keywords: Any) -> Any:
            found.note(call, path)
            return real(path, *arguments, **keywords)

        return access

    for name in ("stat", "lstat", "open", "scandir", "listdir"):
        monkeypatch.setattr(os, name, recorded(name, getattr(os, name)))
    monkeypatch.setattr(builtins, "open", recorded("builtin open", builtins.open))
    real = database.writing

    @contextmanager
    def writing(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        with real(*arguments, **keywords) as connection, found.holding():
            yield connection

    monkeypatch.setattr(database, "writing", writing)
    return found


@pytest.fixture(params=["", '[roots]\ncorpus = "clips"\n'], ids=["without roots", "below a root"])
def folder(catalog: Catalog, tmp_path: Path, write_clip: Any, request: pytest.FixtureRequest) -> Path:
    """Eight clips, the first of them with a sidecar, in a catalog that commits after every two files."""
    settings = '[ingest]\ngroup = 2\nexecutor = "serial"\n[metrics]\nuse = ["prefix"]\n'
    catalog.file.write_text(f"{settings}{request.param}")
    for index in range(8):
        write_clip(tmp_path / "clips" / "a" / f"run_epoch_{index}_0.wav", index, 3.0)
    (tmp_path / "clips" / "a" / "run_epoch_0_0.json").write_text('{"temperature": 0.9}')
    return tmp_path / "clips"


def change(folder: Path, write_clip: Any) -> None:
    """Move, copy, swap, overwrite, touch, delete and add files."""
    a, b = folder / "a", folder / "b"
    b.mkdir()
    (a / "run_epoch_0_0.wav").rename(b / "run_epoch_0_0.wav")
    shutil.copy(a / "run_epoch_1_0.wav", b / "copy.wav")
    (a / "run_epoch_2_0.wav").rename(a / "swapping")
    (a / "run_epoch_3_0.wav").rename(a / "run_epoch_2_0.wav")
    (a / "swapping").rename(a / "run_epoch_3_0.wav")
    write_clip(a / "run_epoch_4_0.wav", 44, 3.0)
    os.utime(a / "run_epoch_5_0.wav")
    (a / "run_epoch_6_0.wav").unlink()
    write_clip(b / "new.wav", 77, 3.0)
    (b / "new.wav.json").write_text('{"prompt": "drums"}')
    os.mkfifo(b / "pipe.wav")


def test_an_ingest_touches_no_file_inside_a_write_transaction(
    folder: Path, catalog: Catalog, write_clip: Any, accesses: FileAccesses
) -> None:
    with Catalog.open(catalog.file) as small_groups:
        assert ingest(small_groups, [folder]).added == 8
        save_song(small_groups, "all", f"path:{folder}")  # such a query looks at the folder
        change(folder, write_clip)
        accesses.all.clear()
        accesses.inside.clear()
        for options in (IngestOptions(dry_run=True), IngestOptions(), IngestOptions(reread=True)):
            report = ingest(small_groups, [folder], options)
            if not options.reread:
                found = (report.added, report.copies, report.moved, report.missing)
                assert found == (2, 1, 3, 1)
                assert [each.songs for each in report.overwritten] == [("all",)]
                assert len(report.failures) == (
                    1 if options.dry_run or report.batch == 2 + small_groups.is_shared else 0
                )
    assert accesses.transactions > 8
    assert accesses.inside == []
    # what used to be read inside: sidecars, the former paths of moved files, and absent files
    assert {
        ("builtin open", "new.wav.json"),
        ("stat", "run_epoch_0_0.wav"),
        ("lstat", "run_epoch_6_0.wav"),
    } <= accesses.all


def test_reanalysis_repair_and_forgetting_touch_no_file_inside_a_write_transaction(
    folder: Path, catalog: Catalog, accesses: FileAccesses
) -> None:
    with Catalog.open(catalog.file) as small_groups:
        ingest(small_groups, [folder])
        accesses.all.clear()
        assert reanalyse(small_groups).analysed == 8
        with writing(small_groups) as connection:
            connection.execute(text("UPDATE clip SET fingerprint = zeroblob(4) WHERE id = 2"))
        repaired = verify(small_groups, repair=True).repair
        assert repaired is not None
        assert repaired.analysed == 1
        assert forget(small_groups, os.fsdecode(folder / "a")).recordings == 8
    assert ("open", "run_epoch_1_0.wav") in accesses.all
    assert accesses.inside == []
