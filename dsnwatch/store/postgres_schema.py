"""Whose tables a PostgreSQL database has, and how old they are; and making them ours."""

from typing import TYPE_CHECKING

from dsnwatch.errors import StoreSchemaError
from dsnwatch.store.postgres_faults import FOREIGN
from dsnwatch.store.schema import known

if TYPE_CHECKING:
    from sqlalchemy import Connection

MARK = "dsnwatch"
"""Stands as the comment on `alembic_version` in every store of ours."""

FOUND = f"""
    SELECT to_regclass('alembic_version') IS NOT NULL,
           coalesce(obj_description(to_regclass('alembic_version'), 'pg_class'), '') = '{MARK}',
           to_regclass('suppression') IS NOT NULL OR to_regclass('event') IS NOT NULL
           OR to_regclass('message') IS NOT NULL
"""
REVISION = "SELECT version_num FROM alembic_version"

MARKED = f"COMMENT ON TABLE alembic_version IS '{MARK}'"

OTHER_ORDER = """
    SELECT c.relname, a.attname
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    JOIN pg_collation AS k ON k.oid = a.attcollation
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
        AND a.atttypid = 'text'::regtype AND NOT a.attisdropped AND k.collname <> 'C'
    ORDER BY c.relname, a.attnum
"""
"""The columns that are sorted by some language's rules.

SQLite sorts by octets, and so do we everywhere; and the order of a language may change with the
C library, which breaks indexes.
"""


def revision_on(connection: "Connection", where: str) -> str | None:
    """Find how old the tables are, in a transaction; see `revision_of`."""
    marks = tuple(connection.exec_driver_sql(FOUND).one())
    version = connection.exec_driver_sql(REVISION).scalar() if all(marks[:2]) else None
    return revision_of(marks, version, where)


def revision_of(marks: tuple[bool, bool, bool], version: str | None, where: str) -> str | None:
    """Say how old the tables are, from the answers to `FOUND` and `REVISION`.

    Returns:
        One of `schema.REVISIONS`; None where there are no tables of these names.

    Raises:
        StoreSchemaError: Not a store of ours, or one that a newer dsnwatch made.
    """
    there, ours, names = marks
    if there != ours or (names and not ours):
        raise StoreSchemaError(f"store {where}: {FOREIGN}")
    return known(version, where) if there else None
