"""What the two databases need said in their own words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Table,
    TableValuedAlias,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Tx

# `rowcount` of an INSERT is only there when it is asked for before.
COUNTED = {"preserve_rowcount": True}


def _planning(kept: str, seqscan: str) -> Select[Any]:
    """Set how PostgreSQL plans, for the rest of the transaction."""
    settings = {"plan_cache_mode": kept, "enable_seqscan": seqscan}
    return select(*(func.set_config(name, to, True) for name, to in settings.items()))


_KEEP_PLANS = _planning("auto", "off")
_PLAN_AFRESH = _planning("force_custom_plan", "on")


def is_postgresql(tx: Tx) -> bool:
    """Say whether others may write at the same time; on SQLite there is one writer."""
    return tx.dialect.name == "postgresql"


def insert(tx: Tx, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that can go on with ON CONFLICT."""
    return insert_for(tx.dialect.name, table)


def insert_for(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Begin the same for a database of that name, for a statement that is made once and kept."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert_unless_there(tx: Tx, table: Table, row: Mapping[str, object]) -> bool:
    """Insert the row and say so; False, and nothing done, if its unique key is taken.

    Where another transaction is just inserting the same, its end is waited for, so that whatever
    made the key taken can be read afterwards.
    """
    statement = insert(tx, table).values(row).on_conflict_do_nothing()
    return tx.execute(statement, execution_options=COUNTED).rowcount == 1


@contextmanager
def many_rows(tx: Tx) -> Iterator[None]:
    """Have PostgreSQL plan once how it looks the foreign keys of new rows up, and not for each row.

    Our connections plan everything afresh (`storage.engine`), these checks too, and that takes
    longer than all else about a row. A plan that is kept for them has to be good for large tables,
    although it may have been made when they were small: it goes by indexes alone.
    """
    if not is_postgresql(tx):
        yield
        return
    tx.execute(_KEEP_PLANS)
    yield
    tx.execute(_PLAN_AFRESH)


def json_pairs(dialect: str, pairs: ColumnElement[str]) -> TableValuedAlias:
    """Return a JSON object of texts as a table with the columns `key` and `value`."""
    if dialect == "postgresql":
        return func.json_each_text(cast(pairs, JSON)).table_valued("key", "value")
    return func.json_each(pairs).table_valued("key", "value")
