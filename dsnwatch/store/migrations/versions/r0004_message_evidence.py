"""Who handed a message over: connecting address, HELO, envelope sender, TLS."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give stored and quarantined messages a place for it; those there already say nothing."""
    for table in ("message", "quarantine"):
        op.add_column(table, sa.Column("evidence", sa.Text(), nullable=True))
