"""Who has a duty that only one of several daemons may have; and wake-ups on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TOLD = (
    ("outbox", "INSERT", "dsnwatch_outbox"),
    ("suppression", "INSERT OR UPDATE OR DELETE OR TRUNCATE", "dsnwatch_list"),
)
"""Which table tells what to whom, at COMMIT."""


def upgrade() -> None:
    """Make the table, and on a server the triggers that tell."""
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "CREATE FUNCTION dsnwatch_tell() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$"
    )
    for table, when, channel in TOLD:
        op.execute(
            f"CREATE TRIGGER dsnwatch_tell AFTER {when} ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION dsnwatch_tell('{channel}')"
        )
