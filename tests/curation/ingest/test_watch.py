"""Watch: every finished file is ingested once, and no incomplete one, whatever drives, writers and programs do.

The clock is simulated: a wait advances it and runs the actions that are due.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support import Machines, MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location, recording
from thresher.catalog.files import files
from thresher.curation.analysis.file_results import Unseen, file_results
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest import ingest as ingest_module
from thresher.curation.ingest import reading
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.curation.ingest.watch import PATIENCE, WatchEvent, WatchNews, WatchOptions, WatchReport, watch
from thresher.errors import CatalogError, NotFoundError, UsageError

EVERY, QUIET = 5.0, 30.0
Action = Callable[[], object]


class Scene:
    """A watch of `folder` with a simulated clock: actions at given seconds, and the events that it reported."""

    def __init__(self, catalog: Catalog, folder: Path, options: IngestOptions) -> None:
        self.catalog = catalog
        self.folder = folder
        self.options = options
        self.now = 0.0
        self.told: list[tuple[float, WatchEvent]] = []

    def play(
        self, actions: dict[float, Action], *, until: float, once: bool = False, quiet: float = QUIET
    ) -> WatchReport:
        """Watch from second 0 to `until`, and run each of the `actions` at its second."""
        self.now = 0.0
        open_actions = sorted(actions.items())

        def wait(seconds: float) -> bool:
            self.now += seconds
            while open_actions and open_actions[0][0] <= self.now:
                open_actions.pop(0)[1]()
            return self.now < until

        return watch(
            self.catalog,
            [self.folder],
            WatchOptions(EVERY, quiet, once, self.options),
            wait=wait,
            tell=lambda event: self.told.append((self.now, event)),
            clock=lambda: self.now,
        )

    @property
    def news(self) -> list[WatchNews]:
        return [event.news for _, event in self.told]


@pytest.fixture
def scene(catalog: Catalog, tmp_path: Path, serial: IngestOptions) -> Scene:
    (tmp_path / "run").mkdir()
    return Scene(catalog, tmp_path / "run", serial)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, write_clip: Any) -> list[bytes]:
    """The bytes of twelve audio files."""
    folder = tmp_path_factory.mktemp("sounds")
    return [write_clip(folder / f"{seed}.wav", seed, 3.0).read_bytes() for seed in range(12)]


def statuses(catalog: Catalog) -> list[str]:
    with catalog.reading() as connection:
        return list(connection.scalars(select(recording.c.status).order_by(recording.c.id)))


def missing(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        gone = select(location.c.id).where(location.c.missing_since.is_not(None))
        return len(connection.scalars(gone).all())


def write(path: Path, data: bytes) -> Action:
    return lambda: path.write_bytes(data)


def append(path: Path, data: bytes) -> Action:
    def act() -> None:
        with path.open("ab") as file:
            file.write(data)

    return act


def test_all_files_of_one_quiet_period_are_one_batch(scene: Scene, sounds: list[bytes]) -> None:
    report = scene.play(
        {5.0 + 10 * n: write(scene.folder / f"r_epoch_1_{n}.wav", sounds[n]) for n in range(3)}, until=200.0
    )
    assert report == WatchReport(batches=1, added=3, copies=0, failed=0, interrupted=False)
    assert scene.news == [WatchNews.BATCH]
    ((when, event),) = scene.told
    assert when == 25.0 + QUIET
    assert event.report is not None
    assert event.report.scoring is not None
    assert event.report.scoring.live == 3
    assert statuses(scene.catalog) == ["ok"] * 3


def test_two_quiet_periods_are_two_batches(scene: Scene, sounds: list[bytes]) -> None:
    report = scene.play(
        {n: write(scene.folder / f"{int(n)}.wav", sounds[int(n) % 11]) for n in (0.0, 100.0, 105.0)},
        until=300.0,
    )
    assert report.batches == 2
    assert report.added == 3
    assert [event.report.added for _, event in scene.told if event.report] == [1, 2]


@pytest.mark.parametrize("quiet", [10.0, 30.0])
def test_a_growing_file_is_ingested_only_when_it_is_complete(
    scene: Scene, sounds: list[bytes], quiet: float
) -> None:
    path, data = scene.folder / "grow.wav", sounds[0]
    parts = [data[start : start + 8_000] for start in range(0, len(data), 8_000)]
    last = 5.0 * len(parts)
    report = scene.play(
        {5.0 * (n + 1): append(path, part) for n, part in enumerate(parts)}, until=last + 100, quiet=quiet
    )
    assert report.added == 1
    assert statuses(scene.catalog) == ["ok"]
    assert [when for when, _ in scene.told] == [last + quiet]


def test_files_of_a_run_that_never_pauses_are_ingested(scene: Scene, sounds: list[bytes]) -> None:
    growing = scene.folder / "log_epoch_9.wav"
    actions: dict[float, Action] = {5.0 * n: append(growing, b"x" * 100) for n in range(1, 200)}
    actions[7.0] = write(scene.folder / "done.wav", sounds[0])
    report = scene.play(actions, until=700.0)
    ((when, event),) = scene.told
    assert when <= 10.0 + PATIENCE * QUIET
    assert event.report is not None
    assert (event.report.files, event.report.added, event.report.failures) == (1, 1, ())
    assert report.failed == 0
    assert [row.path for row in list_clips(scene.catalog)] == ["run/done.wav"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 4)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_file_is_ingested_once_and_completely_whenever_it_is_written(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    serial: IngestOptions,
    sounds: list[bytes],
    writes: list[tuple[int, int, int]],
    random: Any,
) -> None:
    root = tmp_path_factory.mktemp("watched")
    new_catalog(root).close()
    (root / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    (root / "run").mkdir()
    actions: dict[float, Action] = {}
    for number, (pause, start, parts) in enumerate(writes):
        data, path = sounds[number], root / "run" / f"{number}.wav"
        cuts = [0, *sorted(random.sample(range(1, len(data)), parts - 1)), len(data)]
        for part in range(parts):
            # never a pause of a quiet period, and never two at the same instant
            when = 5.0 * start + part * (5.0 + 5.0 * pause) + number / 100 + part / 10_000
            actions[when] = append(path, data[cuts[part] : cuts[part + 1]])
    with Catalog.open(root / "catalog.toml") as catalog:
        scene = Scene(catalog, root / "run", serial)
        report = scene.play(actions, until=max(actions) + 100)
        assert report.added == len(writes)
        assert statuses(catalog) == ["ok"] * len(writes)
        assert missing(catalog) == 0


def test_a_file_that_grows_while_it_is_read_must_settle_again(
    scene: Scene, sounds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = scene.folder / "late.wav", sounds[0]
    whole, read = files.sha256_file, list[str]()

    def grows(name: bytes) -> str:
        digest = whole(name)
        if not read:
            append(path, data[20_000:])()
        read.append(digest)
        return digest

    monkeypatch.setattr(files, "sha256_file", grows)
    monkeypatch.setattr(ingest_module.time, "sleep", lambda _: pytest.fail("it waited in the ingest"))
    report = scene.play({5.0: write(path, data[:20_000])}, until=200.0)
    assert len(read) == 2
    assert report == WatchReport(batches=1, added=1, copies=0, failed=0, interrupted=False)
    assert statuses(scene.catalog) == ["ok"]


def test_a_file_whose_drive_disappears_while_it_is_read_is_ingested_later(
    scene: Scene, sounds: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, whole = tmp_path / "away", files.sha256_file

    def goes(name: bytes) -> str:
        if not away.exists() and scene.now < 100:
            scene.folder.rename(away)
        return whole(name)

    monkeypatch.setattr(files, "sha256_file", goes)
    report = scene.play(
        {5.0: write(scene.folder / "a.wav", sounds[0]), 100.0: lambda: away.rename(scene.folder)}, until=200.0
    )
    assert scene.news == [WatchNews.AWAY, WatchNews.BACK, WatchNews.BATCH]
    assert (report.added, report.failed) == (1, 0)
    assert statuses(scene.catalog) == ["ok"]


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_the_clock_of_a_network_drive_may_be_wrong(scene: Scene, sounds: list[bytes], seconds: int) -> None:
    def act() -> None:
        path = scene.folder / "a.wav"
        path.write_bytes(sounds[0])
        when = path.stat().st_mtime + seconds
        os.utime(path, (when, when))

    scene.play({5.0: act}, until=100.0)
    assert [when for when, _ in scene.told] == [5.0 + QUIET]


def test_known_files_are_not_read(scene: Scene, sounds: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (scene.folder / f"{number}.wav").write_bytes(sounds[number])
    ingest(scene.catalog, [scene.folder], scene.options)
    read: list[bytes] = []
    whole = files.sha256_file

    def counted(path: bytes) -> str:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(files, "sha256_file", counted)
    assert scene.play({}, until=200.0).batches == 0
    assert read == []
    assert scene.told == []
    report = scene.play({5.0: write(scene.folder / "new.wav", sounds[4])}, until=200.0)
    assert report.added == 1
    assert read == [os.fsencode(scene.folder / "new.wav")]
    assert scene.told[0][1].report.unchanged == 0  # type: ignore[union-attr]  # a batch has one


def test_other_content_at_a_known_path_is_new(scene: Scene, sounds: list[bytes]) -> None:
    path = scene.folder / "gen_0.wav"
    report = scene.play({5.0: write(path, sounds[0]), 100.0: write(path, sounds[1])}, until=200.0)
    assert (report.batches, report.added) == (2, 2)


def test_a_watch_infers_the_same_run_and_epoch_as_an_ingest(
    scene: Scene, sounds: list[bytes], tmp_path: Path
) -> None:
    below = scene.folder / "deeper"
    below.mkdir()
    scene.play({5.0: write(below / "x.wav", sounds[0])}, until=100.0)
    watched = show_clip(scene.catalog, "1").clip
    with Catalog.create(tmp_path / "other") as other:
        ingest(other, [scene.folder], scene.options)
        ingested = show_clip(other, "1").clip
    assert (watched.run, watched.epoch) == (ingested.run, ingested.epoch) == ("deeper", None)


@pytest.mark.parametrize("emptied", [False, True], ids=["gone", "empty"])
def test_a_drive_that_disappears_and_returns_changes_nothing(
    scene: Scene, sounds: list[bytes], tmp_path: Path, emptied: bool
) -> None:
    for number in range(12):
        (scene.folder / f"{number}.wav").write_bytes(sounds[number])
    ingest(scene.catalog, [scene.folder], scene.options)
    away = tmp_path / "away"

    def go() -> None:
        scene.folder.rename(away)
        if emptied:
            scene.folder.mkdir()

    def come() -> None:
        if emptied:
            scene.folder.rmdir()
        away.rename(scene.folder)

    extra = scene.folder / "extra.wav"
    data = b"RIFF" + b"no audio"
    report = scene.play({20.0: go, 200.0: come, 300.0: write(extra, data)}, until=500.0)
    assert scene.news == [WatchNews.AWAY, WatchNews.BACK, WatchNews.BATCH]
    assert scene.told[0][1].folder == str(scene.folder)
    assert scene.told[0][1].reason == (
        "is suddenly empty" if emptied else "can't be read (No such file or directory)"
    )
    assert (report.added, report.failed) == (1, 1)
    assert missing(scene.catalog) == 0


def test_a_pending_file_must_settle_again_after_its_drive_returns(
    scene: Scene, sounds: list[bytes], tmp_path: Path
) -> None:
    report = scene.play(
        {
            5.0: write(scene.folder / "a.wav", sounds[0]),
            20.0: lambda: scene.folder.rename(tmp_path / "away"),
            100.0: lambda: (tmp_path / "away").rename(scene.folder),
        },
        until=300.0,
    )
    assert report.added == 1
    assert [when for when, _ in scene.told] == [20.0, 100.0, 100.0 + QUIET]


def test_deleted_files_are_not_marked_missing_and_moved_ones_are_followed(
    scene: Scene, sounds: list[bytes]
) -> None:
    one, two = scene.folder / "one.wav", scene.folder / "two.wav"
    one.write_bytes(sounds[0])
    two.write_bytes(sounds[1])
    ingest(scene.catalog, [scene.folder], scene.options)
    scene.play({5.0: one.unlink, 10.0: lambda: two.rename(scene.folder / "three.wav")}, until=100.0)
    assert scene.news == [WatchNews.BATCH]
    assert missing(scene.catalog) == 0
    assert scene.told[0][1].report.moved == 1  # type: ignore[union-attr]  # a batch has one
    assert ingest(scene.catalog, [scene.folder], scene.options).missing == 1


@pytest.mark.sqlite_only("a lock of the whole catalog")
def test_a_locked_catalog_is_reported_and_tried_again(scene: Scene, sounds: list[bytes]) -> None:
    scene.catalog.file.write_text('[catalog]\nbusy_timeout = 0.01\n[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(scene.catalog.file) as other:
        lock = writing(other)
        report = scene.play(
            {
                5.0: write(scene.folder / "a.wav", sounds[0]),
                20.0: lock.__enter__,
                80.0: lambda: lock.__exit__(None, None, None),
            },
            until=300.0,
        )
    assert scene.news == [WatchNews.FAILED, WatchNews.FAILED, WatchNews.BATCH]
    assert "is locked" in str(scene.told[0][1].reason)
    assert [when for when, _ in scene.told] == [35.0, 65.0, 95.0]
    assert (report.batches, report.added) == (1, 1)


def test_other_commands_can_write_while_a_watch_waits(scene: Scene, sounds: list[bytes]) -> None:
    seen: list[int | None] = []

    def rate() -> None:
        with Catalog.open(scene.catalog.file) as other:
            judging.rate(other, "1", 4)
            seen.extend(row.rating for row in list_clips(other))

    scene.play({5.0: write(scene.folder / "a.wav", sounds[0]), 50.0: rate}, until=100.0)
    assert seen == [4]


def test_scores_that_failed_are_computed_after_the_next_quiet_period(
    scene: Scene, sounds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, tries = ingest_module.catch_up, list[float]()

    def fails_once(*arguments: Any, **options: Any) -> Any:
        tries.append(scene.now)
        if len(tries) == 1:
            raise CatalogError("the matrix is busy")
        return keep(*arguments, **options)

    monkeypatch.setattr(ingest_module, "catch_up", fails_once)
    scene.play({5.0 + n: write(scene.folder / f"{n}.wav", sounds[n]) for n in range(2)}, until=200.0)
    assert tries == [40.0, 40.0 + QUIET]
    assert [event.report.scoring_failure for _, event in scene.told if event.report] == ["the matrix is busy"]
    assert all(row.score is not None for row in list_clips(scene.catalog))


def test_a_file_that_cannot_be_used_is_reported_once(
    scene: Scene, sounds: list[bytes], tmp_path: Path
) -> None:
    (scene.folder / "text.wav").write_text("no audio")
    (scene.folder / "dangling.wav").symlink_to(tmp_path / "target.wav")
    os.mkfifo(scene.folder / "fifo.wav")
    report = scene.play({150.0: write(scene.folder / "new.wav", sounds[0])}, until=300.0)
    first, second = (event.report for _, event in scene.told)
    assert first is not None
    assert second is not None
    assert len(first.failures) == 3
    assert (second.added, second.failures) == (1, ())
    assert report.failed == 3
    later = scene.play({5.0: write(tmp_path / "target.wav", sounds[1])}, until=100.0)
    assert later.added == 1


def test_a_file_that_could_not_be_opened_is_ingested_once_it_can_be(
    scene: Scene, sounds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from thresher.curation.ingest import watch as watch_module

    locked = os.fsencode(scene.folder / "secret.wav")
    whole = files.sha256_file
    closed = [True]

    def refuses(path: bytes) -> str:
        if closed[0] and path == locked:
            raise PermissionError(13, "Permission denied")
        return whole(path)

    # as permissions would, which don't hold for root
    monkeypatch.setattr(files, "sha256_file", refuses)
    monkeypatch.setattr(watch_module, "_can_be_read", lambda path: not (closed[0] and path == locked))
    report = scene.play(
        {5.0: write(scene.folder / "secret.wav", sounds[0]), 150.0: lambda: closed.__setitem__(0, False)},
        until=300.0,
    )
    assert [when for when, _ in scene.told] == [35.0, 150.0 + QUIET]
    assert (report.failed, report.added) == (1, 1)
    assert statuses(scene.catalog) == ["ok"]


def test_a_file_that_a_worker_cannot_read_yet_is_reported_once_and_tried_again(
    scene: Scene, sounds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = {"late.wav"}

    def on_another_machine(workers: Any, read: Any, tasks: Any, roots: Any) -> Iterator[Any]:
        for file, result in file_results(workers, read, tasks, roots):
            is_unseen = os.path.basename(os.fsdecode(file.found.path)) in blind
            yield file, Unseen("the worker tcp://10.0.0.2:1 can't read it") if is_unseen else result

    monkeypatch.setattr(reading, "file_results", on_another_machine)
    report = scene.play(
        {
            5.0: write(scene.folder / "late.wav", sounds[0]),
            110.0: write(scene.folder / "other.wav", sounds[1]),
            180.0: blind.clear,
        },
        until=300.0,
    )
    batches = [event.report for _, event in scene.told if event.report]
    assert [(each.added, len(each.failures)) for each in batches] == [(0, 1), (1, 0), (1, 0)]
    assert (report.added, report.failed) == (2, 1)
    assert statuses(scene.catalog) == ["ok", "ok"]


def test_once_ends_after_all_files_are_ingested(scene: Scene, sounds: list[bytes]) -> None:
    (scene.folder / "a.wav").write_bytes(sounds[0])
    assert scene.play({}, until=1e9, once=True).added == 1
    assert scene.now == QUIET
    assert scene.play({}, until=1e9, once=True).batches == 0
    assert scene.now == 0


@pytest.mark.sqlite_only("a lock of the whole catalog")
def test_once_raises_the_error_of_the_ingest(scene: Scene, sounds: list[bytes]) -> None:
    (scene.folder / "a.wav").write_bytes(sounds[0])
    with pytest.raises(CatalogError, match="locked"), Catalog.open(scene.catalog.file) as other:
        lock = writing(other)
        scene.catalog.file.write_text("[catalog]\nbusy_timeout = 0.01\n")
        try:
            scene.play({5.0: lock.__enter__}, until=1e9, once=True)
        finally:
            lock.__exit__(None, None, None)


def test_an_interrupted_watch_returns_its_report(
    scene: Scene, sounds: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    report = scene.play({5.0: write(scene.folder / "a.wav", sounds[0]), 100.0: stop}, until=1e9)
    assert report == WatchReport(batches=1, added=1, copies=0, failed=0, interrupted=False)
    monkeypatch.setattr(ingest_module, "catch_up", stop)
    report = scene.play({5.0: write(scene.folder / "b.wav", sounds[1])}, until=1e9)
    assert report.interrupted
    assert len(list_clips(scene.catalog)) == 2  # what was committed stays


def test_folders_may_overlap_and_be_links(
    scene: Scene, sounds: list[bytes], tmp_path: Path, catalog: Catalog
) -> None:
    (scene.folder / "below").mkdir()
    (scene.folder / "below/a.wav").write_bytes(sounds[0])
    (tmp_path / "link").symlink_to(scene.folder)
    clock = iter(range(0, 1000, 10))
    told: list[WatchEvent] = []
    report = watch(
        catalog,
        [tmp_path / "link", scene.folder, scene.folder / "below"],
        WatchOptions(once=True, ingest=scene.options),
        wait=lambda _: True,
        tell=told.append,
        clock=lambda: float(next(clock)),
    )
    assert report.added == 1
    assert [event.news for event in told] == [WatchNews.BATCH]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (WatchOptions(every=0.0), "invalid every 0 "),
        (WatchOptions(quiet=float("nan")), "invalid quiet nan "),
        (WatchOptions(ingest=IngestOptions(dry_run=True)), "dry_run"),
        (WatchOptions(ingest=IngestOptions(role="nonsense")), 'unknown role "nonsense"'),
    ],
)
def test_invalid_options_are_refused_immediately(scene: Scene, options: WatchOptions, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        watch(scene.catalog, [scene.folder], options, wait=lambda _: False, tell=print)


def test_only_existing_folders_are_watched(scene: Scene, tmp_path: Path) -> None:
    shutil.copy(scene.catalog.file, tmp_path / "file.wav")
    for folders, error in (
        ([tmp_path / "none"], NotFoundError),
        ([tmp_path / "file.wav"], UsageError),
        ([], UsageError),
    ):
        with pytest.raises(error):
            watch(scene.catalog, folders, WatchOptions(), wait=lambda _: False, tell=print)


def test_a_file_that_was_marked_missing_is_found_again(
    scene: Scene, sounds: list[bytes], tmp_path: Path
) -> None:
    """A restore from the trash after `prune` does this: the file has the same content and time of change."""
    here, away = scene.folder / "one.wav", tmp_path / "one.wav"
    here.write_bytes(sounds[0])
    (scene.folder / "two.wav").write_bytes(sounds[1])

    def go() -> None:
        here.rename(away)
        ingest(scene.catalog, [scene.folder], scene.options)
        assert [row.path for row in list_clips(scene.catalog, "missing:yes")] == ["run/one.wav"]

    scene.play({100.0: go, 200.0: lambda: away.rename(here)}, until=300.0)
    assert list_clips(scene.catalog, "missing:yes") == []


def test_two_watches_at_once_add_each_file_once(scene: Scene, sounds: list[bytes]) -> None:
    for number, content in enumerate(sounds[:6]):
        (scene.folder / f"r_epoch_{number}_0.wav").write_bytes(content)

    def watch_it(_number: int) -> WatchReport:
        with Catalog.open(scene.catalog.file) as catalog:
            return Scene(catalog, scene.folder, scene.options).play({}, until=120.0)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(watch_it, range(2)))
    assert sum(report.added for report in reports) == 6
    assert sum(report.copies + report.failed for report in reports) == 0
    assert statuses(scene.catalog) == ["ok"] * 6
    assert missing(scene.catalog) == 0
    assert verify(scene.catalog).is_sound


# -- below a root ------------------------------------------------------------------------------------------


def _texts(catalog: Catalog) -> list[str]:
    with catalog.reading() as connection:
        found = select(location.c.path_text).where(location.c.missing_since.is_(None))
        return sorted(connection.scalars(found))


def test_two_machines_watch_one_root(
    machines: Machines,
    audio: Path,
    sounds: list[bytes],
    serial: IngestOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Scene(machines.open("one", corpus=audio), audio, serial)
    assert one.play({}, until=200.0).added == 3
    mounted = audio.parent / "elsewhere/mounted"
    shutil.copytree(audio, mounted)
    other = Scene(machines.open("other", corpus=mounted), mounted, serial)
    report = other.play({100.0: write(mounted / "new.wav", sounds[0])}, until=200.0)
    assert (report.batches, report.added, report.copies) == (1, 1, 0)
    assert _texts(one.catalog) == ["corpus:a.wav", "corpus:b.wav", "corpus:new.wav", "corpus:runs/c.wav"]
    monkeypatch.setattr(files, "sha256_file", lambda name: pytest.fail(f"{name} was read"))
    assert other.play({}, until=200.0).batches == 0


def test_a_growing_file_below_a_root_must_settle_again(
    machines: Machines,
    audio: Path,
    sounds: list[bytes],
    serial: IngestOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(machines.open("one", corpus=audio), audio, serial)
    scene.play({}, until=100.0)
    late, whole = audio / "late.wav", files.sha256_file
    late.write_bytes(sounds[0][:20_000])

    def grows(name: bytes) -> str:
        digest = whole(name)
        if late.stat().st_size < len(sounds[0]):
            append(late, sounds[0][20_000:])()
        return digest

    monkeypatch.setattr(files, "sha256_file", grows)
    report = scene.play({}, until=200.0)
    assert report == WatchReport(batches=1, added=1, copies=0, failed=0, interrupted=False)
    assert "corpus:late.wav" in _texts(scene.catalog)


def test_a_root_that_appears_during_a_watch_is_known(
    machines: Machines, audio: Path, sounds: list[bytes], serial: IngestOptions
) -> None:
    ingest(machines.open("one", corpus=audio), [audio], serial)
    disk = audio.parent / "disk"
    disk.mkdir()
    (disk / "own.wav").write_bytes(sounds[0])
    scene = Scene(machines.open("other", corpus=disk / "audio"), disk, serial)
    report = scene.play(
        {
            100.0: lambda: shutil.copytree(audio, disk / "audio"),
            200.0: lambda: (disk / "audio").rename(audio.parent / "unplugged"),
            300.0: lambda: (audio.parent / "unplugged").rename(disk / "audio"),
        },
        until=400.0,
    )
    assert (report.batches, report.added, report.copies, report.failed) == (1, 1, 0, 0)
    assert missing(scene.catalog) == 0
    assert [text for text in _texts(scene.catalog) if text.startswith("corpus:")] == [
        "corpus:a.wav",
        "corpus:b.wav",
        "corpus:runs/c.wav",
    ]


def test_a_root_that_is_added_during_a_watch_renames_the_known_files(
    machines: Machines, audio: Path, sounds: list[bytes], serial: IngestOptions
) -> None:
    scene = Scene(machines.open("one"), audio, serial)
    scene.play({}, until=100.0)
    report = scene.play(
        {10.0: lambda: machines.open("one", corpus=audio), 20.0: write(audio / "new.wav", sounds[0])},
        until=200.0,
    )
    assert (report.batches, report.added, report.copies) == (1, 1, 0)
    assert _texts(scene.catalog) == ["corpus:a.wav", "corpus:b.wav", "corpus:new.wav", "corpus:runs/c.wav"]
    assert scene.play({}, until=200.0).batches == 0
