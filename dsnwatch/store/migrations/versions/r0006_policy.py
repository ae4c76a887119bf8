"""What deciding well needs: releases, trials, signs of life, what was sent, what is held."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the new tables and columns; rows from before know nothing of them."""
    for name in ("decision_stream", "void"):
        op.add_column("event", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("suppression", sa.Column("batch", sa.Text(), nullable=True))
    op.add_column("suppression", sa.Column("lifted_until", sa.BigInteger(), nullable=True))
    op.create_index(
        "suppression_batch",
        "suppression",
        ["batch"],
        sqlite_where=sa.text("batch IS NOT NULL"),
        postgresql_where=sa.text("batch IS NOT NULL"),
    )
    _list()
    _signs()
    _holds()


def _text(name: str, *, nullable: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable, primary_key=key)


def _integer(name: str, *, nullable: bool = False, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, primary_key=key, autoincrement=False)


def _list() -> None:
    op.create_table(
        "former_suppression",
        _text("id", key=True),
        _text("address"),
        _text("stream"),
        _text("domain"),
        _text("reason"),
        _text("origin"),
        _text("rule"),
        _text("event_id", nullable=True),
        _integer("since"),
        _integer("until", nullable=True),
        _text("note"),
        _text("node"),
        _text("batch", nullable=True),
        _integer("lifted_until", nullable=True),
    )
    op.create_index("former_suppression_address", "former_suppression", ["address", "stream", "id"])
    op.create_table(
        "release",
        _text("address", key=True),
        _text("stream", key=True),
        _text("id"),
        _integer("at"),
        _text("who"),
        _text("because"),
        _text("node"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trial",
        _text("address", key=True),
        _text("stream", key=True),
        _integer("at", key=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        _text("node"),
        sqlite_with_rowid=False,
    )


def _signs() -> None:
    op.create_table(
        "life",
        _text("address", key=True),
        _integer("at", nullable=True),
        _text("source"),
        _integer("message", nullable=True),
        _integer("before", nullable=True),
        _text("node"),
        sqlite_with_rowid=False,
    )
    op.create_table("sent", _integer("key", key=True), sqlite_with_rowid=False)
    op.create_table(
        "sent_count",
        _integer("hour", key=True),
        _text("stream", key=True),
        _text("campaign", key=True),
        _integer("messages"),
        sqlite_with_rowid=False,
    )


def _holds() -> None:
    op.create_table(
        "guard_hour",
        _text("name", key=True),
        _integer("hour", key=True),
        _integer("reports"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hold",
        _text("id", key=True),
        _text("name"),
        _text("kind"),
        _integer("opened_at"),
        _text("summary"),
        _text("node"),
    )
    op.create_index("hold_name", "hold", ["name"], unique=True)
    op.create_table(
        "held",
        _text("event_id", key=True),
        _text("hold_id"),
        _text("address"),
        sqlite_with_rowid=False,
    )
    op.create_index("held_hold", "held", ["hold_id", "event_id"])
    op.create_index("held_address", "held", ["address"])
