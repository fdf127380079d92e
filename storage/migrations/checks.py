"""Wider conditions for columns: what is stored meets them as well."""

from alembic import op
from sqlalchemy import text


def widen(table: str, name: str, before: str, after: str) -> None:
    """Put the condition `after` in the place of `before`, which is the constraint's of that name.

    On SQLite a table to which others refer cannot be made anew while foreign keys are watched over,
    and within a transaction that cannot be changed; so the words alone are changed, as its own
    documents have it for this case (https://www.sqlite.org/lang_altertable.html#otheralter).
    """
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, after)
        return
    version = bind.execute(text("PRAGMA schema_version")).scalar_one()
    bind.execute(text("PRAGMA writable_schema = ON"))
    update = (
        "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) "
        "WHERE type = 'table' AND name = :name AND instr(sql, :before)"
    )
    done = bind.execute(text(update), {"before": before, "after": after, "name": table})
    bind.execute(text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(text("PRAGMA writable_schema = RESET"))
    if done.rowcount != 1:
        raise RuntimeError(f"the table {table} has not the condition {before}")
