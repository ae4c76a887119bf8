"""What charts, rates and alerts go by: counts by hour and day, and what refusals say alike."""

import sqlalchemy as sa
from alembic import op

from dsnwatch.store.tallies_anew import anew

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and count what is stored."""
    for span in ("hour", "day"):
        op.create_table(
            f"tally_{span}",
            _integer(span, key=True),
            *(_text(name, key=True) for name in ("stream", "kind", "bounce_class", "reason")),
            *(_text(name, key=True) for name in ("provider", "decision")),
            _integer("events"),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "tally_part",
        _text("dimension", key=True),
        _integer("day", key=True),
        *(_text(name, key=True) for name in ("part", "stream", "kind", "bounce_class")),
        _integer("events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tally_mail",
        _integer("hour", key=True),
        _text("stream", key=True),
        _text("kind", key=True),
        _integer("messages"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fingerprint",
        _text("id", key=True),
        *(_text(name) for name in ("print", "form", "rule", "bounce_class", "reason", "fault")),
        *(_text(name) for name in ("provider", "blocklist", "blocked_ip")),
        _integer("first_at"),
        _integer("last_at"),
        _text("sample"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fingerprint_day",
        _integer("day", key=True),
        _text("id", key=True),
        _integer("events"),
        sqlite_with_rowid=False,
    )
    anew(op.get_bind())


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, primary_key=key)


def _integer(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, primary_key=key, autoincrement=False)
