"""Files that a worker on another machine sees differently. The workers of these tests run in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.curation.analysis.analysed_files import task_of
from tests.support import WriteClip, counts, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.sqlite_database import user_version
from thresher.catalog.files.paths import Roots
from thresher.curation.analysis import analyse as analysing
from thresher.curation.analysis import file_results as module
from thresher.curation.analysis.file_results import Unseen, file_results
from thresher.curation.analysis.task import Analysis, FileTask, Unopened, Unsettled
from thresher.curation.analysis.worker import analyse_file
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.verify import verify
from thresher.curation.workers import Workers

NO_ROOTS = Roots(Path("/"))
GONE = Unopened("is no longer there", vanished=True)


@pytest.fixture
def remotely(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Let workers find this instead of what is in the files of these names."""
    real = analysing.analyse

    def replace(found: dict[str, Any]) -> None:
        def analyse(task: FileTask) -> Any:
            name = os.path.basename(os.fsdecode(task.path))
            return found[name] if name in found else real(task)

        monkeypatch.setattr(analysing, "analyse", analyse)

    return replace


def one_result(executor: str, path: Path, **changes: Any) -> Any:
    with Workers(executor) as workers:
        ((key, result),) = file_results(workers, analyse_file, [("key", task_of(path, **changes))], NO_ROOTS)
    assert key == "key"
    return result


def test_a_file_that_only_the_worker_does_not_see_names_the_worker(
    cluster: str, tmp_path: Path, write_clip: WriteClip, remotely: Any
) -> None:
    path = write_clip(tmp_path / "a.wav", 1)
    remotely({"a.wav": GONE})
    found = one_result(cluster, path)
    assert isinstance(found, Unseen)
    assert found.reason.startswith("the worker tcp://127.0.0.1:")
    assert "can't read it: is no longer there;" in found.reason


def test_a_file_that_is_really_gone_or_changed_is_not_unseen(
    cluster: str, tmp_path: Path, write_clip: WriteClip
) -> None:
    path = write_clip(tmp_path / "a.wav", 1)
    assert one_result(cluster, path, size=1) == Unsettled()
    task = task_of(path)
    path.unlink()
    with Workers(cluster) as workers:
        assert list(file_results(workers, analyse_file, [(0, task)], NO_ROOTS)) == [(0, GONE)]


def test_another_file_under_the_same_path_names_the_worker(
    cluster: str, tmp_path: Path, write_clip: WriteClip, remotely: Any
) -> None:
    remotely({"a.wav": Unsettled()})
    found = one_result(cluster, write_clip(tmp_path / "a.wav", 1))
    assert isinstance(found, Unseen)
    assert "differs there" in found.reason


