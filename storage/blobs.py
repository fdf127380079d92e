"""Large values of SQLite, written and read in place.

A statement holds what it stores three times, once as its parameter and once as the row, and what it
reads twice. Of a mail of 100 MB nobody has that much room.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, ColumnElement, func, select
from sqlalchemy.exc import DBAPIError

from storage.database import Tx
from storage.dialects import is_postgresql

_SMALL = 100_000  #: octets


def is_for_in_place(tx: Tx, value: bytes) -> bool:
    """Say whether a new value gets `room_for` it, to be followed by `fill`, or goes as it is.

    Opening it in place takes longer than the copies of a small one.
    """
    return len(value) > _SMALL and not is_postgresql(tx)


def room_for(size: ColumnElement[int]) -> ColumnElement[Any]:
    """Return what is to be inserted for a value of that size.

    SQLite makes no copy of the room only where the column is the last one of its table.
    """
    return func.zeroblob(size)


def fill(tx: Tx, column: Column[Any], row_id: int, value: bytes) -> None:
    """Write `value` into its room, in the same transaction."""
    with _opened(tx, column, row_id) as blob:
        blob.write(value)


def read(tx: Tx, column: Column[Any], row_id: int) -> bytes:
    """Return the value of a row that is there, and has one."""
    if is_postgresql(tx):
        query = select(column).where(column.table.c.id == row_id)
        return bytes(tx.execute(query).scalar_one())
    with _opened(tx, column, row_id, readonly=True) as blob:
        return blob.read()


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
