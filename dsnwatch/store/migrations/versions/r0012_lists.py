"""Lists that ask for a seldom value find it, and what there ever was is not added up each time."""

import sqlalchemy as sa
from alembic import op

from dsnwatch.store.tallies_anew import sum_up

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("message_stream", "message", ("stream", "id"), ""),
    ("message_kind", "message", ("kind", "id"), "kind <> 'bounce'"),
    ("event_stream", "event", ("stream", "id"), ""),
    ("event_provider", "event", ("provider", "id"), "provider IS NOT NULL"),
    ("event_campaign", "event", ("campaign", "id"), "campaign IS NOT NULL"),
    ("event_kind", "event", ("kind", "id"), "kind <> 'bounce'"),
    ("event_backscatter", "event", ("id",), "trust = 'backscatter'"),
    ("suppression_domain", "suppression", ("domain", "address", "stream"), ""),
    ("suppression_reason", "suppression", ("reason", "address", "stream"),
     "reason <> 'user_unknown'"),
    ("suppression_origin", "suppression", ("origin", "address", "stream"), "origin <> 'bounce'"),
    ("suppression_stream", "suppression", ("stream", "address"), "stream <> ''"),
)  # fmt: skip
"""Name, table, columns, and which rows; "" is all."""


def upgrade() -> None:
    """Make the tables and indexes, and fill the tables from what is stored."""
    op.create_table(
        "tally_total",
        *(_text(name, key=True) for name in ("what", "kind", "bounce_class", "reason", "decision")),
        _integer("events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stored_day",
        _text("what", key=True),
        _integer("day", key=True),
        _text("first"),
        _text("last"),
        sqlite_with_rowid=False,
    )
    for name, table, columns, condition in INDEXES:
        where = sa.text(condition) if condition else None
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    sum_up(op.get_bind())


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=key)


def _integer(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, primary_key=key, autoincrement=False)
