"""How the parts of each daemon fare."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table that `dsnwatch status` reads."""
    op.create_table(
        "figures",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("node", sa.Text(), primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
