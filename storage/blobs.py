"""Large values, written and read in pieces or in place.

A statement of SQLite holds what it stores three times, once as its parameter and once as the row,
and what it reads twice; PostgreSQL's driver makes even more copies. Of a mail of 100 MB nobody has
that much room.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, ColumnElement, bindparam, func, literal, select
from sqlalchemy.exc import DBAPIError

from storage.database import Tx
from storage.dialects import is_postgresql

# Above it, opening a value in place takes less than the copies of a statement. Octets.
_SMALL = 100_000
# To PostgreSQL each piece is a statement, and what is put together of them is written twice.
_SMALL_FOR_POSTGRESQL = 4_000_000
_PIECE = 1_000_000

# PostgreSQL appends to a large object without reading it, which it does not to a value of a row.
_NEW_OBJECT = select(func.lo_from_bytea(0, b""))
_PUT = select(func.lo_put(bindparam("object"), bindparam("offset"), bindparam("piece")))


def is_for_in_place(tx: Tx, value: bytes) -> bool:
    """Say whether a new value gets `room_for` it, to be followed by `fill`, or goes as it is."""
    return len(value) > (_SMALL_FOR_POSTGRESQL if is_postgresql(tx) else _SMALL)


def room_for(dialect: str, size: ColumnElement[int]) -> ColumnElement[Any]:
    """Return what is to be inserted for a value of that size.

    SQLite makes no copy of the room only where the column is the last one of its table.
    """
    return literal(b"") if dialect == "postgresql" else func.zeroblob(size)


def fill(tx: Tx, column: Column[Any], row_id: int, value: bytes) -> None:
    """Write `value` into its room, in the same transaction."""
    if is_postgresql(tx):
        _fill_in_pieces(tx, column, row_id, value)
        return
    with _opened(tx, column, row_id) as blob:
        blob.write(value)


def read(tx: Tx, column: Column[Any], row_id: int) -> bytes:
    """Return the value of a row that is there, and has one."""
    if is_postgresql(tx):
        return _read_as_it_is(tx, column, row_id)
    with _opened(tx, column, row_id, readonly=True) as blob:
        return blob.read()


def _fill_in_pieces(tx: Tx, column: Column[Any], row_id: int, value: bytes) -> None:
    made = tx.execute(_NEW_OBJECT).scalar_one()
    for offset in range(0, len(value), _PIECE):
        piece = value[offset : offset + _PIECE]
        tx.execute(_PUT, {"object": made, "offset": offset, "piece": piece})
    rows = column.table.update().where(column.table.c.id == row_id)
    tx.execute(rows.values({column: func.lo_get(made)}))
    tx.execute(select(func.lo_unlink(made)))


def _read_as_it_is(tx: Tx, column: Column[Any], row_id: int) -> bytes:
    """Read in binary form: SQLAlchemy would have it come as hexadecimal digits."""
    driver: Any = tx.connection.dbapi_connection
    name = column.table.name
    try:
        with driver.cursor(binary=True) as cursor:
            # Both names are those of the schema.
            cursor.execute(f"SELECT {column.name} FROM {name} WHERE id = %s", (row_id,))  # noqa: S608
            return bytes(cursor.fetchone()[0])
    except tx.dialect.loaded_dbapi.Error as err:
        raise DBAPIError.instance(name, None, err, tx.dialect.loaded_dbapi.Error) from err


@contextmanager
def _opened(
    tx: Tx, column: Column[Any], row_id: int, *, readonly: bool = False
) -> Iterator[sqlite3.Blob]:
    driver: Any = tx.connection.dbapi_connection
    name = column.table.name
    try:
        with driver.blobopen(name, column.name, row_id, readonly=readonly) as blob:
            yield blob
    except sqlite3.Error as err:
        # As SQLAlchemy would: a full disk is told of here like anywhere else.
        raise DBAPIError.instance(f"blob of {name}", None, err, sqlite3.Error) from err
