"""Fixtures of all tests: audio made from seeds, catalogs in temporary folders, commands, and the corpus.

This module also makes the tests of one process share what would cost each of them time: compiled SQL statements,
and a disk in memory for their folders.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal as signals
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import settings
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, event

from tests.curation.cutting.cuts import cut_shelf
from tests.postgres_catalogs import follow_ids
from tests.support import (
    CORPUS,
    POSTGRES,
    PREFIX_ONLY,
    RATE,
    Command,
    Machines,
    MakeCatalog,
    MakeSound,
    WriteClip,
    copy_folder,
    run_command,
)
from thresher import signal
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database
from thresher.catalog.files import stamps
from thresher.curation.ingest.options import IngestOptions

# The same examples in each run, however long they take. `--hypothesis-profile=default` tries new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# As in the command line: joblib counts the cores, and warns where it can't, as in some containers.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
os.environ.pop("PYTHONUNBUFFERED", None)  # commands buffer their output, as they do for users
# A shell's background jobs ignore it, and so would the programs that tests start.
signals.signal(signals.SIGINT, signals.default_int_handler)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

RAM_DISK = Path("/dev/shm")
"""A disk in memory, which Linux has. A commit of SQLite is many times faster there."""

RAM_NEEDED = 4 << 30
"""How much must be free on that disk, in bytes. In many containers it is too small."""

if RAM_DISK.is_dir() and os.access(RAM_DISK, os.W_OK) and shutil.disk_usage(RAM_DISK).free > RAM_NEEDED:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(RAM_DISK))


class _Statements(dict[Any, Any]):
    """Compiled statements by their key, in which the name of the dialect takes the place of the dialect itself.

    SQLAlchemy keeps compiled statements for each engine, and almost every test opens an engine of its own.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(_without_engine(key), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        if len(self) > 2_000:  # random queries differ in their statements
            self.clear()
        super().__setitem__(_without_engine(key), compiled)


def _without_engine(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *others = key
    return (dialect.name, *others)


_STATEMENTS = _Statements()


@event.listens_for(Engine, "engine_connect")
def _share_statements(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_STATEMENTS)


if POSTGRES is not None:
    event.listen(Engine, "after_execute", follow_ids)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On PostgreSQL, skip the tests of what only SQLite has."""
    for item in items if POSTGRES is not None else []:
        mark = item.get_closest_marker("sqlite_only")
        if mark is not None:
            item.add_marker(pytest.mark.skip(reason=f"only SQLite has {mark.args[0]}"))


@pytest.fixture(scope="session", autouse=POSTGRES is not None)
def _on_postgres() -> Iterator[None]:
    assert POSTGRES is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "target_of", POSTGRES.target_of)
        yield


@pytest.fixture(autouse=POSTGRES is not None)
def _databases_end(request: pytest.FixtureRequest) -> Iterator[None]:
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    assert POSTGRES is not None
    if folder is not None:
        POSTGRES.drop_below(folder)


def pytest_collection_finish() -> None:
    """Exempt the thousands of collected tests and the imported modules from garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def sound() -> MakeSound:
    """Music of a seed: a run of tones under a little noise, float32, shape (frames, channels)."""

    def make(seed: int, seconds: float = 4.0, *, rate: int = RATE, channels: int = 1) -> NDArray[np.float32]:
        generator = np.random.default_rng(seed)
        frames = round(seconds * rate)
        pitches = 110 * 2 ** (generator.integers(0, 36, size=64) / 12)
        time = np.arange(frames) / rate
        steps = np.minimum((time / 0.17).astype(int), 63)
        phase = 2 * np.pi * np.cumsum(pitches[steps]) / rate
        tones = 0.4 * np.sin(phase) + 0.2 * np.sin(3 * phase)
        columns = [tones + 0.03 * generator.normal(size=frames) for _ in range(channels)]
        return np.column_stack(columns).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def write_clip(sound: MakeSound) -> WriteClip:
    """Write the sound of a seed to a path, whose folder is made."""

    def write(
        path: Path,
        seed: int,
        seconds: float = 4.0,
        *,
        rate: int = RATE,
        channels: int = 1,
        subtype: str | None = None,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound(seed, seconds, rate=rate, channels=channels), rate, subtype)
        return path

    return write


@pytest.fixture(scope="session")
def new_catalog(tmp_path_factory: pytest.TempPathFactory) -> MakeCatalog:
    """Make a catalog by copying one that is made once: to create a catalog, all migrations run."""
    template = tmp_path_factory.mktemp("new")
    Catalog.create(template).close()

    def make(folder: Path) -> Catalog:
        copy_folder(template, folder)
        return Catalog.open(folder / "catalog.toml")

    return make


@pytest.fixture
def catalog(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog in the test's folder, which keeps scores by the metric `prefix` only."""
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(PREFIX_ONLY)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(tmp_path, stack)


@pytest.fixture
def audio(tmp_path: Path, write_clip: WriteClip) -> Path:
    """A folder of three clips on one machine."""
    for number, name in enumerate(("a", "b", "runs/c"), start=1):
        write_clip(tmp_path / f"audio/{name}.wav", number)
    return tmp_path / "audio"


@pytest.fixture(scope="session")
def cut_template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, sound: MakeSound
) -> Path:
    """The folder that `cut_clips` is copied from."""
    home = tmp_path_factory.mktemp("cut")
    with new_catalog(home) as made:
        cut_shelf(made, sound)
    return home


@pytest.fixture
def cut_clips(tmp_path: Path, cut_template: Path) -> Iterator[Catalog]:
    """A catalog with parts, marks, a hidden whole and removed clips, see `cut_shelf`, and all metrics."""
    copy_folder(cut_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files that were just written count as unchanged, without two seconds of waiting."""
    monkeypatch.setattr(stamps, "SETTLED_NS", -(10**12))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run thresher in this process, in the current folder, which at first is the test's folder."""
    monkeypatch.chdir(tmp_path)
    return run_command


@pytest.fixture(scope="session")
def serial() -> IngestOptions:
    """Ingest in this process."""
    return IngestOptions(executor="serial")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real neural audio, beside the checkout."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real audio is not beside this checkout")
    return CORPUS


@pytest.fixture(scope="session")
def family() -> MakeSound:
    """Sounds of four families (hiss, drone, beats, sweeps) that differ a little by seed: 2 s, float32."""

    def make(kind: int, seed: int) -> NDArray[np.float32]:
        generator = np.random.default_rng([kind, seed])
        time = np.arange(2 * RATE) / RATE
        noise = generator.normal(size=time.size)
        if kind == 0:
            y = 0.2 * noise
        elif kind == 1:
            partials = [
                0.2 * np.sin(2 * np.pi * 110 * k * (1 + 0.01 * generator.random()) * time) for k in (1, 2, 3)
            ]
            y = np.sum(partials, axis=0)
        elif kind == 2:
            y = 0.5 * noise * np.exp(-30 * (time * (4 + 0.2 * generator.random()) % 1))
        else:
            y = 0.4 * np.sin(2 * np.pi * (300 * time + (900 + 50 * generator.random()) * (2 * time % 1) ** 2))
        return (y + 0.002 * noise).astype(np.float32)

    return make


@pytest.fixture
def open_transactions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads of the transactions that are open at the moment, one entry for each transaction."""
    found: list[int] = []

    def noted(open_one: Callable[..., AbstractContextManager[Connection]]) -> Any:
        @contextmanager
        def opened(engine: Engine, **options: Any) -> Iterator[Connection]:
            with open_one(engine, **options) as connection:
                found.append(threading.get_ident())
                try:
                    yield connection
                finally:
                    found.remove(threading.get_ident())

        return opened

    monkeypatch.setattr(database, "reading", noted(database.reading))
    monkeypatch.setattr(database, "writing", noted(database.writing))
    return found


@pytest.fixture
def touched_in_transactions(open_transactions: list[int], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths, from now on, of audio files that a thread opened or looked at in a transaction of its own."""
    found: list[str] = []

    def noted(run: Callable[..., Any]) -> Callable[..., Any]:
        def look(path: Any, *given: Any, **options: Any) -> Any:
            name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
            if threading.get_ident() in open_transactions and name.endswith((".wav", ".flac", ".ogg")):
                found.append(name)
            return run(path, *given, **options)

        return look

    for name in ("stat", "lstat", "open"):
        monkeypatch.setattr(os, name, noted(getattr(os, name)))
    return found


@pytest.fixture
def computed_in_transactions(open_transactions: list[int]) -> Iterator[list[str]]:
    """The functions of `signal` that compare or order sounds and were called, from now on, in a transaction."""
    found: list[str] = []
    folders = tuple(os.path.join(os.path.dirname(signal.__file__), each, "") for each in COMPARING)

    def note(frame: FrameType, what: str, _given: Any) -> None:
        code = frame.f_code
        is_comparing = code.co_filename.startswith(folders)
        if what == "call" and is_comparing and threading.get_ident() in open_transactions:
            is_cheap = os.path.basename(code.co_filename) in KNOWING
            found.extend([] if is_cheap else [code.co_qualname])

    before = sys.getprofile()
    sys.setprofile(note)
    yield found
    sys.setprofile(before)


COMPARING = ("metrics", "ordering", "statistics")
"""The packages of `signal` whose functions can take long."""

KNOWING = ("registry.py", "orderings.py", "metric.py", "pins.py")
"""The modules in them that always take little time."""


@pytest.fixture
def one_transaction_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a verb fail that reads in a second transaction within a first one.

    On SQLite without WAL, the second one waits for a writer, which waits for the first one to end.
    """
    reading, threads = database.reading, set[int]()

    @contextmanager
    def checked(engine: Engine) -> Iterator[Connection]:
        here = threading.get_ident()
        assert here not in threads, "a transaction was opened within another one"
        threads.add(here)
        try:
            with reading(engine) as connection:
                yield connection
        finally:
            threads.remove(here)

    monkeypatch.setattr(database, "reading", checked)
