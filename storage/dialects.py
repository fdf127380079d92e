"""What the two databases need said in their own words."""

from collections.abc import Mapping

from sqlalchemy import (
    JSON,
    ColumnElement,
    Table,
    TableValuedAlias,
    cast,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Tx

# `rowcount` of an INSERT is only there when it is asked for before.
COUNTED = {"preserve_rowcount": True}


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


def json_pairs(dialect: str, pairs: ColumnElement[str]) -> TableValuedAlias:
    """Return a JSON object of texts as a table with the columns `key` and `value`."""
    if dialect == "postgresql":
        return func.json_each_text(cast(pairs, JSON)).table_valued("key", "value")
    return func.json_each(pairs).table_valued("key", "value")
