"""The schema in PostgreSQL: the revisions make the tables that schema.py declares, and long paths fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, insert, inspect, select

from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, schema

pytestmark = needs_postgres


def described(url: URL) -> dict[str, Any]:
    """Return the whole schema of a database, as SQLAlchemy's inspector and PostgreSQL describe it."""
    engine = create_engine(url)  # a plain one: the inspector's own statements need integers of 32 bits
    with engine.connect() as connection:
        found = inspect(connection)
        tables = {
            name: {
                "columns": {
                    each["name"]: {**each, "type": repr(each["type"])} for each in found.get_columns(name)
                },
                "key": found.get_pk_constraint(name),
                "foreign": sorted(map(repr, found.get_foreign_keys(name))),
                "checks": sorted(map(repr, found.get_check_constraints(name))),
            }
            for name in found.get_table_names()
            if name != "alembic_version"
        }
        indexes = connection.exec_driver_sql(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        )
        sequences = connection.exec_driver_sql("SELECT sequencename, data_type::text FROM pg_sequences")
        tables["indexes"] = {name: text for name, text in indexes if "alembic_version" not in name}
        tables["sequences"] = dict(map(tuple, sequences))
    engine.dispose()
    return tables


def test_the_migrations_create_the_schema_of_schema_py(catalog: Catalog, tmp_path: Path) -> None:
    assert POSTGRES is not None
    address = catalog.settings.catalog.database
    migrated, declared = (POSTGRES.target_of(address, each) for each in (tmp_path, tmp_path / "declared"))
    assert isinstance(migrated, URL)
    assert isinstance(declared, URL)
    engine = database.connect(declared, 1.0)
    with engine.connect().execution_options(creates=True) as connection, connection.begin():
        schema.metadata.create_all(connection)
    engine.dispose()
    assert described(migrated) == described(declared)
    assert set(described(migrated)) - {"indexes", "sequences"} == set(schema.metadata.tables)


def test_integers_have_64_bits_and_text_is_compared_by_its_bytes(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        connection.execute(insert(schema.checkpoint), [{"run": run} for run in ("b", "B", "a", "é", "Z")])
        connection.execute(insert(schema.checkpoint), {"run": "big", "step": 2**62})
        runs = connection.scalars(select(schema.checkpoint.c.run).order_by(schema.checkpoint.c.run)).all()
        step = connection.scalar(select(schema.checkpoint.c.step).where(schema.checkpoint.c.run == "big"))
    assert runs == ["B", "Z", "a", "b", "big", "é"]
    assert step == 2**62


def test_bytes_are_not_compressed(catalog: Catalog) -> None:
    """`e` stands for EXTERNAL."""
    with catalog.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT DISTINCT attstorage::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND atttypid = 'bytea'::regtype"
        )
        assert rows.scalars().all() == ["e"]


def test_paths_and_runs_of_any_length_are_unique(catalog: Catalog) -> None:
    """An entry of a B-tree has at most 2.7 kB; random text can't be compressed to fit."""
    long = os.urandom(4_000)
    values = {
        "batch_id": 1,
        "path": long,
        "path_text": long.hex(),
        "size": 1,
        "mtime_ns": 1,
        "reason": "test",
    }
    with writing(catalog) as connection:
        connection.execute(insert(schema.batch).values(started_at=0.0, paths="[]", options="{}"))
        connection.execute(insert(schema.location).values(**values))
        connection.execute(insert(schema.location).values(**{**values, "path": long[:-1] + b"!"}))
        connection.execute(insert(schema.checkpoint).values(run=long.hex()))
        connection.execute(insert(schema.ingested_folder).values(path=long, ctime_changes=0, inode_changes=0))
    for table, row in (
        (schema.location, values),
        (schema.checkpoint, {"run": long.hex()}),
        (schema.ingested_folder, {"path": long, "ctime_changes": 0, "inode_changes": 0}),
    ):
        with pytest.raises(Exception, match="duplicate key"), writing(catalog) as connection:
            connection.execute(insert(table).values(**row))
    with catalog.reading() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = (
            connection.exec_driver_sql("EXPLAIN SELECT id FROM location WHERE path = %s", (long,))
            .scalars()
            .all()
        )
    assert "ix_location_path" in " ".join(plan)
