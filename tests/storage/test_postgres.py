"""What is particular to PostgreSQL: its URL, its restarts, what an operator may set up wrong."""

import sys
import time
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from storage import (
    categories,
    digests,
    inbound,
    outbox,
    posts,
    service_mail,
    subscriptions,
    updates,
)
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.opening import connect, open_database
from storage.outbox import NewOutgoing
from storage.service_mail import Letter
from storage.states import Kind, Origin, PostState, Source
from tests.servers.postgres import Postgres


def test_a_url_need_not_name_the_driver(postgres_url: str) -> None:
    bare = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with closing(open_database(bare)) as db, db.reading() as tx:
        assert categories.every(tx) == []


def test_a_restart_of_the_server_costs_no_later_transaction(stopped_postgres: Postgres) -> None:
    server = stopped_postgres
    with server.running():
        server.migrate()
        db = open_database(server.url("migrated"))
        with db.transaction() as tx:
            categories.keep(tx, "before", "a@example.org")
    with closing(db), server.running():
        with db.transaction() as tx:
            categories.keep(tx, "after", "a@example.org")
        with db.reading() as tx:
            assert [one.slug for one in categories.every(tx)] == ["after", "before"]


def test_a_server_that_ends_a_transaction_is_one_sentence(
    postgres: Postgres, postgres_url: str
) -> None:
    def die(tx: Tx) -> None:
        mine = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with postgres.connect() as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", [mine])
        categories.every(tx)

    with (
        closing(open_database(postgres_url)) as db,
        pytest.raises(StoreError, match="cannot be used: terminating connection"),
        db.transaction() as tx,
    ):
        die(tx)


