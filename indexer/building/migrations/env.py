"""Runs migrations on the connection that `indexer.building.migrate` hands over."""

from alembic import context

from indexer.gallery.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
