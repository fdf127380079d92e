"""Indexes: by a report's message, and for what had an envelope sender for each recipient."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_index("ix_bounces_inbound_id", "bounces", ["inbound_id"])
    op.create_index(
        "ix_outgoing_own_senders",
        "outgoing",
        ["category_id", "created_at"],
        sqlite_where=sa.text("own_senders = 1"),
        postgresql_where=sa.text("own_senders"),
    )
