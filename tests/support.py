"""What tests share that is not a fixture: constants, types of fixtures, command runners, the dump of a catalog."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from tests.postgres import VARIABLE
from tests.postgres_catalogs import PostgresCatalogs
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database
from thresher.catalog.database.schema import checkpoint, metadata, recording
from thresher.curation.ingest.report import IngestReport

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

CORPUS = ROOT / "../shared/corpus"
"""Real neural audio, beside the checkout. Tests that need it take the fixture `corpus`, which skips without it."""

RATE = 16_000
"""The sample rate of made sounds, in Hz."""

COMMAND = [sys.executable, "-m", "thresher"]
"""The start of a command line that runs thresher in a process of its own."""

EVERY_METRIC = '[metrics]\nuse = ["prefix", "aligned", "likeness"]\n'
"""The settings of a catalog that keeps scores by every metric."""

PREFIX_ONLY = '[metrics]\nuse = ["prefix"]\n'
"""The settings of a catalog that keeps scores by the metric `prefix` only."""

POSTGRES = PostgresCatalogs(os.environ[VARIABLE]) if VARIABLE in os.environ else None
"""The databases of the tests' catalogs if the suite runs on PostgreSQL."""

JOURNAL = ("decision", "checkpoint", "writer", "safeguard")
"""Tables that `undo` adds to instead of restoring them."""

MakeSound = Callable[..., NDArray[np.float32]]
"""A fixture that makes a signal from a seed."""

MakeCatalog = Callable[[Path], Catalog]
"""A fixture that makes a new catalog with the default settings in a folder, faster than `Catalog.create`."""

WriteClip = Callable[..., Path]
"""A fixture that writes the sound of a seed to a path, and returns the path."""


def riff(seed: int, seconds: float = 4.0) -> NDArray[np.float32]:
    """A seeded run of tones, each of another pitch, at half of full scale."""
    generator = np.random.default_rng(seed)
    pitches = generator.uniform(80, 1200, size=16)
    per_note = int(seconds * RATE / len(pitches))
    time = np.arange(per_note) / RATE
    notes = [np.sin(2 * np.pi * pitch * time) for pitch in pitches]
    return (0.4 * np.concatenate(notes) + 0.05 * generator.normal(size=per_note * 16)).astype(np.float32)


class Finished(NamedTuple):
    """What a command returned and printed. The fields have the names of `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Finished]
"""A fixture that runs thresher with the given arguments."""


def environment(**variables: str) -> dict[str, str]:
    """Return the environment for a command: a wide terminal, no catalog from outside, and `variables`."""
    base = {name: value for name, value in os.environ.items() if name != "THRESHER_CATALOG"}
    return {**base, "COLUMNS": "200", **variables}


def run_command(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> Finished:
    """Run thresher in this process, without a terminal. This saves the start of a Python process.

    The current folder, the environment and the handlers of signals are afterwards as before.
    """
    from thresher.interfaces.cli.main import run

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        mock.patch.dict(os.environ, environment(**variables), clear=True),
        mock.patch.object(sys, "stdin", io.StringIO()),
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run([str(argument) for argument in arguments])
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return Finished(code, _content(out), _content(err))


def run_process(
    *arguments: str | Path,
    cwd: Path,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    variables: Mapping[str, str] | None = None,
) -> Finished:
    """Run thresher as a user's shell does: in a process of its own."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**(variables or {})),
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def run_python(
    code: str, *arguments: str | Path, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a Python program in a process of its own, for example one that kills itself."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_folder(template: Path, target: Path) -> None:
    """Copy a folder, times of files included, so that a catalog in it finds its files unchanged.

    Copying a catalog that a fixture of a wider scope made is much faster than making it again.
    """
    shutil.copytree(template, target, copy_function=shutil.copy2, dirs_exist_ok=True)
    if POSTGRES is not None:
        POSTGRES.copy(template, target)


class Machines:
    """Machines whose catalog.toml files name the same database, below one folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        database = folder / "catalog.db"
        self._head = f'{PREFIX_ONLY}[catalog]\ndatabase = "sqlite:///{database}"\n'
        (folder / "first").mkdir()
        (folder / "first/catalog.toml").write_text(self._head)
        Catalog.create(folder / "first").close()

    def open(self, name: str, **roots: Path) -> Catalog:
        """Open the catalog as a machine with these roots does; its folder has the machine's name."""
        (self.folder / name).mkdir(exist_ok=True)
        file = self.folder / name / "catalog.toml"
        named = "".join(f'{root} = "{path}"\n' for root, path in roots.items())
        file.write_text(f"{self._head}[roots]\n{named}")
        return self._stack.enter_context(Catalog.open(file))


def writing(catalog: Catalog, *, rollback: bool = False) -> AbstractContextManager[Connection]:
    """Open a transaction that writes rows for a test. It runs once: nothing else writes then."""
    return database.writing(catalog._engine, rollback=rollback)


def dump(
    catalog: Catalog,
    *,
    without: Collection[str] = (),
    times: bool = True,
    without_columns: Collection[str] = (),
) -> dict[str, list[str]]:
    """Return all rows of all tables as text, sorted, and the checkpoint of each recording.

    `without` names tables to leave out, `without_columns` columns. Without `times`, columns that hold a time or a
    digest are left out.
    """
    with catalog.reading() as connection:
        rows = {
            table.name: sorted(
                repr(
                    [
                        value
                        for name, value in row._mapping.items()
                        if (times or not name.endswith(TIMES)) and name not in without_columns
                    ]
                )
                for row in connection.execute(select(table))
            )
            for table in metadata.sorted_tables
            if table.name not in without
        }
        named = connection.execute(
            select(recording.c.id, checkpoint).outerjoin(
                checkpoint, checkpoint.c.id == recording.c.checkpoint_id
            )
        )
        return {**rows, "checkpoints of recordings": sorted(map(repr, named))}


TIMES = ("_at", "_since", "digest")
"""How the names of columns end that hold a time, or a digest of values that include times."""


def _content(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


def counts(report: IngestReport) -> dict[str, int]:
    """Return the counts of an ingest that are not zero, by name."""
    names = [
        "added",
        "copies",
        "moved",
        "returned",
        "missing",
        "reanalysed",
        "corrected",
        "retagged",
        "unchanged",
    ]
    return {name: value for name in names if (value := getattr(report, name))}


def for_processes(catalog: Catalog) -> Path:
    """Return the catalog.toml of a catalog, by which another process finds its database on a server, too."""
    if POSTGRES is not None:
        target = POSTGRES.target_of(catalog.settings.catalog.database, catalog.root)
        named = f'[catalog]\ndatabase = "{database.shown(target)}"\n'
        text = catalog.file.read_text()
        has_section = "[catalog]\n" in text
        catalog.file.write_text(text.replace("[catalog]\n", named) if has_section else f"{text}\n{named}")
    return catalog.file


def is_being_written(catalog: Catalog) -> bool:
    """Return whether a write transaction of the catalog is open now."""
    if POSTGRES is not None:
        return POSTGRES.is_being_written(catalog.root)
    other = sqlite3.connect(catalog.root / "catalog.db", timeout=0)
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False
