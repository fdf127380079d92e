"""Mail that came back, and who gets none until it arrives again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("suspended_by", sa.String(), nullable=True))
    op.add_column(
        "subscriptions", sa.Column("probed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_table(
        "bounces",
        sa.Column("id", _id, nullable=False),
        sa.Column("category_id", _id, nullable=False),
        sa.Column("subscription_id", _id, nullable=True),
        sa.Column("outgoing_id", _id, nullable=True),
        sa.Column("inbound_id", _id, nullable=True),
        sa.Column("recipient", sa.String(), nullable=True),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "class IN ('permanent', 'temporary', 'policy', 'complaint')",
            name=op.f("ck_bounces_class"),
        ),
        *(
            sa.ForeignKeyConstraint([f"{one}_id"], [there], name=op.f(f"fk_bounces_{one}_id"))
            for one, there in (
                ("category", "categories.id"),
                ("subscription", "subscriptions.id"),
                ("outgoing", "outgoing.id"),
                ("inbound", "inbound.id"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
    )
    op.create_index("ix_bounces_subscription_id_at", "bounces", ["subscription_id", "at"])
    op.create_index("ix_bounces_category_id_at", "bounces", ["category_id", "at"])
    op.create_index("ix_bounces_class_at", "bounces", ["class", "at"])
