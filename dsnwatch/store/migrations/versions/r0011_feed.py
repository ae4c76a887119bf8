"""In which order events came to be seen, for whoever follows them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what is stored already is history, and stands in no order but its ids'."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "feed",
        sa.Column("number", number, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
    )
