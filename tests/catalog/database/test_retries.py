"""Transactions that are run again."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import pytest
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, retries
from thresher.catalog.database.retries import ALONE, TRIES, repeated
from thresher.catalog.database.schema import song
from thresher.errors import CatalogError, UsageError


class _DatabaseError(Exception):
    """An error of a driver, with the code that SQL defines."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"error {sqlstate}")
        self.sqlstate = sqlstate


SERIALIZATION_FAILURE, DEADLOCK, UNIQUE_VIOLATION, CHECK_VIOLATION = "40001", "40P01", "23505", "23514"


def _add_song(connection: Connection, number: int) -> None:
    values = {"id": number, "name": "bone", "query": "", "ordering": "id+", "metric": "prefix", "fade": 0.0}
    connection.execute(insert(song).values(**values, created_at=0.0, artist="first"))


def _add_song_twice(connection: Connection) -> None:
    for _ in range(2):
        _add_song(connection, number=1)


class _Attempts:
    """A transaction that loses with these errors, one by one, and then returns the number of tries."""

    def __init__(self, *errors: Exception) -> None:
        self.alone: list[bool] = []
        self._errors = iter(errors)

    def __call__(self, *, alone: bool) -> int:
        self.alone.append(alone)
        for error in self._errors:
            raise error
        return len(self.alone)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which take no time."""
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def test_a_transaction_that_succeeds_runs_once(pauses: list[float]) -> None:
    attempts = _Attempts()
    assert repeated(attempts) == 1
    assert attempts.alone == [False]
    assert pauses == []


@pytest.mark.parametrize("state", [SERIALIZATION_FAILURE, DEADLOCK, UNIQUE_VIOLATION])
def test_a_transaction_that_lost_runs_again(state: str, pauses: list[float]) -> None:
    attempts = _Attempts(_DatabaseError(state), _DatabaseError(state))
    assert repeated(attempts) == 3
    assert attempts.alone == [False, False, False]
    assert len(pauses) == 2


def test_the_last_tries_run_alone_and_then_an_error_names_the_cause(pauses: list[float]) -> None:
    attempts = _Attempts(*(_DatabaseError(SERIALIZATION_FAILURE) for _ in range(TRIES + 1)))
    with pytest.raises(CatalogError, match="run the command again") as caught:
        repeated(attempts)
    assert isinstance(caught.value.__cause__, _DatabaseError)
    assert attempts.alone == [False] * (TRIES - ALONE) + [True] * ALONE
    limits = [retries.FIRST_PAUSE * 2**number for number in range(TRIES - 1)]
    assert all(0 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))


def test_a_row_that_exists_although_nobody_else_writes_is_an_error() -> None:
    attempts = _Attempts(*(_DatabaseError(UNIQUE_VIOLATION) for _ in range(TRIES + 1)))
    with pytest.raises(_DatabaseError):
        repeated(attempts)
    assert attempts.alone == [False] * (TRIES - ALONE) + [True]


@pytest.mark.parametrize("error", [_DatabaseError(CHECK_VIOLATION), UsageError("no"), KeyError("x")])
def test_other_errors_are_raised_at_once(error: Exception) -> None:
    attempts = _Attempts(error)
    with pytest.raises(type(error)):
        repeated(attempts)
    assert attempts.alone == [False]


def test_the_cause_of_an_error_counts() -> None:
    """SQLAlchemy and the sentences of the catalog wrap the error of the driver."""
    wrapped = CatalogError("in words")
    wrapped.__cause__ = RuntimeError("of SQLAlchemy")
    wrapped.__cause__.__cause__ = _DatabaseError(DEADLOCK)
    assert repeated(_Attempts(wrapped)) == 2


@pytest.mark.parametrize(("state", "tries"), [(DEADLOCK, 2), (CHECK_VIOLATION, 1)])
def test_an_error_that_is_its_own_cause_ends_the_search(state: str, tries: int) -> None:
    """So is an error of SQLAlchemy that the catalog raises as it is."""
    error = DBAPIError("UPDATE", {}, _DatabaseError(state))
    error.__cause__ = error
    attempts = _Attempts(error)
    with nullcontext() if tries > 1 else pytest.raises(DBAPIError):
        repeated(attempts)
    assert len(attempts.alone) == tries


def test_a_row_that_exists_already_in_sqlite_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError):
        catalog.write(_add_song_twice)


def test_interrupting_ends_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repeated(_Attempts(_DatabaseError(DEADLOCK)))


def test_a_write_of_a_catalog_runs_again_in_a_new_transaction(catalog: Catalog) -> None:
    connections = []

    def write(connection: object) -> str:
        connections.append(connection)
        if len(connections) < 3:
            raise _DatabaseError(SERIALIZATION_FAILURE)
        return "written"

    assert catalog.write(write) == "written"
    assert len(set(map(id, connections))) == 3


@needs_postgres
def test_on_a_server_a_transaction_that_lost_often_runs_alone(catalog: Catalog) -> None:
    """Another program changes what the transaction has read, each time, until it can't any more."""
    assert POSTGRES is not None
    address = POSTGRES.target_of(catalog.settings.catalog.database, catalog.root)
    others = database.connect(address, 0.05)  # it waits less long for the lock than the pauses take
    outcomes: list[str] = []

    def interfere() -> None:
        try:
            with database.writing(others) as connection:
                connection.execute(update(song).values(artist=f"other {len(outcomes)}"))
        except CatalogError:
            outcomes.append("locked")
        else:
            outcomes.append("written")

    def write(connection: Connection) -> str:
        found = str(connection.scalar(select(song.c.artist)))
        interfere()
        connection.execute(update(song).values(album=found))
        return found

    catalog.write(partial(_add_song, number=1))
    read = catalog.write(write)
    others.dispose()
    assert outcomes == ["written"] * (TRIES - ALONE) + ["locked"]
    with catalog.reading() as connection:
        assert connection.execute(select(song.c.artist, song.c.album)).all() == [(read, read)]