def test_a_lock_that_another_keeps_is_one_sentence_after_a_while(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.engine.BUSY_SECONDS", 0.05)
    with closing(open_database(postgres_url)) as db, db.transaction() as other:
        categories.keep(other, "general", "a@example.org")
        with (
            pytest.raises(StoreError, match="cannot be used: canceling statement due to lock"),
            db.transaction() as tx,
        ):
            categories.keep(tx, "general", "a@example.org")


def test_who_is_stopped_in_a_transaction_loses_it_to_those_who_wait(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_overtaken(late: Tx) -> None:
        categories.keep(late, "general", "late@example.org")
        with db.transaction() as tx:
            categories.keep(tx, "general", "a@example.org")
        categories.every(late)

    monkeypatch.setattr("storage.engine._LONGEST_PAUSE_SECONDS", 0.05)
    with closing(open_database(postgres_url)) as stopped, closing(connect(postgres_url)) as db:
        with pytest.raises(StoreError, match="idle-in-transaction"), stopped.transaction() as late:
            be_overtaken(late)

        with db.reading() as tx:
            assert [one.address for one in categories.every(tx)] == ["a@example.org"]


def test_a_rehearsal_may_wait_for_a_mailbox(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.engine._LONGEST_PAUSE_SECONDS", 0.05)
    with closing(open_database(postgres_url)) as db, db.rehearsal() as tried:
        time.sleep(0.2)
        with tried.transaction() as tx:
            assert categories.every(tx) == []


def test_a_server_that_is_not_there_is_one_sentence_without_the_password() -> None:
    with pytest.raises(StoreError, match="cannot be used") as caught:
        open_database("postgresql://listbridge:hunter2@127.0.0.1:1/listbridge")

    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_driver_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(StoreError, match=r"pip install 'listbridge\[postgres\]'"):
        open_database("postgresql://localhost/listbridge")


def test_a_database_that_lacks_letters_is_refused(postgres: Postgres) -> None:
    with postgres.connect() as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    with pytest.raises(StoreError, match="the database is in LATIN1; make one with CREATE"):
        open_database(postgres.url("latin"))


def test_a_role_that_may_make_no_tables_is_told_so(postgres: Postgres, postgres_url: str) -> None:
    with postgres.database("template0") as name:
        with postgres.connect() as admin:
            admin.execute("CREATE ROLE reader LOGIN")
        url = postgres.url(name).replace("//listbridge@", "//reader@")

        with pytest.raises(StoreError, match="permission denied for schema public"):
            open_database(url)


def test_no_plan_is_kept_from_when_a_table_was_small(postgres_url: str) -> None:
    with closing(open_database(postgres_url)) as db, db.reading() as tx:
        assert tx.execute(text("SHOW plan_cache_mode")).scalar() == "force_custom_plan"


def test_no_plan_is_compiled(postgres_url: str) -> None:
    with closing(open_database(postgres_url)) as db, db.reading() as tx:
        assert tx.execute(text("SHOW jit")).scalar() == "off"


def test_a_server_that_has_become_a_standby_is_left_for_the_next_one(postgres_db: Database) -> None:
    with postgres_db.transaction() as tx:
        tx.execute(text("SET SESSION default_transaction_read_only = on"))

    with pytest.raises(StoreError, match="read-only transaction"):
        postgres_db.probe()

    postgres_db.probe()


def test_a_pooler_that_pools_less_than_sessions_is_named(postgres_db: Database) -> None:
    def prepare_what_is_there() -> None:
        with postgres_db.transaction() as tx:
            tx.execute(text("PREPARE other AS SELECT 1"))
            tx.execute(text("PREPARE other AS SELECT 1"))

    with pytest.raises(StoreError, match="a pooler in front of it has to pool whole sessions"):
        prepare_what_is_there()


def test_the_foreign_keys_of_many_rows_are_planned_once(
    postgres_db: Database, now: datetime
) -> None:
    ann = {"address": "ann@example.net", "key": "ann@example.net", "name": ""}
    letter = Letter("<1@example.org>", b"Subject: one\r\n\r\n", b"Hello.\r\n")
    told: dict[str, Any] = {"sender": "general@example.org", "now": now}
    planned: dict[str, list[str]] = {}

    def note(_tx: Any, cursor: Any, statement: str, *_: Any) -> None:
        how = cursor.connection.execute("SHOW plan_cache_mode").fetchone()[0]
        planned.setdefault(" ".join(statement.split()[:3]), []).append(how)

    with postgres_db.transaction() as tx:
        category_id = categories.keep(tx, "general", "general@example.org").id
        subscriptions.put(tx, category_id, **ann, origin=Origin.ADMIN, now=now)
        inbound_id, raw_id = inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
        post_id = posts.add(tx, _post(category_id, inbound_id, raw_id, now), now)
        new = NewOutgoing(Kind.POST, category_id, post_id, "g@example.org", b"", None, raw_id, None)
        nobody: dict[str, Any] = {"without": None, "author": None}
        event.listen(tx, "before_cursor_execute", note)
        outbox.fan_out(tx, new, to_subscribers=True, refusal=None, now=now, **nobody)
        digests.gather(tx, category_id, post_id, now=now, **nobody)
        updates.put(tx, category_id, post_id, letter, language=None, **told, **nobody)
        service_mail.put(tx, Kind.NOTICE, letter, recipients=["ann@example.net"], **told)

    assert planned["INSERT INTO deliveries"] == ["auto"] * 3
    assert planned["INSERT INTO digest_entries"] == ["auto"]
    assert set(planned["INSERT INTO outgoing"]) == {"force_custom_plan"}


def _post(category_id: int, inbound_id: int, raw_id: int, now: datetime) -> posts.NewPost:
    return posts.NewPost(
        category_id=category_id,
        inbound_id=inbound_id,
        raw_id=raw_id,
        message_id="<post@example.net>",
        fingerprint="f" * 64,
        aliases=(),
        references=(),
        sender=None,
        sender_name="",
        subject="One",
        date=now,
        state=PostState.ACCEPTED,
        reason=None,
        trail=(),
    )
