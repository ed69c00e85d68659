"""The tables: they are those of the newest migration, and refuse rows that contradict each other."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint, create_engine, inspect, text

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, migrations, schema


def test_the_newest_migration_is_the_revision_of_the_schema() -> None:
    assert migrations.known_revisions()[0] == schema.HEAD


@pytest.mark.sqlite_only("these words for its schema")
def test_the_migrated_schema_equals_the_declared_tables(catalog: Catalog) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with catalog.reading() as connection, warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Alembic can't compare the index over expressions; the next line does
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        index = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'uq_checkpoint'"))
    assert index == (
        "CREATE UNIQUE INDEX uq_checkpoint ON checkpoint "
        "(coalesce(run, ''), coalesce(epoch, -1), coalesce(step, -1))"
    )


def described(url: str) -> dict[str, Any]:
    """Return the whole schema of a database, as SQLAlchemy's inspector describes it."""
    engine = create_engine(url)
    found = inspect(engine)
    with engine.connect() as connection:
        statements: dict[str, str] = dict(
            map(tuple, connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")))
        )
    engine.dispose()
    tables = {}
    for name in sorted(set(found.get_table_names()) - {"alembic_version", "sqlite_sequence"}):
        tables[name] = {
            "columns": [{**column, "type": str(column["type"])} for column in found.get_columns(name)],
            "key": found.get_pk_constraint(name),
            "foreign": sorted(map(repr, found.get_foreign_keys(name))),
            "checks": sorted(map(repr, found.get_check_constraints(name))),
            "unique": sorted(map(repr, found.get_unique_constraints(name))),
            "autoincrement": "AUTOINCREMENT" in statements[name],
        }
    indexes = {
        name: " ".join(sql.lower().replace('"', "").split())
        for name, sql in statements.items()
        if sql.startswith("CREATE") and "INDEX" in sql[:20]
    }
    return {**tables, "indexes": indexes}


@pytest.mark.sqlite_only("these words for its schema")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_the_migrations_create_the_schema_of_schema_py(tmp_path: Path) -> None:
    """This includes checks, partial indexes and AUTOINCREMENT, which Alembic does not compare."""
    database.create(tmp_path / "migrated.db", 1.0)
    engine = create_engine(f"sqlite:///{tmp_path}/created.db")
    schema.metadata.create_all(engine)
    engine.dispose()
    migrated, created = (described(f"sqlite:///{tmp_path}/{name}.db") for name in ("migrated", "created"))
    assert migrated == created
    assert set(migrated) - {"indexes"} == set(schema.metadata.tables)


def test_every_table_with_an_id_is_autoincremented() -> None:
    for table in schema.metadata.sorted_tables:
        if [column.name for column in table.primary_key] == ["id"]:
            assert table.dialect_options["sqlite"]["autoincrement"], table.name


@pytest.mark.parametrize(
    ("kept", "refused"),
    [
        (
            "INSERT INTO checkpoint (run, epoch, step) VALUES ('a', 1, 2)",
            "INSERT INTO checkpoint (run, epoch, step) VALUES ('a', 1, 2)",
        ),
        (
            "INSERT INTO checkpoint (run, epoch) VALUES (NULL, 7)",
            "INSERT INTO checkpoint (run, epoch) VALUES (NULL, 7)",
        ),
        (
            "INSERT INTO checkpoint (run, epoch) VALUES ('', 8)",
            "INSERT INTO checkpoint (run, epoch) VALUES (NULL, 8)",
        ),
        ("UPDATE clip SET rating = 5", "UPDATE clip SET rating = 6"),
        ("UPDATE clip SET rating = NULL", "UPDATE clip SET rating = 0"),
        ("UPDATE clip SET end_frame = start_frame", "UPDATE clip SET end_frame = start_frame - 1"),
        ("UPDATE recording SET status = 'silent'", "UPDATE recording SET status = 'loud'"),
        ("UPDATE recording SET role = 'reference'", "UPDATE recording SET role = 'drummer'"),
        ("SELECT 1", "UPDATE recording SET batch_id = 77"),
    ],
)
def test_the_database_enforces_its_constraints(filled: Catalog, kept: str, refused: str) -> None:
    with writing(filled) as connection:
        connection.execute(text(kept))
    with pytest.raises(Exception, match="constraint"), writing(filled) as connection:
        connection.execute(text(refused))


def test_a_row_that_is_deleted_with_another_is_found_by_an_index() -> None:
    """Without one, deleting a clip would read a whole table."""
    for table in schema.metadata.sorted_tables:
        lists = [table.primary_key.columns, *(each.columns for each in table.indexes)]
        lists += [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
        first = {next(iter(columns)).name for columns in lists if len(columns)}
        deleted_with = {each.parent.name for each in table.foreign_keys if each.ondelete is not None}
        assert deleted_with <= first, table.name
