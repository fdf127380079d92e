"""Moderation by mail: codes for it, who decided what and when, and whom moderators let in."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.checks import widen

revision = "0013"
down_revision = "0012"

_BEFORE = (
    "purpose IN ('subscribe', 'unsubscribe', 'options', 'resume', 'add-address', 'own-address', "
    "'remove-address'"
)


def upgrade() -> None:
    widen("tokens", "ck_tokens_purpose", f"{_BEFORE})", f"{_BEFORE}, 'moderate')")
    op.add_column("posts", sa.Column("decided_by", sa.String()))
    op.add_column("posts", sa.Column("decided_at", sa.DateTime(timezone=True)))
    op.create_table(
        "allowed",
        sa.Column(
            "category_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("allowed_by", sa.String()),
        sa.Column("allowed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_allowed_category_id")
        ),
        sa.PrimaryKeyConstraint("category_id", "address_key", name=op.f("pk_allowed")),
    )
