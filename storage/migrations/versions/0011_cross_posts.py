"""The same post is found in other categories by an index."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_posts_message_id", "posts", ["message_id"])
