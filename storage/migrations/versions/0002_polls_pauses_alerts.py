"""What a service that runs for years must remember: polls, paused accounts, alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "polls",
        sa.Column("category_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "trouble IN ('unreachable', 'login', 'mailbox', 'deletions', 'subscribers', 'ours')",
            name=op.f("ck_polls_trouble"),
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_polls_category_id")
        ),
        sa.PrimaryKeyConstraint("category_id", name=op.f("pk_polls")),
    )
    op.create_table(
        "account_pauses",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_account_pauses")),
    )
    op.create_table(
        "alerts",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("what", "subject", name=op.f("pk_alerts")),
    )
    op.create_index(
        "ix_deliveries_held",
        "deliveries",
        ["category_id"],
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
