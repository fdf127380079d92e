"""Large values are written and read in place, and trouble with them is trouble of the store."""

import pytest
from sqlalchemy import text

from storage import blobs, engine, raw_messages
from storage.database import Database
from storage.errors import StoreError
from storage.schema import raw_messages as table


@pytest.mark.parametrize("raw", [b"", b"\0", b"a\0b\xff\r\n" * 20_000, bytes(range(256)) * 20_000])
def test_bytes_are_read_as_they_were_kept(db: Database, raw: bytes) -> None:
    with db.transaction() as tx:
        raw_id = raw_messages.keep(tx, raw)

    with db.reading() as tx:
        assert raw_messages.read(tx, raw_id) == raw
        assert list(raw_messages.damaged(tx)) == []


def test_what_postgresql_puts_together_leaves_nothing_beside(postgres_db: Database) -> None:
    with postgres_db.transaction() as tx:
        raw_messages.keep(tx, bytes(range(256)) * 20_000)

    with postgres_db.reading() as tx:
        assert tx.execute(text("SELECT count(*) FROM pg_largeobject_metadata")).scalar() == 0


def test_the_same_bytes_are_kept_once(db: Database) -> None:
    with db.transaction() as tx:
        assert raw_messages.keep(tx, b"same") == raw_messages.keep(tx, b"same")


def test_what_sqlite_says_of_a_value_is_said_as_trouble_of_the_store(sqlite: Database) -> None:
    with pytest.raises(StoreError, match=r"listbridge\.db"), sqlite.reading() as tx:
        blobs.read(tx, table.c.bytes, 999)


def test_connections_to_sqlite_which_remember_each_value_are_renewed(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_RENEWED_AFTER_SECONDS", 0)
    db = Database(engine.engine(sqlite.url))
    used = []
    for _ in range(2):
        with db.reading() as tx:
            used.append(tx.connection.dbapi_connection)
    db.close()
    assert used[0] is not used[1]
