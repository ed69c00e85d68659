"""Alembic's entry: runs the revisions on the connection that the caller opened and began."""

from __future__ import annotations

from alembic import context

from thresher.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
