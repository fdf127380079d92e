"""The audit names each kind of problem, and has nothing to say about what is well."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from listbridge.category import Posting
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.submission import OutgoingSettings
from storage import arrivals, audit, owner
from storage.audit import Problem
from storage.database import Database
from storage.states import Origin
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general, letter

# So that rows can go missing which others refer to.
UNGUARDED = {
    "sqlite": "PRAGMA foreign_keys=OFF",
    "postgresql": "SET session_replication_role = replica",
}


@pytest.fixture
def whole(db: Database, category_id: int, now: datetime) -> Database:
    """A database with a bit of everything: 1 a post, 2 its reply, 3 held, 4 a robot, 5 shunted."""
    sending = OutgoingSettings(host="smtp.example.org")
    office = Office(db, category_id, FakeServer(), general(outgoing=sending))
    with db.transaction() as tx:
        for address in ("bob@example.net", "eve@example.net"):
            subscriptions.subscribe(tx, category_id, address, "", Origin.ADMIN)
    raws = {
        1: letter(1),
        2: letter(2, In_Reply_To="<1@example.net>"),
        3: letter(3, From=""),
        4: letter(4, Auto_Submitted="auto-replied"),
        5: letter(5, Subject="help", From=""),
    }
    tally = Tally("general")
    for raw in raws.values():
        dispatch(db, office.reader(tally), office.hand_in(raw))
    office.category = general(posting=Posting(non_members="reject"))
    dispatch(db, office.reader(tally), office.hand_in(letter(6)))
    with db.transaction() as tx:
        mailbox = arrivals.mailbox_id(tx, "imap://here")
        made = arrivals.keep(
            tx,
            mailbox,
            uidvalidity=1,
            uid="1",
            size=1,
            internal_date=now,
            raw_id=1,
            inbound_id=1,
            now=now,
        )
        arrivals.mark_gone(tx, [made], now + timedelta(seconds=1))
    assert vars(tally) == vars(
        Tally("general", posts=1, replies=1, held=1, robots=1, shunted=1, rejected=1, queued=4)
    )
    return db


def problems(db: Database) -> list[Problem]:
    """Return what the audit finds."""
    with db.reading() as tx:
        return audit.problems(tx)


def plant(db: Database, *statements: str) -> None:
    """Do to the database what no code of ours would do."""
    with db.own_connection() as connection:
        driver = cast(Any, connection.connection.dbapi_connection)
        for statement in (UNGUARDED[connection.dialect.name], *statements):
            driver.execute(statement)
        driver.commit()


def test_what_is_well_is_no_problem(whole: Database) -> None:
    assert problems(whole) == []


DEAD = owner.this_process().rpartition("@")[0] + "@1"


@pytest.mark.parametrize(
    ("statement", "what", "row", "problem"),
    [
        (
            "UPDATE raw_messages SET bytes = (SELECT bytes FROM raw_messages WHERE id = 1) "
            "WHERE id = 2",
            "raw message",
            2,
            "bytes differ",
        ),
        ("UPDATE raw_messages SET size = 1 WHERE id = 2", "raw message", 2, "bytes differ"),
        ("DELETE FROM inbound WHERE id = 1", "arrival", 1, "not stored"),
        ("DELETE FROM posts WHERE id = 2", "inbound", 2, "there is no post"),
        ("UPDATE inbound SET result = 'robot' WHERE id = 2", "post", 2, "not decided to be a post"),
        (
            "UPDATE inbound SET result = NULL, state = 'received' WHERE id = 2",
            "post",
            2,
            "not decided to be a post",
        ),
        ("UPDATE posts SET state = 'accepted' WHERE id = 3", "post", 3, "never came into"),
        ("DELETE FROM outgoing WHERE post_id = 1", "post", 1, "never came into"),
        ("UPDATE posts SET state = 'rejected' WHERE id = 1", "post", 1, "was not accepted"),
        ("DELETE FROM deliveries WHERE id = 1", "outgoing", 1, "had 2 recipients and has 1"),
        ("UPDATE outgoing SET recipients = 1 WHERE id = 2", "outgoing", 2, "has 2 deliveries"),
        (
            f"UPDATE deliveries SET state = 'sending', owner = '{DEAD}' WHERE id = 3",
            "delivery",
            3,
            "ended while sending",
        ),
        (
            "UPDATE deliveries SET state = 'sending', owner = NULL WHERE id = 3",
            "delivery",
            3,
            "nobody",
        ),
        ("UPDATE posts SET thread_id = 2 WHERE id = 2", "post", 2, "not in the thread"),
        ("UPDATE posts SET thread_id = NULL WHERE id = 2", "post", 2, "not in the thread"),
        ("UPDATE posts SET thread_id = NULL WHERE id = 3", "post", 3, "not in the thread"),
        ("UPDATE posts SET thread_id = 1 WHERE id = 3", "post", 3, "not in the thread"),
        ("UPDATE posts SET parent_id = 77 WHERE id = 2", "post", 2, "not in the thread"),
        ("UPDATE posts SET parent_id = 2 WHERE id = 1", "post", 1, "not in the thread"),
        ("DELETE FROM raw_messages WHERE id = 2", "post", 2, "its raw_id names a row"),
        ("DELETE FROM outgoing WHERE id = 1", "delivery", 1, "its outgoing_id names a row"),
        ("UPDATE posts SET inbound_id = 77 WHERE id = 3", "post", 3, "its inbound_id names a row"),
    ],
)
def test_each_kind_of_problem_is_named(
    whole: Database, statement: str, what: str, row: int, problem: str
) -> None:
    plant(whole, statement)

    found = problems(whole)

    assert [x for x in found if (x.what, x.id) == (what, row) and problem in x.problem], found


@pytest.mark.parametrize(
    "claimed_by", [owner.this_process, lambda: "other-host/boot/pid:[1]#12@34"]
)
def test_what_a_process_is_sending_now_is_no_problem(
    whole: Database, claimed_by: Callable[[], str]
) -> None:
    plant(whole, f"UPDATE deliveries SET state = 'sending', owner = '{claimed_by()}'")

    assert problems(whole) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inbound SET state = 'gone'",
        "UPDATE inbound SET result = NULL WHERE id = 1",
        "UPDATE inbound SET state = 'shunted' WHERE id = 1",
        "UPDATE posts SET state = 'sent'",
        "UPDATE deliveries SET state = ''",
        "UPDATE deliveries SET outgoing_id = 1, recipient = 'bob@example.net'",
        "UPDATE posts SET raw_id = 1, message_id = 'x' || id",
        "UPDATE posts SET message_id = 'x', fingerprint = 'y'",
        "UPDATE subscriptions SET address_key = 'x'",
    ],
)
def test_what_the_tables_themselves_do_not_let_in(whole: Database, statement: str) -> None:
    with pytest.raises(Exception, match="constraint"):
        plant(whole, statement)
