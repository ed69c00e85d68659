"""The run of new files: the same, whichever folder above them is ingested."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import COMMAND
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.names import preview_names
from thresher.curation.ingest.options import IngestOptions


def runs_of(catalog: Catalog) -> dict[str, str | None]:
    return {Path(row.path or "").name: row.run for row in list_clips(catalog)}


@pytest.mark.parametrize(
    ("first", "later", "direct", "deeper"),
    [
        ("dates", ".", "dates", "may"),
        (".", "dates", "dates", "dates"),
        (".", "dates/may", "dates", "dates"),
        ("dates/may", "dates", "dates", "may"),
        ("dates/may", ".", "dates", "may"),
        ("dates/may/old.wav", ".", "dates", "may"),
        (".", "dates/may/new.wav", "dates", "dates"),
    ],
)
def test_a_new_file_has_the_run_of_the_files_beside_it(
    catalog: Catalog,
    tmp_path: Path,
    write_clip: Any,
    serial: IngestOptions,
    first: str,
    later: str,
    direct: str,
    deeper: str,
) -> None:
    folder = tmp_path / "proj"
    once = replace(serial, score=False)
    write_clip(folder / "dates" / "may" / "old.wav", 1, 0.3)
    ingest(catalog, [folder / first], once)
    write_clip(folder / "dates" / "may" / "new.wav", 2, 0.3)
    write_clip(folder / "dates" / "top.wav", 3, 0.3)
    preview = preview_names([folder / later], catalog=catalog)
    ingest(catalog, [folder / later], once)
    found = runs_of(catalog)
    assert {shape.example.rpartition("/")[2]: shape.reads["run"] for shape in preview.shapes}.items() <= (
        found.items()
    )
    assert found["old.wav"] == found["new.wav"] == deeper
    assert found.get("top.wav", direct) == direct
    assert ingest(catalog, [folder], replace(once, reread=True)).corrected == 0


def test_a_single_file_says_nothing_about_the_folders_beside_it(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    once = replace(serial, score=False)
    ingest(catalog, [write_clip(tmp_path / "home" / "a.wav", 1, 0.3)], once)
    write_clip(tmp_path / "home" / "runs" / "night" / "b.wav", 2, 0.3)
    ingest(catalog, [tmp_path / "home" / "runs"], once)
    assert runs_of(catalog) == {"a.wav": "home", "b.wav": "night"}


def test_a_folder_whose_ingest_was_a_dry_run_is_not_remembered(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    once = replace(serial, score=False)
    write_clip(tmp_path / "runs" / "night" / "deep" / "a.wav", 1, 0.3)
    ingest(catalog, [tmp_path / "runs" / "night"], replace(once, dry_run=True))
    ingest(catalog, [tmp_path / "runs"], once)
    assert runs_of(catalog) == {"a.wav": "night"}


@pytest.mark.parametrize(
    ("given", "renamed", "again", "expected"),
    [
        ("runs", ("runs/night", "runs/day"), "runs", "day"),
        ("runs/night", ("runs/night", "runs/day"), "runs/day", "day"),
        ("runs/night", ("runs/night", "runs/day"), "runs", "day"),
        ("runs", ("runs", "models"), "models", "night"),
        ("runs", ("runs/night/deep", "runs/night/low"), "runs", "night"),
        ("runs/night/deep", ("runs/night/deep", "runs/night/low"), "runs/night/low", "low"),
    ],
)
def test_reading_again_follows_a_renamed_folder(
    catalog: Catalog,
    tmp_path: Path,
    write_clip: Any,
    serial: IngestOptions,
    given: str,
    renamed: Sequence[str],
    again: str,
    expected: str,
) -> None:
    once = replace(serial, score=False)
    name = "deep/a.wav" if "deep" in renamed[0] + given or renamed[0] == "runs" else "a.wav"
    write_clip(tmp_path / "runs" / "night" / name, 1, 0.3)
    ingest(catalog, [tmp_path / given], once)
    before = runs_of(catalog)
    (tmp_path / renamed[0]).rename(tmp_path / renamed[1])
    ingest(catalog, [tmp_path / again], once)
    assert runs_of(catalog) == before
    ingest(catalog, [tmp_path / again], replace(once, reread=True))
    assert runs_of(catalog) == {"a.wav": expected}


def test_reading_again_keeps_a_run_that_was_stated(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    once = replace(serial, score=False)
    write_clip(tmp_path / "runs" / "night" / "a.wav", 1, 0.3)
    write_clip(tmp_path / "runs" / "day" / "b.wav", 2, 0.3)
    ingest(catalog, [tmp_path / "runs" / "night"], replace(once, run="mine"))
    ingest(catalog, [tmp_path / "runs"], once)
    ingest(catalog, [tmp_path / "runs" / "day"], replace(once, run="yours"))
    report = ingest(catalog, [tmp_path / "runs"], replace(once, reread=True))
    assert report.corrected == 0
    assert runs_of(catalog) == {"a.wav": "mine", "b.wav": "yours"}


# -- two ingests of overlapping folders at once --------------------------------------------------------------

NESTED = ("a.wav", "run1/b.wav", "run1/may/c.wav", "run1/may/d.wav", "run2/e.wav", "z.wav")
"""Files of which `run1/may` is of another run if `run1` is ingested before the folder above it."""


class Turns:
    """Lets threads run in turn, as a schedule says: one thread runs at a time, until it waits again."""

    def __init__(self, schedule: str) -> None:
        self._left = list(schedule)
        self._changed = threading.Condition()
        self._running: str | None = None
        self._ended: set[str] = set()

    def wait(self, name: str) -> None:
        """Let the thread run whose turn is next, until it is the turn of `name`. Without a schedule, all run."""
        with self._changed:
            self._stop(name)
            assert self._changed.wait_for(lambda: self._running is None and self._next() in (name, None), 60)
            if self._left:
                self._left.pop(0)
                self._running = name

    def end(self, name: str) -> None:
        """Take no more turns."""
        with self._changed:
            self._ended.add(name)
            self._stop(name)

    def _stop(self, name: str) -> None:
        if self._running == name:
            self._running = None
        self._changed.notify_all()

    def _next(self) -> str | None:
        while self._left and self._left[0] in self._ended:
            self._left.pop(0)
        return self._left[0] if self._left else None


def overlapping(new_catalog: Any, folder: Path, write_clip: Any) -> dict[str, Path]:
    """Make a catalog that stores file by file, and the files; return the folders that overlap, by a letter."""
    new_catalog(folder).close()
    (folder / "catalog.toml").write_text("[ingest]\ngroup = 1\n")
    for seed, name in enumerate(NESTED):
        write_clip(folder / "proj" / name, seed, 0.3)
    return {"A": folder / "proj", "B": folder / "proj" / "run1"}


@pytest.fixture(scope="module")
def serial_orders(
    new_catalog: Any, tmp_path_factory: pytest.TempPathFactory, write_clip: Any, serial: IngestOptions
) -> list[dict[str, str | None]]:
    """The runs after each of the two orders in which overlapping folders can be ingested."""
    found = []
    for order in ("AB", "BA"):
        home = tmp_path_factory.mktemp(order)
        folders = overlapping(new_catalog, home, write_clip)
        with Catalog.open(home / "catalog.toml") as catalog:
            for letter in order:
                ingest(catalog, [folders[letter]], replace(serial, score=False))
            found.append(runs_of(catalog))
    assert found[0] != found[1]
    return found


@pytest.mark.parametrize("schedule", ["ABBBAAAAAAA", "BAAABBBBBBB", "ABAABBAABBAA", "BABBAAAAAABBBB"])
def test_two_ingests_of_overlapping_folders_in_turn_state_the_runs_of_one_order(
    new_catalog: Any,
    tmp_path: Path,
    write_clip: Any,
    serial: IngestOptions,
    serial_orders: list[dict[str, str | None]],
    schedule: str,
) -> None:
    folders = overlapping(new_catalog, tmp_path, write_clip)
    take_turns(tmp_path / "catalog.toml", schedule, {name: (folders[name], serial) for name in folders})
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        assert runs_of(catalog) in serial_orders


@pytest.mark.parametrize(
    "schedule", ["AABB", "ABAAAABBBB", "ABABABABAB", "AABBABABBB", "ABBAABAAAABB", "BAAABBBABA"]
)
def test_of_two_ingests_in_turn_the_last_one_to_end_states_the_run_of_every_file(
    new_catalog: Any, tmp_path: Path, write_clip: Any, serial: IngestOptions, schedule: str
) -> None:
    folder = overlapping(new_catalog, tmp_path, write_clip)["A"]
    stated = {name: (folder, replace(serial, run=name)) for name in "AB"}
    take_turns(tmp_path / "catalog.toml", schedule, stated)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        last = max(batches(catalog), key=lambda each: each.finished_at or 0)
        assert set(runs_of(catalog).values()) == {last.options["run"]}


def take_turns(settings: Path, schedule: str, ingests: Mapping[str, tuple[Path, IngestOptions]]) -> None:
    """Run ingests, by their names in the schedule, that take turns at each file."""
    turns = Turns(schedule)

    def run(name: str) -> None:
        folder, options = ingests[name]
        try:
            with Catalog.open(settings) as catalog:
                ingest(catalog, [folder], replace(options, score=False), lambda *_: turns.wait(name))
        finally:
            turns.end(name)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(run, name) for name in ingests]:
            done.result(120)


@pytest.mark.slow
def test_twenty_times_two_ingests_of_overlapping_folders_state_the_runs_of_one_order(
    new_catalog: Any, tmp_path: Path, write_clip: Any, serial_orders: list[dict[str, str | None]]
) -> None:
    for number in range(20):
        home = tmp_path / str(number)
        folders = overlapping(new_catalog, home, write_clip)
        command = [*COMMAND, "--catalog", str(home / "catalog.toml"), "ingest", "--no-score", "--jobs", "1"]
        running = [
            subprocess.Popen([*command, str(each)], stdout=subprocess.DEVNULL) for each in folders.values()
        ]
        assert [process.wait(120) for process in running] == [0, 0]
        with Catalog.open(home / "catalog.toml") as catalog:
            assert runs_of(catalog) in serial_orders
