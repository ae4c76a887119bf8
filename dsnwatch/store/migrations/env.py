"""What Alembic runs around the steps, on the connection and in the transaction of `upgrade`."""

from alembic import context
from sqlmodel import SQLModel

from dsnwatch.store import tables

assert tables.MESSAGE.metadata is SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
