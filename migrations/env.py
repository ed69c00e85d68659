"""Alembic's entry: runs the revisions on the connection that the caller opened and began."""

from __future__ import annotations

from contextlib import nullcontext

from alembic import context

from thresher.catalog.database.schema import metadata

connection = context.config.attributes["connection"]
rules = nullcontext()
if connection.dialect.name == "postgresql":
    from thresher.catalog.database.postgres_migrations import without_rows

    rules = without_rows(connection)
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with rules, context.begin_transaction():
    context.run_migrations()
