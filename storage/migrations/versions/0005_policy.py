"""What one author has posted is found by an index, and an inbound message may have its time."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("posts", sa.Column("sender_key", sa.String()))
    op.execute("UPDATE posts SET sender_key = lower(sender)")
    op.create_index("ix_posts_sender", "posts", ["category_id", "sender_key", "created_at"])
    op.add_column("inbound", sa.Column("not_before", sa.DateTime(timezone=True)))
