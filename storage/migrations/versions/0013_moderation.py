"""Moderation by mail: codes for it, who decided what and when, and whom moderators let in."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_PURPOSES = (
    "purpose IN ('subscribe', 'unsubscribe', 'options', 'resume', 'add-address', 'own-address', "
    "'remove-address', 'moderate')"
)


def upgrade() -> None:
    with op.batch_alter_table("tokens") as batch_op:
        batch_op.drop_constraint(op.f("ck_tokens_purpose"), type_="check")
        batch_op.create_check_constraint(op.f("ck_tokens_purpose"), _PURPOSES)
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
