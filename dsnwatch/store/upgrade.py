"""Brings the tables to what this version writes; loaded only when they are older."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from dsnwatch.store.connections import writing
from dsnwatch.store.schema import APPLICATION_ID, HEAD, revision

MIGRATIONS = Path(__file__).parent / "migrations"


def settings() -> Config:
    """Give Alembic's settings; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, where: str) -> None:
    """Run the migrations that are missing, all of them or none.

    The write lock is taken first and the version read again under it, so that of several
    processes that open an old store at once one migrates and the others find it done.

    Raises:
        StoreError: Or the subclass that fits.
    """
    with writing(engine, where) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        if revision(driver, where) == HEAD:
            return
        config = settings()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