def test_a_worker_without_ffmpeg_does_not_decide(
    cluster: str, tmp_path: Path, write_clip: WriteClip, remotely: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.wav", 1)
    remotely({"a.wav": Analysis("unreadable", "unknown format")})
    has = iter([None, "/usr/bin/ffmpeg"])  # the worker looks first
    monkeypatch.setattr(module, "find_ffmpeg", lambda: next(has))
    found = one_result(cluster, path)
    assert isinstance(found, Unseen)
    assert found.reason.endswith("install ffmpeg there")
    monkeypatch.setattr(module, "find_ffmpeg", lambda: None)
    assert one_result(cluster, path) == Analysis("unreadable", "unknown format")


def test_on_this_machine_nothing_is_unseen(tmp_path: Path, write_clip: WriteClip, remotely: Any) -> None:
    path = write_clip(tmp_path / "a.wav", 1)
    remotely({"a.wav": GONE})
    assert one_result("serial", path) == GONE


def test_an_unseen_file_is_a_problem_of_its_own_and_taken_by_the_next_ingest(
    cluster: str, catalog: Catalog, six_clips: Path, remotely: Any, serial: IngestOptions
) -> None:
    name = "death_epoch_20_1.wav"
    remotely({name: GONE})
    report = ingest(catalog, [six_clips], IngestOptions(executor=cluster))
    assert counts(report) == {"added": 5}
    assert [(each.path.endswith(name), each.status) for each in report.failures] == [(True, "unseen")]
    remotely({})
    again = ingest(catalog, [six_clips], serial)
    assert counts(again) == {"added": 1, "unchanged": 5}


def test_reanalyse_keeps_what_it_knows_of_an_unseen_file(
    cluster: str, catalog: Catalog, six_clips: Path, remotely: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    before = list_clips(catalog)
    remotely({"death_epoch_20_1.wav": GONE})
    report = reanalyse(catalog, executor=cluster)
    assert (report.analysed, report.without_file) == (5, ())
    assert len(report.notes) == 1
    assert "not analysed: the worker tcp://" in report.notes[0]
    assert list_clips(catalog) == before


def test_a_catalog_is_not_settled_as_long_as_workers_do_not_see_a_file(
    cluster: str, catalog: Catalog, six_clips: Path, remotely: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    with writing(catalog) as connection:
        connection.execute(text("DELETE FROM measure"))
    remotely({"death_epoch_20_1.wav": GONE})
    report = ingest(catalog, [six_clips], IngestOptions(executor=cluster))
    assert len(report.warnings) == 1
    assert "not analysed: the worker tcp://" in report.warnings[0]
    assert report.without_file == ()
    assert verify(catalog).unfinished == {"measures or descriptors": 1}
    if not catalog.is_shared:  # only a file has a stamp
        with catalog.reading() as connection:
            assert user_version(connection) == 0
    remotely({})
    assert ingest(catalog, [six_clips], IngestOptions(executor=cluster)).warnings == ()
    assert verify(catalog).unfinished == {}


def test_a_repair_whose_workers_do_not_see_a_file_is_not_complete(
    cluster: str, catalog: Catalog, six_clips: Path, remotely: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    with writing(catalog) as connection:
        connection.execute(text("UPDATE clip SET fingerprint_crc32 = 1 WHERE id = 1"))
    remotely({"death_epoch_10_0.wav": GONE})
    section = f'[ingest]\nexecutor = "{cluster}"\n'
    catalog.file.write_text(f"{catalog.file.read_text()}\n{section}")
    with Catalog.open(catalog.file) as distributed:
        report = verify(distributed, repair=True)
    assert report.repair is not None
    assert (report.repair.unseen, report.left, report.is_repaired) == ((1,), (), False)


@pytest.fixture
def worker_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The catalog.toml of the worker's machine, in a folder of its own."""
    file = tmp_path / "worker/catalog.toml"
    file.parent.mkdir()
    monkeypatch.setenv("THRESHER_CATALOG", str(file))
    module.worker_roots.cache_clear()
    yield file
    module.worker_roots.cache_clear()


def test_a_worker_finds_a_file_below_a_root_in_its_own_folder(
    cluster: str, tmp_path: Path, write_clip: WriteClip, worker_settings: Path
) -> None:
    here = write_clip(tmp_path / "here/run/a.wav", 1)
    there = tmp_path / "there/run/a.wav"
    there.parent.mkdir(parents=True)
    shutil.copy2(here, there)
    roots = Roots.of(tmp_path, {"corpus": "here"})
    task = task_of(here)
    with Workers("serial") as workers:
        ((_, expected),) = file_results(workers, analyse_file, [(0, task)], roots)
    here.unlink()  # only the worker has it now
    worker_settings.write_text(f'[roots]\ncorpus = "{tmp_path}/there"\n')
    with Workers(cluster) as workers:
        ((_, found),) = file_results(workers, analyse_file, [(0, task)], roots)
    assert isinstance(found, Analysis)
    assert isinstance(expected, Analysis)
    assert (found.status, found.audio_key) == (expected.status, expected.audio_key)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("[roots]\n", "the root corpus is not set on this machine"),
        (
            '[roots]\ncorpus = "/nowhere/at/all"\n',
            "/nowhere/at/all, the folder of the root corpus, is not there",
        ),
        ("[rots]\n", 'unknown section "rots"'),
    ],
)
def test_a_worker_without_the_root_says_so(
    cluster: str,
    tmp_path: Path,
    write_clip: WriteClip,
    worker_settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: str,
    why: str,
) -> None:
    here = write_clip(tmp_path / "here/a.wav", 1)
    worker_settings.write_text(settings)
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path != os.fsencode(here) and exists(path))
    with Workers(cluster) as workers:
        roots = Roots.of(tmp_path, {"corpus": "here"})
        ((_, found),) = file_results(workers, analyse_file, [(0, task_of(here))], roots)
    assert isinstance(found, Unseen)
    assert why in found.reason
