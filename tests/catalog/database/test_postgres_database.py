"""Catalogs in PostgreSQL: transactions, errors in one sentence, creation, and refusals."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import URL, insert, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, run_python, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, digests, postgres_database, schema
from thresher.catalog.database.schema import clip
from thresher.catalog.settings.config import load_settings
from thresher.errors import CatalogError, ReadOnlyCatalogError, UpgradedError, UsageError
from thresher.version import __version__

pytestmark = needs_postgres


@pytest.fixture
def shelf(catalog: Catalog) -> Catalog:
    """Two clips, the second of which is rated 4."""
    with writing(catalog) as connection:
        connection.execute(insert(schema.batch).values(started_at=0.0, paths="[]", options="{}"))
        for sha256, rating in (("a", None), ("b", 4)):
            key = database.insert_row(
                connection,
                schema.recording,
                {"sha256": sha256, "batch_id": 1, "role": "generated", "status": "ok"},
            )
            span = {"start_frame": 0, "end_frame": 16_000, "trim": "{}"}
            connection.execute(
                insert(clip).values(recording_id=key, kind="whole", ordinal=0, rating=rating, **span)
            )
    return catalog


def url_of(catalog: Catalog) -> URL:
    """Return the URL of the database of a test's catalog."""
    assert POSTGRES is not None
    found = POSTGRES.target_of(catalog.settings.catalog.database, catalog.root)
    assert isinstance(found, URL)
    return found


def on_server(statement: str) -> None:
    assert POSTGRES is not None
    POSTGRES.execute(statement)


# -- transactions ------------------------------------------------------------------------------------------


def test_a_reader_sees_the_catalog_of_one_moment(shelf: Catalog) -> None:
    statement = select(clip.c.rating).where(clip.c.id == 2)
    with shelf.reading() as connection:
        before = connection.scalar(statement)
        with writing(shelf) as other:
            other.execute(update(clip).where(clip.c.id == 2).values(rating=1))
        assert connection.scalar(statement) == before == 4
    with shelf.reading() as connection:
        assert connection.scalar(statement) == 1


def test_a_reader_can_not_write(shelf: Catalog) -> None:
    with (
        pytest.raises(
            CatalogError,
            match=r"the role postgres can't change .*cannot execute UPDATE in a read-only transaction",
        ),
        shelf.reading() as connection,
    ):
        connection.execute(update(clip).values(rating=1))


def test_a_writer_that_would_not_be_alone_fails_with_the_state_that_says_so(shelf: Catalog) -> None:
    """Each of two writers counts the rated clips, and rates one: after one another, they would count 1 and 2."""
    rated = select(clip.c.id).where(clip.c.rating.is_not(None))
    with pytest.raises(DBAPIError) as caught, writing(shelf) as one:
        assert len(one.execute(rated).all()) == 1
        with writing(shelf) as other:
            assert len(other.execute(rated).all()) == 1
            other.execute(update(clip).where(clip.c.id == 1).values(rating=3))
        one.execute(update(clip).where(clip.c.id == 2).values(rating=None))
    assert getattr(caught.value.orig, "sqlstate", None) == "40001"


def test_a_writer_that_runs_alone_waits_for_others_and_keeps_them_out(shelf: Catalog) -> None:
    engine = database.connect(url_of(shelf), 0.05)
    is_locked = pytest.raises(CatalogError, match="is locked by another program")
    with writing(shelf), is_locked, database.writing(engine, alone=True):
        pass
    with database.writing(engine, alone=True):
        with is_locked, database.writing(engine):
            pass
        with database.reading(engine) as connection:
            assert connection.scalar(select(clip.c.id).where(clip.c.id == 1)) == 1
    engine.dispose()


def test_ids_are_never_given_twice(shelf: Catalog) -> None:
    values = {"sha256": "x", "batch_id": 1, "role": "generated", "status": "ok"}
    with writing(shelf, rollback=True) as connection:
        database.insert_row(connection, schema.recording, values)
    with writing(shelf) as connection:
        assert database.insert_row(connection, schema.recording, values) > 2


