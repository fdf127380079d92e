"""One process at a time works on a mailbox."""

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from storage import leases, owner
from storage.database import Database
from storage.errors import LeaseLost
from storage.leases import Holder, Lease

MINUTE = timedelta(minutes=1)


def test_a_held_lease_is_refused_with_its_holder(db: Database, now: datetime) -> None:
    with db.transaction() as tx:
        leases.take(tx, "imap://a", now + MINUTE, now)
    with db.transaction() as tx:
        second = leases.take(tx, "imap://a", now + MINUTE, now)

    assert second == Holder(owner.this_process(), now + MINUTE)


def test_a_lease_that_has_run_out_goes_to_the_next_with_a_higher_fence(
    db: Database, now: datetime
) -> None:
    with db.transaction() as tx:
        first = leases.take(tx, "imap://a", now + MINUTE, now)
    with db.transaction() as tx:
        second = leases.take(tx, "imap://a", now + 3 * MINUTE, now + 2 * MINUTE)

    assert isinstance(first, Lease)
    assert isinstance(second, Lease)
    assert second.fence > first.fence


def test_leases_that_are_given_up_or_have_run_out_are_not_held(db: Database, now: datetime) -> None:
    with db.transaction() as tx:
        leases.take(tx, "imap://kept", now + 3 * MINUTE, now)
        leases.take(tx, "imap://old", now + MINUTE, now)
        given_up = leases.take(tx, "imap://given-up", now + 3 * MINUTE, now)
        assert isinstance(given_up, Lease)
        leases.give_up(tx, given_up, now)

    with db.reading() as tx:
        assert leases.held(tx, now + 2 * MINUTE) == ["imap://kept"]


def test_a_late_holder_can_store_nothing(db: Database, now: datetime) -> None:
    with db.transaction() as tx:
        late = leases.take(tx, "imap://a", now + MINUTE, now)
    with db.transaction() as tx:
        leases.take(tx, "imap://a", now + 3 * MINUTE, now + 2 * MINUTE)
    assert isinstance(late, Lease)

    with pytest.raises(LeaseLost), db.transaction() as tx:
        leases.renew(tx, late, now + 5 * MINUTE)


def test_giving_up_frees_the_lease_at_once(db: Database, now: datetime) -> None:
    with db.transaction() as tx:
        first = leases.take(tx, "imap://a", now + MINUTE, now)
        assert isinstance(first, Lease)
        leases.give_up(tx, first, now)
    with db.transaction() as tx:
        second = leases.take(tx, "imap://a", now + MINUTE, now)

    assert isinstance(second, Lease)


def test_a_dead_holder_on_this_machine_is_replaced_at_once(db: Database, now: datetime) -> None:
    code = "from storage import owner; print(owner.this_process())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with db.transaction() as tx:
        row = "('imap://a', :dead, '2999-01-01 00:00:00.000000', 7)"
        tx.execute(text(f"INSERT INTO leases VALUES {row}"), {"dead": dead.stdout.strip()})
        taken = leases.take(tx, "imap://a", now + MINUTE, now)

    assert isinstance(taken, Lease)
    assert taken.fence == 8


def test_this_process_is_alive() -> None:
    assert owner.is_alive(owner.this_process()) is True


def test_a_number_used_again_is_another_process() -> None:
    machine, _, process = owner.this_process().rpartition("#")
    pid = process.partition("@")[0]

    assert owner.is_alive(f"{machine}#{pid}@1") is False


def test_a_process_elsewhere_cannot_be_judged() -> None:
    assert owner.is_alive("other-host/boot/pid:[1]#12@34") is None
