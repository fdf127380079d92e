"""Archives: a third door by which messages come in."""

from alembic import op
from sqlalchemy import text

revision = "0009"
down_revision = "0008"

_BEFORE = "source IN ('mailbox', 'cli')"
_AFTER = "source IN ('mailbox', 'cli', 'import')"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _allow_in_place()
        return
    name = op.f("ck_inbound_source")
    op.drop_constraint(name, "inbound", type_="check")
    op.create_check_constraint(name, "inbound", _AFTER)


def _allow_in_place() -> None:
    """Rewrite the condition alone: what is stored meets the wider one as well.

    Other tables refer to this one, so it cannot be made anew while foreign keys are watched over,
    and within a transaction that cannot be changed. This way is SQLite's own for such a case:
    https://www.sqlite.org/lang_altertable.html#otheralter
    """
    bind = op.get_bind()
    version = bind.execute(text("PRAGMA schema_version")).scalar_one()
    bind.execute(text("PRAGMA writable_schema = ON"))
    update = "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) WHERE name = 'inbound'"
    bind.execute(text(f"{update} AND type = 'table'"), {"before": _BEFORE, "after": _AFTER})
    bind.execute(text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(text("PRAGMA writable_schema = RESET"))
