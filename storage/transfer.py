"""Everything of one database put into another, empty one: the way from SQLite to PostgreSQL."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    LargeBinary,
    Table,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from storage import owner, restored
from storage.database import Database, Tx
from storage.dialects import many_rows
from storage.errors import StoreError
from storage.schema import leases, metadata, restore_fence

# Rows with a message's bytes can be large, and a batch is held in memory.
_BATCH, _BATCH_OF_BYTES = 1000, 10

Row = dict[str, Any]


def transfer(source: Database, target: Database, now: datetime) -> dict[str, int]:
    """Copy all rows into `target` in one transaction; return how many, by table.

    Both must have the schema of this version. Raises `StoreError` if `target` is not empty, or if a
    process is at work on `source`; whatever goes wrong, `target` stays empty. While it copies, an
    SQLite `source` lets nobody write.
    """
    if source.url == target.url:
        raise StoreError(f"{source.url} cannot be copied into itself")
    with source.transaction() as old, target.transaction() as new:
        _require_idle(old, now)
        _require_empty(new)
        restored.carry_over(old, new)
        return {table.name: _copy_table(table, old, new) for table in _tables()}


def _tables() -> list[Table]:
    """Return all but the one that says what this very database is."""
    return [table for table in metadata.sorted_tables if table is not restore_fence]


def _require_idle(tx: Tx, now: datetime) -> None:
    query = select(leases.c.owner).where(leases.c.until > now)
    for holder in tx.execute(query).scalars():
        if owner.is_alive(holder) is not False:
            raise StoreError(
                f"{owner.shown(holder)} is at work on the database; stop every listbridge first"
            )


def _require_empty(tx: Tx) -> None:
    for table in _tables():
        if tx.execute(select(exists(select(table)))).scalar():
            raise StoreError(f"the other database has rows in {table.name}; it must be empty")


def _copy_table(table: Table, old: Tx, new: Tx) -> int:
    count = 0
    for rows in _batches(table, old):
        # A reply may have a lower id than its parent, so that it is told of it afterwards.
        with many_rows(new):
            new.execute(insert(table), [row | dict.fromkeys(_own_keys(table)) for row in rows])
        count += len(rows)
    for key in _own_keys(table):
        _fill_own_key(table.c[key], old, new)
    _count_on(table, new)
    return count


def _batches(table: Table, tx: Tx) -> Iterator[list[Row]]:
    has_bytes = any(isinstance(column.type, LargeBinary) for column in table.c)
    size = _BATCH_OF_BYTES if has_bytes else _BATCH
    query = select(table).order_by(*table.primary_key)
    found = tx.execution_options(yield_per=size).execute(query)
    for rows in found.partitions():
        yield [dict(row._mapping) for row in rows]


def _own_keys(table: Table) -> list[str]:
    """Name the columns that refer to other rows of the same table."""
    return [x.name for x in table.c for key in x.foreign_keys if key.column.table is table]


def _fill_own_key(column: Column[Any], old: Tx, new: Tx) -> None:
    table = column.table
    query = select(table.c.id, column).where(column.is_not(None))
    statement = (
        update(table).where(table.c.id == bindparam("row")).values({column.name: bindparam("key")})
    )
    for rows in old.execution_options(yield_per=_BATCH).execute(query).partitions():
        new.execute(statement, [{"row": row, "key": key} for row, key in rows])


def _count_on(table: Table, tx: Tx) -> None:
    """Let PostgreSQL number new rows behind those that were copied; SQLite does so by itself."""
    if tx.dialect.name == "postgresql" and table.autoincrement_column is not None:
        last = tx.execute(select(func.max(table.autoincrement_column))).scalar()
        if last is not None:
            sequence = func.pg_get_serial_sequence(table.name, table.autoincrement_column.name)
            tx.execute(select(func.setval(sequence, last)))
