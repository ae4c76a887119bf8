"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables a first import needs."""
    _messages()
    _events()
    _suppressions()
    _flow()


def _text(name: str, *, nullable: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable, primary_key=key)


def _integer(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _messages() -> None:
    op.create_table(
        "message",
        _text("id", key=True),
        _text("fingerprint"),
        _text("source"),
        _text("locator"),
        _text("stream"),
        sa.Column("vouched", sa.Boolean(), nullable=False),
        _text("recipients"),
        _integer("source_arrived_at", nullable=True),
        _integer("arrived_at"),
        _integer("stored_at"),
        _integer("size"),
        _text("kind"),
        _text("dialect", nullable=True),
        _text("original_message_id", nullable=True),
        _text("report"),
        _text("node"),
    )
    op.create_index("message_fingerprint", "message", ["fingerprint"], unique=True)
    op.create_table(
        "raw_message",
        _text("message_id", key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "quarantine",
        _text("id", key=True),
        _text("fingerprint"),
        _text("source"),
        _text("locator"),
        _text("stream"),
        sa.Column("vouched", sa.Boolean(), nullable=False),
        _text("recipients"),
        _integer("source_arrived_at", nullable=True),
        _integer("at"),
        _text("defects"),
        _text("node"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("quarantine_fingerprint", "quarantine", ["fingerprint"], unique=True)


def _events() -> None:
    op.create_table(
        "event",
        _text("id", key=True),
        _text("message_id"),
        _text("key"),
        _text("kind"),
        _integer("occurred_at"),
        _text("address"),
        _text("domain"),
        _text("found_by"),
        _text("trust"),
        _text("stream"),
        _text("campaign", nullable=True),
        _text("list_id", nullable=True),
        _text("recipient"),
        _text("action"),
        _text("original_recipient", nullable=True),
        _text("final_recipient", nullable=True),
        _text("said_status", nullable=True),
        _text("said_reply_code", nullable=True),
        _text("diagnostic"),
        _text("prose"),
        _text("remote_mta", nullable=True),
        sa.Column("permanent", sa.Boolean(), nullable=True),
        _text("bounce_class", nullable=True),
        _text("reason", nullable=True),
        _text("fault", nullable=True),
        _text("status", nullable=True),
        _text("reply_code", nullable=True),
        _text("rule", nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        _text("decision"),
        _text("decision_rule"),
        _text("because"),
        _integer("until", nullable=True),
        _text("node"),
    )
    op.create_index("event_key", "event", ["key"], unique=True)
    op.create_index("event_address", "event", ["address", "occurred_at"])
    op.create_index("event_domain", "event", ["domain", "id"])
    op.create_index("event_message", "event", ["message_id"])
    op.create_index("event_class", "event", ["bounce_class", "id"])
    op.create_index("event_reason", "event", ["reason", "id"])


def _suppressions() -> None:
    op.create_table(
        "suppression",
        _text("address", key=True),
        _text("stream", key=True),
        _text("domain"),
        _text("reason"),
        _text("origin"),
        _text("rule"),
        _text("event_id", nullable=True),
        _integer("since"),
        _integer("until", nullable=True),
        _text("note"),
        _text("node"),
        sqlite_with_rowid=False,
    )


def _flow() -> None:
    op.create_table(
        "outbox",
        _text("id", key=True),
        _text("type"),
        _text("address"),
        _text("payload"),
        _text("node"),
    )
    op.create_table(
        "cursor",
        _text("name", key=True),
        _text("position"),
        _text("node"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        _text("id", key=True),
        _integer("at"),
        _text("who"),
        _text("verb"),
        _text("subject"),
        _text("because"),
        _text("detail"),
        _text("node"),
    )
