"""The posting password: it opens the list, and nobody gets to see it."""

import base64
import json
from typing import Any

import pytest

from listbridge.category import Posting
from listbridge.errors import SecretError
from listbridge.intake.dispatch import dispatch
from listbridge.intake.simulate import simulate
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.moderation import actions
from listbridge.moderation.password import opened
from listbridge.secret import Secret
from listbridge.submission import OutgoingSettings
from storage import audit, deliveries, outbox, posts, raw_messages
from storage.database import Database
from storage.posts import Post
from storage.states import DeliveryState, Origin
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general, letter

PASSWORD = "opens.sesame-1"
TO = f"General+{PASSWORD}@example.org"
GIVEN = letter(1, To=TO)


def settings(**posting: Any) -> Posting:
    return Posting(password=Secret(literal=PASSWORD), **posting)  # type: ignore[arg-type]


@pytest.fixture
def office(db: Database, category_id: int) -> Office:
    """A category with a password and one subscriber."""
    category = general(posting=settings(), outgoing=OutgoingSettings(host="smtp.example.org"))
    with db.transaction() as tx:
        subscriptions.subscribe(tx, category_id, "bob@example.net", "", Origin.ADMIN)
    return Office(db, category_id, FakeServer(), category)


def post(office: Office, raw: bytes) -> Post:
    """Hand a letter in and return the post that it became."""
    inbound_id = office.hand_in(raw)
    dispatch(office.db, office.reader(Tally("general")), inbound_id)
    with office.db.reading() as tx:
        made = posts.of_inbound(tx, inbound_id)
        assert audit.problems(tx) == []
    assert made is not None
    return made


def sent(office: Office) -> bytes:
    """Return the bytes that the only subscriber gets."""
    with office.db.reading() as tx:
        [one] = deliveries.listed(tx, tuple(DeliveryState))
        copy = outbox.find(tx, tx.exec_driver_sql("SELECT max(id) FROM outgoing").scalar_one())
        assert one.recipient == "bob@example.net"
        body = copy.body if copy.body is not None else raw_messages.read(tx, copy.raw_id)
    return copy.head + body


def shows(data: bytes) -> bool:
    return PASSWORD.encode() in data.lower()


@pytest.mark.parametrize(
    "raw",
    [
        GIVEN,
        letter(1, To="other@example.com", Cc=f"x <{TO}>"),
        letter(1, Delivered_To=TO.lower()),
        letter(1, X_Original_To=TO.upper()),
    ],
)
def test_who_sends_to_the_address_with_the_password_may_post(office: Office, raw: bytes) -> None:
    made = post(office, raw)

    assert (made.state, made.trail[-1]["rule"]) == ("accepted", "password")


@pytest.mark.parametrize(
    "raw",
    [
        letter(1, To="general+wrong@example.org"),
        letter(1, To=f"general+{PASSWORD}x@example.org"),
        letter(1, To=f"general+{PASSWORD}@example.com"),
        letter(1, Subject=TO),  # it is no recipient there
        letter(1).replace(b"letter 1", TO.encode()),
    ],
)
def test_nothing_else_opens_the_list(office: Office, raw: bytes) -> None:
    made = post(office, raw)

    assert (made.state, made.trail[-1]["rule"]) == ("held", "non_member")


@pytest.mark.parametrize(
    ("posting", "rule"),
    [
        ({"hold_all": True}, "all_held"),
        ({"block": ("example.net",), "blocked": "hold"}, "blocked"),
        ({"max_size": 10}, "too_large"),
    ],
)
def test_the_password_opens_no_more_than_that(
    office: Office, posting: dict[str, Any], rule: str
) -> None:
    office.category = general(posting=settings(**posting))

    made = post(office, GIVEN)

    assert (made.state, made.trail[-1]["rule"]) == ("held", rule)


