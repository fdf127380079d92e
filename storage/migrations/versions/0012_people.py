"""Several addresses of one person, probes counted, news for owners, and who was erased."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.checks import widen

revision = "0012"
down_revision = "0011"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = "purpose IN ('subscribe', 'unsubscribe', 'options')"
_PURPOSES = (
    "purpose IN ('subscribe', 'unsubscribe', 'options', 'resume', 'add-address', 'own-address', "
    "'remove-address')"
)


def upgrade() -> None:
    op.add_column(
        "subscriptions", sa.Column("probes", sa.Integer(), nullable=False, server_default="0")
    )
    # Who was suspended before there were probes gets them as well.
    op.execute(
        "INSERT INTO duties (category_id, what, due_at) "
        "SELECT category_id, 'probes', MIN(changed_at) FROM subscriptions "
        "WHERE state = 'suspended' AND suspended_by = 'bounces' GROUP BY category_id"
    )
    widen("tokens", "ck_tokens_purpose", _BEFORE, _PURPOSES)
    _add_tables()


def _add_tables() -> None:
    op.create_table(
        "aliases",
        sa.Column("category_id", _id, nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("subscription_id", _id, nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_aliases_category_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_aliases_subscription_id")
        ),
        sa.PrimaryKeyConstraint("category_id", "address_key", name=op.f("pk_aliases")),
    )
    op.create_index("ix_aliases_subscription_id", "aliases", ["subscription_id"])
    op.create_table(
        "news",
        sa.Column("id", _id, nullable=False),
        sa.Column("category_id", _id, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "what IN ('joined', 'left', 'complained', 'given-up')", name=op.f("ck_news_what")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_news_category_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news")),
    )
    op.create_index("ix_news_category_id_id", "news", ["category_id", "id"])
    op.create_table(
        "erased",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_erased")),
    )
