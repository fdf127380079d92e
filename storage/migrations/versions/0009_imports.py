"""Archives: a third door by which messages come in."""

from storage.migrations.checks import widen

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    widen(
        "inbound",
        "ck_inbound_source",
        "source IN ('mailbox', 'cli')",
        "source IN ('mailbox', 'cli', 'import')",
    )
