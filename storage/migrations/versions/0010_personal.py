"""Personal copies: what stands in them for each subscriber's own, and since when he is one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("joined_at", sa.DateTime(timezone=True)))
    op.add_column("outgoing", sa.Column("stand_in", sa.String()))
    op.add_column(
        "outgoing",
        sa.Column("own_senders", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "keys",
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_keys")),
    )
