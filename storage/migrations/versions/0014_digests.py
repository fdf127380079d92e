"""Digests, muted threads, acknowledgements, and a few lines about each post."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.checks import widen

revision = "0014"
down_revision = "0013"

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = "receives IN ('each', 'digest', 'mime-digest', 'none')"
_NOW = "receives IN ('each', 'digest', 'mime-digest', 'updates', 'none')"
_OTHERWISE = sa.text("receives IN ('digest', 'mime-digest', 'updates') OR acknowledge")


def upgrade() -> None:
    widen("subscriptions", "ck_subscriptions_receives", _BEFORE, _NOW)
    op.add_column(
        "subscriptions",
        sa.Column("acknowledge", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_subscriptions_otherwise",
        "subscriptions",
        ["category_id"],
        sqlite_where=_OTHERWISE,
        postgresql_where=_OTHERWISE,
    )
    op.create_table(
        "muted_threads",
        sa.Column("subscription_id", _id, nullable=False),
        sa.Column("post_id", _id, nullable=False),
        *_references("muted_threads", subscription="subscriptions.id", post="posts.id"),
        sa.PrimaryKeyConstraint("subscription_id", "post_id", name=op.f("pk_muted_threads")),
    )
    op.create_index("ix_muted_threads_post_id", "muted_threads", ["post_id"])
    op.create_table(
        "digest_entries",
        sa.Column("subscription_id", _id, nullable=False),
        sa.Column("post_id", _id, nullable=False),
        sa.Column("category_id", _id, nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.CheckConstraint(
            "form IN ('digest', 'mime-digest')", name=op.f("ck_digest_entries_form")
        ),
        *_references(
            "digest_entries",
            subscription="subscriptions.id",
            post="posts.id",
            category="categories.id",
        ),
        sa.PrimaryKeyConstraint("subscription_id", "post_id", name=op.f("pk_digest_entries")),
    )
    op.create_index(
        "ix_digest_entries_category_id_post_id", "digest_entries", ["category_id", "post_id"]
    )
    op.create_table(
        "digest_numbers",
        sa.Column("category_id", _id, nullable=False),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        *_references("digest_numbers", category="categories.id"),
        sa.PrimaryKeyConstraint("category_id", name=op.f("pk_digest_numbers")),
    )


def _references(table: str, **there: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([f"{one}_id"], [key], name=op.f(f"fk_{table}_{one}_id"))
        for one, key in there.items()
    ]
