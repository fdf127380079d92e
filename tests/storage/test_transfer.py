"""Everything of one database put into another one."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from storage import leases, schema
from storage.database import Database
from storage.errors import StoreError
from storage.opening import open_database
from storage.schema import metadata
from storage.transfer import transfer

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
RAW = b"Subject: \xff\0\r\n\r\nbytes of any kind"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'target.db'}")) as database:
        yield database


def _fill(db: Database, posts: int) -> None:
    """Store a category and posts each of which answers the one after it."""
    with db.transaction() as tx:
        tx.execute(insert(schema.categories).values(id=3, slug="a", address="a@example.org"))
        ids = range(1, posts + 1)
        tx.execute(insert(schema.raw_messages), [_raw(n) for n in ids])
        tx.execute(insert(schema.inbound), [_inbound(n) for n in ids])
        tx.execute(insert(schema.posts), [_post(n, posts) for n in reversed(ids)])


def _raw(n: int) -> dict[str, object]:
    return {"id": n, "sha256": f"{n:064}", "size": len(RAW), "bytes": RAW}


def _inbound(n: int) -> dict[str, object]:
    place = {"id": n, "category_id": 3, "raw_id": n, "source": "mailbox", "approved": n % 2 == 0}
    return place | {"received_at": NOW, "state": "processed", "result": "post", "attempts": 0}


def _post(n: int, last: int) -> dict[str, object]:
    keys = {"id": n, "category_id": 3, "inbound_id": n, "raw_id": n, "thread_id": last}
    parent = {"parent_id": n + 1 if n < last else None}
    says = {"message_id": f"<{n}@x>", "fingerprint": f"{n:064}", "subject": "Käse"}
    rest = {"sender_name": "", "date": NOW, "state": "accepted", "created_at": NOW}
    return keys | parent | says | rest | {"trail": [{"rule": "size", "verdict": "accept"}]}


def test_every_row_of_every_table_arrives_as_it_was(db: Database, target: Database) -> None:
    _fill(db, posts=25)

    counts = transfer(db, target, NOW)

    assert {name: count for name, count in counts.items() if count} == {
        "categories": 1,
        "raw_messages": 25,
        "inbound": 25,
        "posts": 25,
    }
    for table in metadata.sorted_tables:
        query = select(table).order_by(*table.primary_key)
        with db.reading() as old, target.reading() as new:
            assert new.execute(query).all() == old.execute(query).all(), table.name


def test_a_database_with_rows_is_not_written_to(db: Database, target: Database) -> None:
    _fill(db, posts=1)
    with target.transaction() as tx:
        tx.execute(insert(schema.categories).values(slug="b", address="b@example.org"))

    with pytest.raises(StoreError, match="rows in categories"):
        transfer(db, target, NOW)

    with target.reading() as tx:
        assert tx.execute(select(schema.categories.c.slug)).scalars().all() == ["b"]


def test_a_database_is_not_copied_into_itself(db: Database) -> None:
    with pytest.raises(StoreError, match="into itself"), closing(open_database(db.url)) as again:
        transfer(db, again, NOW)


def test_a_database_that_is_worked_on_is_not_copied(db: Database, target: Database) -> None:
    with db.transaction() as tx:
        leases.take(tx, "mailbox", NOW + timedelta(minutes=1), NOW)

    with pytest.raises(StoreError, match="is at work"):
        transfer(db, target, NOW)


def test_a_transfer_that_fails_leaves_the_other_database_empty(
    db: Database, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(db, posts=2)

    def fail(*_: object) -> None:
        raise StoreError("the link broke")

    monkeypatch.setattr("storage.transfer._fill_own_key", fail)
    with pytest.raises(StoreError, match="link"):
        transfer(db, target, NOW)

    with target.reading() as tx:
        assert tx.execute(select(schema.raw_messages.c.id)).all() == []