BODY = f"mail general+{PASSWORD}@example.org or mailto:general%2B{PASSWORD}%40example.org\r\n"
EVERYWHERE = (
    letter(1, To=TO, Received=f"from a by b for <{TO}>; x", X_Note=f"<{TO}>").partition(
        b"\r\n\r\n"
    )[0]
    + b"\r\n\r\n"
    + BODY.encode()
)


def test_the_copy_does_not_show_it(office: Office) -> None:
    post(office, EVERYWHERE)

    copy = sent(office)
    assert not shows(copy)
    assert b"To: General@example.org\r\n" in copy
    assert copy.endswith(b"\r\n\r\nmail general@example.org or mailto:general%40example.org\r\n")


def test_a_copy_that_is_approved_later_does_not_show_it_either(office: Office) -> None:
    office.category = general(
        posting=settings(hold_all=True), outgoing=OutgoingSettings(host="smtp.example.org")
    )
    held = post(office, EVERYWHERE)
    with office.db.transaction() as tx:
        assert actions.approve(tx, office.category, held)

    assert not shows(sent(office))


def test_a_body_without_it_is_sent_as_it_is_stored(office: Office) -> None:
    post(office, GIVEN)

    assert office.count("outgoing", "body IS NULL") == 1
    assert not shows(sent(office).partition(b"\r\n\r\n")[0])


def test_the_raw_bytes_stay_and_nothing_else_shows_it(office: Office) -> None:
    made = post(office, EVERYWHERE)

    with office.db.reading() as tx:
        assert raw_messages.read(tx, made.raw_id) == EVERYWHERE
        rows = [
            str(row).encode()
            for name in ("posts", "inbound", "outgoing", "deliveries", "post_aliases")
            for row in tx.exec_driver_sql(f"SELECT * FROM {name}")
        ]
    assert not shows(b"".join(rows))


def test_a_simulation_does_not_show_it(office: Office) -> None:
    with office.db.reading() as tx:
        found = simulate(tx, office.category, office.category_id, EVERYWHERE)

    assert found.parsed is not None
    assert found.copy is not None
    told = json.dumps([found.parsed.text, found.reason, found.trail, found.parsed.subject])
    assert not shows(told.encode() + found.copy)


def test_the_log_does_not_show_it(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    post(office, EVERYWHERE)

    assert not shows("".join(str(vars(x)) for x in caplog.records).encode())


ENCODED = (
    letter(1, To=TO, Content_Transfer_Encoding="base64", Content_Type="text/plain").partition(
        b"\r\n\r\n"
    )[0]
    + b"\r\n\r\n"
    + base64.encodebytes(BODY.encode())
)


def test_where_it_cannot_be_cut_out_the_post_is_held_and_shown_without_it(office: Office) -> None:
    made = post(office, ENCODED)

    assert (made.state, made.trail[-1]["rule"]) == ("held", "shown_password")
    assert not shows(opened(office.category, ENCODED).parsed.text.encode())


def test_signatures_of_a_head_that_was_cut_are_set_aside(office: Office) -> None:
    signed = letter(1, To=TO, DKIM_Signature="v=1; d=example.net; h=To; bh=x; b=y")

    post(office, signed)

    assert b"X-Original-DKIM-Signature: v=1" in sent(office)


def test_the_same_letter_with_and_without_it_is_one_post(office: Office) -> None:
    post(office, GIVEN)
    inbound_id = office.hand_in(letter(1))
    office.decide()

    assert office.inbound(inbound_id).result == "duplicate"


def test_a_message_that_names_no_sub_address_asks_for_no_secret(office: Office) -> None:
    nowhere = Secret(env="LISTBRIDGE_TEST_NOT_SET")
    office.category = general(posting=Posting(password=nowhere))

    assert post(office, letter(1)).state == "held"
    with pytest.raises(SecretError):
        opened(office.category, GIVEN)


def test_a_password_that_is_no_part_of_an_address_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTBRIDGE_TEST_BAD", "a b")
    office.category = general(posting=Posting(password=Secret(env="LISTBRIDGE_TEST_BAD")))

    with pytest.raises(SecretError, match="must be 8 to 64"):
        opened(office.category, GIVEN)
