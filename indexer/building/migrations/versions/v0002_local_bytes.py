"""Images get local features beside their descriptor; those of earlier galleries have none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the gallery's row say how much room they take, bytes an image."""
    op.add_column(
        "gallery", sa.Column("local_bytes", sa.Integer, nullable=False, server_default="0")
    )
