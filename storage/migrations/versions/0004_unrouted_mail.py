"""What came for several categories at once: for which of them is found out after it is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "inbound", sa.Column("unrouted", sa.Boolean(), nullable=False, server_default=sa.false())
    )
