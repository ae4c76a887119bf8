"""What is the matter, and what was: one row for each lasting name of an alert."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; nothing was looked for before."""
    op.create_table(
        "alert",
        _text("name", key=True),
        *(_text(name) for name in ("kind", "severity", "summary", "stream", "campaign")),
        sa.Column("pauses", sa.Boolean(), nullable=False),
        _moment("failed"),
        _moment("sent"),
        _moment("raised_at"),
        _moment("cleared_at", nullable=True),
        _moment("told_at"),
        sa.Column("told", sa.Boolean(), nullable=False),
        _text("node"),
        sqlite_with_rowid=False,
    )


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=key)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)