def test_an_update_of_the_schema_refuses_programs_that_are_connected(shelf: Catalog) -> None:
    with shelf.reading():  # the program has a connection
        pass
    other = database.connect(url_of(shelf), 1.0)
    with other.connect().execution_options(creates=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    other.dispose()
    with pytest.raises(UpgradedError, match="to revision 9999; end this command"), writing(shelf):
        pass


def test_connections_tell_the_version_the_user_and_the_machine(shelf: Catalog) -> None:
    with shelf.reading() as connection:
        name = connection.exec_driver_sql("SHOW application_name").scalar_one()
    assert name == f"thresher {__version__} {name.split()[-1]}"
    assert name.endswith(f"@{socket.gethostname()}"[: 63 - len(name)] or "")


def test_both_sides_notice_that_a_connection_is_lost(shelf: Catalog) -> None:
    with shelf.reading() as connection:
        asked = connection.exec_driver_sql("SHOW tcp_user_timeout").scalar_one()
        raw: Any = connection.connection.dbapi_connection
        own = raw.info.get_parameters()
    assert asked in ("30s", "30000")
    assert own["tcp_user_timeout"] == "30000"
    assert own["keepalives_count"] == "2"


def test_the_url_can_say_when_a_connection_is_lost(shelf: Catalog) -> None:
    engine = database.connect(url_of(shelf).update_query_dict({"keepalives_count": "5"}), 1.0)
    with database.reading(engine) as connection:
        raw: Any = connection.connection.dbapi_connection
        assert raw.info.get_parameters()["keepalives_count"] == "5"
    engine.dispose()


def test_the_programs_of_other_users_are_seen_without_special_privileges(shelf: Catalog) -> None:
    assert POSTGRES is not None
    with shelf.reading() as connection:
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with POSTGRES.reader(url_of(shelf)) as url:
            reader = database.connect(url, 1.0)
            with database.reading(reader) as other:
                found = {each.process: each for each in postgres_database.connected_programs(other)}
            reader.dispose()
    assert (found[process].role, found[process].version) == ("postgres", __version__)


def test_programs_that_connect_during_a_transaction_are_seen(shelf: Catalog) -> None:
    with shelf.reading() as connection:
        assert postgres_database.connected_programs(connection) == []
        late = database.connect(url_of(shelf), 1.0)
        with database.reading(late):
            assert [each.version for each in postgres_database.connected_programs(connection)] == [
                __version__
            ]
        late.dispose()


def test_a_transaction_knows_nothing_of_one_that_was_rolled_back(shelf: Catalog) -> None:
    with writing(shelf, rollback=True) as connection:
        connection.execute(update(clip).values(rating=1))
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with writing(shelf) as connection:
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() == process
        assert digests.changed_tables(connection) == set()


# -- errors ------------------------------------------------------------------------------------------------


def refusal(url: URL) -> str:
    with pytest.raises(CatalogError) as caught:
        database.open_current(url, 1.0, Path)
    return str(caught.value)


def test_a_server_that_can_not_be_reached_is_one_sentence_without_the_password(shelf: Catalog) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = url_of(shelf).set(port=free.getsockname()[1], password="secret")
    message = refusal(url)
    assert message.startswith(
        f"can't connect to the server of postgresql+psycopg://postgres:***@127.0.0.1:{url.port}"
    )
    assert "Connection refused" in message
    assert "secret" not in message
    assert "\n" not in message


def test_a_database_that_does_not_exist_is_one_sentence(shelf: Catalog) -> None:
    message = refusal(url_of(shelf).set(database="no_such"))
    assert message.endswith(
        '(database "no_such" does not exist); create it on the server with `createdb NAME`'
    )


def test_a_role_that_does_not_exist_is_one_sentence(shelf: Catalog) -> None:
    assert 'role "nobody_here" does not exist' in refusal(url_of(shelf).set(username="nobody_here"))


def test_a_server_that_ends_the_connection_is_one_sentence(shelf: Catalog) -> None:
    with (
        pytest.raises(
            CatalogError, match="was stopped; start it, and run the command again; what was committed"
        ),
        writing(shelf) as connection,
    ):
        connection.execute(update(clip).values(rating=1))
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        on_server(f"SELECT pg_terminate_backend({process})")
        connection.execute(select(clip.c.id))
    with shelf.reading() as connection:  # with a new connection
        assert connection.scalars(select(clip.c.rating).order_by(clip.c.id)).all() == [None, 4]


def test_a_server_that_ends_a_long_transaction_is_one_sentence(shelf: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"ended the connection \("), writing(shelf) as connection:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 10")
        time.sleep(0.2)
        connection.execute(select(clip.c.id))


def test_a_role_that_may_only_read_lists_and_is_named_when_it_writes(shelf: Catalog) -> None:
    assert POSTGRES is not None
    with POSTGRES.reader(url_of(shelf)) as url:
        reader, _ = database.open_current(url, 1.0, Path)
        with database.reading(reader) as connection:
            assert connection.scalar(select(clip.c.rating).where(clip.c.id == 2)) == 4
        named = f"the role {url.username} can't change .*permission denied for table"
        with pytest.raises(ReadOnlyCatalogError, match=named), database.writing(reader):
            pass
        reader.dispose()


# -- creation ----------------------------------------------------------------------------------------------


def address_of(catalog: Catalog) -> str:
    return url_of(catalog).render_as_string()


def test_a_second_machine_joins_the_catalog(shelf: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "other", address_of(shelf)) as joined:
        with joined.reading() as connection:
            assert connection.scalars(select(clip.c.id).order_by(clip.c.id)).all() == [1, 2]
        assert load_settings(joined.file).catalog.database == address_of(shelf)
    with pytest.raises(CatalogError, match="exists already; `thresher ingest PATH` adds to its catalog"):
        Catalog.create(tmp_path / "other", address_of(shelf))
    with pytest.raises(CatalogError, match="names another database"):
        Catalog.create(tmp_path / "other", f"{address_of(shelf)}_2")


def test_a_database_with_other_tables_is_refused(tmp_path: Path) -> None:
    assert POSTGRES is not None
    target = POSTGRES.target_of("sqlite:///catalog.db", tmp_path / "other")
    assert isinstance(target, URL)
    engine = database.connect(target, 1.0)
    with engine.connect().execution_options(creates=True) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE invoice (id INTEGER)")
    engine.dispose()
    with pytest.raises(CatalogError, match=r"holds other tables \(invoice\); it was not changed"):
        Catalog.create(tmp_path / "new", target.render_as_string())
    assert not (tmp_path / "new/catalog.toml").exists()


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("0015", "older thresher .*`thresher upgrade` upgrades it"),
        ("9999", "newer thresher .*pip install --upgrade"),
    ],
)
def test_opening_never_upgrades(shelf: Catalog, revision: str, message: str) -> None:
    engine = database.connect(url_of(shelf), 1.0)
    with engine.connect().execution_options(creates=True) as connection, connection.begin():
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    for opened in (Catalog.open, lambda file: Catalog.create(file.parent / "second", address_of(shelf))):
        with pytest.raises(CatalogError, match=message):
            opened(shelf.file)
    assert database.current_revision(engine) == revision
    engine.dispose()


