"""Run by Alembic: the steps go through the connection that already holds the write lock."""

from __future__ import annotations

from alembic import context

from feedback.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
