"""Alembic's entry: runs on the connection and in the transaction of `tonnam_cloud.migrations.upgrade`."""

from alembic import context

from tonnam_cloud.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