def test_a_long_statement_ends_with_the_limit_of_the_query(shelf: Catalog) -> None:
    from thresher.catalog.text.time_limit import query_limit

    with query_limit(0.05), pytest.raises(UsageError, match="takes too long"), shelf.reading() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(60)")


def test_a_text_with_nul_is_one_sentence(shelf: Catalog) -> None:
    with pytest.raises(UsageError, match="holds the character NUL"), writing(shelf) as connection:
        connection.execute(update(clip).values(note="a\0b"))


def test_a_tag_that_is_too_long_for_an_index_is_one_sentence(shelf: Catalog) -> None:
    tag = "".join(map(chr, np.random.default_rng(0).integers(0x4E00, 0x9FFF, size=4_000)))  # hard to compress
    with pytest.raises(UsageError, match="too long"), writing(shelf) as connection:
        connection.execute(insert(schema.clip_tag).values(clip_id=2, tag=tag))


def test_a_missing_driver_is_one_sentence() -> None:
    code = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from pathlib import Path\n"
        "from thresher.catalog.database import database\n"
        "database.connect(database.target_of('postgresql+psycopg://h/n', Path()), 1.0)\n"
    )
    assert "pip install 'thresher[postgres]'" in run_python(code).stderr.splitlines()[-1]


def test_a_catalog_in_a_file_does_not_load_the_driver(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from thresher.catalog.catalog import Catalog\n"
        "Catalog.create(sys.argv[1]).close()\n"
        "print('psycopg' in sys.modules)\n"
    )
    assert run_python(code, tmp_path / "file").stdout == "False\n"


def test_urls_are_read() -> None:
    url = database.target_of("postgresql+psycopg://me@host:5433/music?sslmode=require", Path())
    assert url == make_url("postgresql+psycopg://me@host:5433/music?sslmode=require")


def test_rows_are_checked_without_reading_all_of_them_at_once(shelf: Catalog) -> None:
    with shelf.reading() as connection:
        rows = digests.stored_rows(connection, "SELECT 300 / (n - 150) FROM generate_series(1, 200) AS n")
        assert next(rows) == (300 // -149 + 1,)
        assert next(digests.stored_rows(connection, "SELECT 1")) == (1,)
        assert next(rows) == (300 // -148 + 1,)


@pytest.mark.parametrize("name", ["batch"])
def test_rows_get_the_digests_that_they_have_in_sqlite(shelf: Catalog, tmp_path: Path, name: str) -> None:
    table = schema.metadata.tables[name]
    with shelf.reading() as connection:
        row = dict(connection.execute(select(table)).mappings().one())
    file = tmp_path / "sqlite.db"
    database.create(file, 1.0)
    engine = database.connect(file, 1.0)
    with database.writing(engine) as connection:
        connection.execute(insert(table).values({**row, "digest": None}))
    with database.reading(engine) as connection:
        assert connection.scalar(select(table.c.digest)) == row["digest"] is not None
    engine.dispose()
