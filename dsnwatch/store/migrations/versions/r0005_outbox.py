"""The outbox by hook and address, its lanes, dead letters, and how each hook is doing."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the outbox anew: nobody has ever read the rows of the first one."""
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        _text("hook", key=True),
        _text("address", key=True),
        _text("id", key=True),
        _text("type"),
        _text("payload"),
        _text("node"),
    )
    op.create_table(
        "lane",
        _text("hook", key=True),
        _text("address", key=True),
        _large("due"),
        _integer("attempts"),
        _text("lease"),
        _large("version"),
        sqlite_with_rowid=False,
    )
    op.create_index("lane_due", "lane", ["hook", "due"])
    op.create_table(
        "dead_letter",
        _text("hook", key=True),
        _text("id", key=True),
        _text("address"),
        _text("type"),
        _text("payload"),
        _integer("attempts"),
        _large("at"),
        _text("error"),
        _text("node"),
    )
    op.create_table(
        "hook",
        _text("name", key=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        _large("not_before", nullable=True),
        _integer("failures"),
        _large("delivered"),
        _large("delivered_at", nullable=True),
        _large("failed_at", nullable=True),
        _text("error"),
        sqlite_with_rowid=False,
    )


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=key)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _large(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)
