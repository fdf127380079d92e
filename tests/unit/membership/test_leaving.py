"""Who presses a button to unsubscribe has left, by one mail; and nobody else has."""

import pytest

from listbridge.message import tokens
from storage import categories, leaving
from storage.states import InboundState, Result, SubscriptionState
from tests.fakes.office import letter
from tests.fakes.town import SENDING, Town

ANN, BEN = "ann@example.net", "ben@example.net"


@pytest.fixture
def list_(town: Town) -> Town:
    """A list with two subscribers whose copies are their own."""
    town.change(outgoing=SENDING)
    town.member(ANN, BEN)
    with town.office.db.transaction() as tx:
        leaving.prepare(tx)
    return town


def token(town: Town, address: str = ANN) -> str:
    with town.office.db.reading() as tx:
        return tokens.written_leave(leaving.of(tx, town.office.category_id, [address])[address])


def test_one_mail_ends_the_subscription_and_its_subscriber_is_told(list_: Town) -> None:
    assert list_.write(token(list_)) == {"commands": 1, "queued": 1}

    one = list_.subscription()
    assert one is not None
    assert (one.state, one.removed_by) == ("removed", "person")
    assert list_.state(BEN) == "active"
    assert list_.told() == [(ANN, "You have left General")]


def test_what_waits_for_him_is_cancelled(list_: Town) -> None:
    assert list_.gets("Hello", BEN) == [ANN, BEN]

    list_.write(token(list_))

    assert list_.office.count("deliveries", f"state = 'cancelled' AND recipient = '{ANN}'") == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto-Submitted": "auto-generated"},
        {"Precedence": "bulk"},
        {"Return-Path": "<>"},
        {"From": "no address at all"},
        {"From": "somebody.else@example.com"},
        {"To": "x@example.org", "Delivered-To": "general@example.org"},
    ],
)
def test_a_program_may_send_it_for_him(list_: Town, fields: dict[str, str]) -> None:
    raw = letter(1, **{"Subject": token(list_), **fields})

    list_.hand_in(raw)

    assert list_.state() == "removed"
    assert list_.told() == [(ANN, "You have left General")]


def test_by_the_address_no_subject_is_needed(list_: Town) -> None:
    to = f"general+{token(list_)}@example.org"

    list_.hand_in(letter(1, Subject="", To=to))

    assert list_.state() == "removed"


def test_a_robot_that_quotes_it_has_nobody_leave(list_: Town) -> None:
    raw = letter(1, Auto_Submitted="auto-replied") + f"> {token(list_)}\r\n".encode()

    list_.hand_in(raw)

    assert list_.state() == "active"
    assert list_.last.result is Result.ROBOT


def test_a_post_that_quotes_it_is_a_post_and_shows_it_to_nobody(list_: Town) -> None:
    secret = token(list_)
    raw = letter(1, From=BEN) + f"> mailto:general@example.org?subject={secret}\r\n".encode()

    list_.hand_in(raw)

    assert list_.last.result is Result.POST
    assert list_.state() == "active"
    with list_.office.db.reading() as tx:
        query = "SELECT bytes FROM raw_messages ORDER BY id DESC LIMIT 1"
        copy = tx.exec_driver_sql(query).scalar_one()
    assert b"leave-" + b"*" * 34 in copy
    assert secret.encode() not in copy


def test_who_forwards_it_leaves_nothing(list_: Town) -> None:
    list_.write(f"Fwd: {token(list_)}")

    assert list_.state() == "active"


def test_a_second_time_he_is_told_that_he_is_no_member(list_: Town) -> None:
    secret = token(list_)
    list_.write(secret)
    list_.notices()

    list_.write(secret)

    assert list_.told() == [(ANN, "You are not on the list General")]


def test_after_coming_back_the_old_one_leads_to_a_question(list_: Town) -> None:
    secret = token(list_)
    list_.write(secret)
    list_.member(ANN)
    list_.notices()

    list_.write(secret)

    assert list_.state() == "active"
    assert list_.told() == [(ANN, "Please confirm: leave General ()")]


@pytest.mark.parametrize("fields", [{"Precedence": "bulk"}, {"Auto-Submitted": "auto-generated"}])
def test_a_program_with_one_that_is_void_gets_no_answer(
    list_: Town, fields: dict[str, str]
) -> None:
    list_.hand_in(letter(1, **{"Subject": f"leave-{'a' * 34}", **fields}))

    assert list_.told() == []
    assert list_.last.state is InboundState.PROCESSED


def test_one_of_another_list_ends_nothing(list_: Town) -> None:
    with list_.office.db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
        tx.exec_driver_sql(
            "INSERT INTO subscriptions (category_id, address, address_key, name, state, receives,"
            f" origin, changed_at) SELECT {other}, address, address_key, name, state, receives,"
            " origin, changed_at FROM subscriptions"
        )
        there = tokens.written_leave(leaving.of(tx, other, [ANN])[ANN])

    list_.write(there)

    assert list_.state() == SubscriptionState.ACTIVE


def test_no_reason_on_record_holds_the_secret(list_: Town) -> None:
    secret = token(list_)

    list_.write(secret)

    assert secret[-26:] not in f"{list_.last.reason}"
