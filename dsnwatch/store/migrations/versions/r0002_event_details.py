"""What a refusal says besides its reason, and whose host it was."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns to `event`; events from before know nothing of them."""
    for name in ("provider", "details"):
        op.add_column("event", sa.Column(name, sa.Text(), nullable=True))
