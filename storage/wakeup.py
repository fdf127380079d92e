"""Tells a waiting sender that another process may have made deliveries due."""

import os
import selectors
from threading import Event, Lock
from time import monotonic
from typing import Any, cast

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from storage.database import Database, Tx
from storage.dialects import is_postgresql
from storage.errors import StoreError

_CHANNEL = "listbridge_due"
_LOOK_SECONDS = 0.25  # between two looks at an SQLite file, which calls nobody
_RECONNECT_SECONDS = 1.0


def tell(tx: Tx) -> None:
    """Wake all who wait as soon as `tx`, which makes deliveries due, is committed."""
    if is_postgresql(tx):
        tx.execute(text(f"NOTIFY {_CHANNEL}"))


class Wakeup:
    """Waits for what others commit, on a connection of its own; only `close` may cross threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ear: _Notifications | _Commits | None = None
        self._closing = Event()
        self._in_use = Lock()
        self._nudged, self._nudge = os.pipe()  # a byte in it ends a wait

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; True as soon as deliveries may have become due.

        Also at the first time and after a loss of the connection, for nobody knows what came
        before. While the database is gone this waits like at any other time, and connects again by
        itself. False at once after `close`.
        """
        deadline = monotonic() + seconds
        with self._in_use:
            while not self._closing.is_set():
                try:
                    if self._heard(deadline):
                        return True
                except (StoreError, SQLAlchemyError, self._db.driver_error):
                    self._disconnect()
                    self._closing.wait(min(_RECONNECT_SECONDS, _left(deadline)))
                if not _left(deadline):
                    break
        return False

    def close(self) -> None:
        """End a wait that goes on, and the connection."""
        if self._closing.is_set():
            return
        self._closing.set()
        os.write(self._nudge, b"!")
        with self._in_use:
            self._disconnect()
            os.close(self._nudged)
            os.close(self._nudge)

    def _heard(self, deadline: float) -> bool:
        """Listen for a while; True if there was something, or if the connection is new."""
        if self._ear is None:
            connection = self._db.own_connection()
            is_postgres = connection.dialect.name == "postgresql"
            self._ear = _Notifications(connection) if is_postgres else _Commits(connection)
            self._ear.begin()
            return True
        with selectors.DefaultSelector() as ready:
            ready.register(self._nudged, selectors.EVENT_READ)
            self._ear.wait(ready, _left(deadline))
        return self._ear.heard()

    def _disconnect(self) -> None:
        if self._ear is not None:
            self._ear.connection.close()
            self._ear = None


class _Notifications:
    """What other connections to PostgreSQL tell."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        # Notifications are no statements, so SQLAlchemy does not know them.
        self._driver = cast(Any, connection.connection.dbapi_connection)

    def begin(self) -> None:
        self._driver.autocommit = True
        self._driver.execute(f"LISTEN {_CHANNEL}")

    def wait(self, ready: selectors.BaseSelector, seconds: float) -> None:
        ready.register(self._driver.fileno(), selectors.EVENT_READ)
        ready.select(seconds)

    def heard(self) -> bool:
        return bool(list(self._driver.notifies(timeout=0)))


class _Commits:
    """That anybody else has written to an SQLite file."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        # Outside of a transaction, which SQLAlchemy would begin.
        self._driver = cast(Any, connection.connection.dbapi_connection)
        self._seen = 0

    def begin(self) -> None:
        self._seen = self._version()

    def wait(self, ready: selectors.BaseSelector, seconds: float) -> None:
        ready.select(min(seconds, _LOOK_SECONDS))

    def heard(self) -> bool:
        before, self._seen = self._seen, self._version()
        return before != self._seen

    def _version(self) -> int:
        """A number that changes with every commit of other connections (SQLite's pragma)."""
        [number] = self._driver.execute("PRAGMA data_version").fetchone()
        return int(number)


def _left(deadline: float) -> float:
    return max(0.0, deadline - monotonic())
