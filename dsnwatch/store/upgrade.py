"""Brings the tables to what this version writes; loaded only when they are older."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from dsnwatch.store import postgres_schema
from dsnwatch.store.connections import writing
from dsnwatch.store.postgres import MIGRATING, lock_number
from dsnwatch.store.schema import APPLICATION_ID, HEAD, revision

MIGRATIONS = Path(__file__).parent / "migrations"

PATIENCE = "10min"
"""How long one who comes second waits for who migrates."""


def settings() -> Config:
    """Give Alembic's settings; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, where: str) -> None:
    """Run the migrations that are missing, all of them or none.

    A lock is taken first and the version read again under it, so that of several processes that
    open an old store at once one migrates and the others find it done.

    Raises:
        StoreError: Or the subclass that fits.
    """
    server = engine.dialect.name == "postgresql"
    with writing(engine, where, rows=server) as connection:
        if server:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(%s)", (lock_number(MIGRATING),)
            )
            found = postgres_schema.revision_on(connection, where)
        else:
            driver = connection.connection.driver_connection
            assert driver is not None
            found = revision(driver, where)
        if found == HEAD:
            return
        config = settings()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if server:
            _finish(connection)
        else:
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def _finish(connection: Connection) -> None:
    """Say that the tables are ours, and have them sorted by octets."""
    connection.exec_driver_sql(postgres_schema.MARKED)
    for table, column in connection.exec_driver_sql(postgres_schema.OTHER_ORDER).all():
        connection.exec_driver_sql(
            f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE text COLLATE "C"'
        )
