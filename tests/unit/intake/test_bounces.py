"""What comes back is put on record, and counts only where it is about mail that we sent."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from listbridge import clock
from listbridge.bounces import MANY, Book, verp
from listbridge.category import BounceSettings
from listbridge.delivery.worker import Account, send_due
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings
from listbridge.membership import subscriptions as membership
from listbridge.submission import Envelope, Outcome, OutgoingSettings, Result
from storage import bounces, deliveries, leaving, subscriptions
from storage.bounces import Bounce
from storage.states import DeliveryState, Origin
from storage.subscriptions import Subscription
from tests.fakes.courier import SENT, RecordingCourier
from tests.fakes.office import Office, general, letter

OUTGOING = OutgoingSettings(host="smtp.example.org")
PEOPLE = tuple(f"s{n}@example.net" for n in range(MANY + 2))
GONE = PEOPLE[0]
DAY = timedelta(days=1)
At = Callable[[timedelta], None]
Refusals = dict[str, Outcome]

DSN = """Return-Path: <>
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{serial}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type={type}; boundary="b"

--b

Sorry.
--b
Content-Type: message/{type}

{status}
--b
Content-Type: text/rfc822-headers

{returned}
--b--
"""
FAILED = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {}\nAction: failed\nStatus: {}\n{}"
COMPLAINT = "Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: {}\n"


@pytest.fixture
def members(office: Office, at: At) -> Office:
    """A category with subscribers that sends."""
    at(timedelta(0))
    office.category = general(outgoing=OUTGOING)
    with office.db.transaction() as tx:
        for address in PEOPLE:
            membership.subscribe(tx, office.category_id, address, "", Origin.ADMIN)
    return office


def _post(office: Office, number: int, refusals: Refusals | None = None) -> None:
    """Post and send; some are refused by the server."""
    _hand_in(office, letter(number))

    def answer(envelope: Envelope) -> Refusals:
        return {x: (refusals or {}).get(x, SENT) for x in envelope.recipients}

    account = Account(RecordingCourier(answer))
    book = Book(office.category_id, office.category)
    asyncio.run(send_due(office.db, office.category_id, OUTGOING, account, book=book))


def _hand_in(office: Office, raw: bytes) -> Tally:
    tally = Tally("general")
    dispatch(office.db, office.reader(tally), office.hand_in(raw))
    return tally


_serials = iter(range(10**6))


def _report(
    recipient: str,
    status: str = "5.1.1",
    of: str = "<1@example.net>",
    to: str = "general@example.org",
    more: str = "",
) -> bytes:
    returned = f"Message-ID: {of}\n" if of else "Subject: hello\n"
    form = FAILED.format(recipient, status, more)
    return DSN.format(
        to=to, serial=next(_serials), type="delivery-status", status=form, returned=returned
    ).encode()


def _complaint(recipient: str, of: str = "<1@example.net>") -> bytes:
    return DSN.format(
        to="general@example.org",
        serial=next(_serials),
        type="feedback-report",
        status=COMPLAINT.format(recipient),
        returned=f"Message-ID: {of}\n",
    ).encode()


def _all(office: Office) -> list[Bounce]:
    with office.db.reading() as tx:
        return bounces.listed(tx)[::-1]


def _member(office: Office, address: str = GONE) -> Subscription:
    with office.db.reading() as tx:
        found = subscriptions.find(tx, office.category_id, address)
    assert found is not None
    return found


def _unsent(office: Office) -> list[tuple[str, str]]:
    with office.db.reading() as tx:
        every = deliveries.listed(tx, tuple(DeliveryState))
        return [(x.recipient, x.state.value) for x in every if x.state is not DeliveryState.SENT]


def test_a_report_is_recorded_for_the_subscriber_it_is_about(members: Office) -> None:
    _post(members, 1)

    tally = _hand_in(members, _report(GONE, more="Diagnostic-Code: smtp; 550 5.1.1 nobody\n"))

    [one] = _all(members)
    assert tally.bounces == 1
    assert (one.subscriber, one.recipient, one.class_.value) == (GONE, GONE, "permanent")
    assert (one.status, one.reason, one.counts) == ("5.1.1", "550 5.1.1 nobody", True)
    assert (one.message_id, one.category, one.at) == ("<1@example.net>", "general", clock.now())


@pytest.mark.parametrize(
    "report",
    [
        _report(GONE, of="<never@example.net>"),
        _report(GONE, of=""),
        _report("stranger@example.net"),
    ],
    ids=["another message", "no message", "no subscriber"],
)
def test_a_report_of_what_was_never_sent_to_that_subscriber_blames_nobody(
    members: Office, report: bytes
) -> None:
    _post(members, 1)

    _hand_in(members, report)

    [one] = _all(members)
    assert (one.subscriber, one.counts) == (None, False)


def test_a_report_of_a_message_that_was_refused_and_never_left_blames_nobody(
    members: Office,
) -> None:
    _post(members, 1, {GONE: Outcome(Result.DEFERRED, "450 4.2.2 mailbox full")})

    _hand_in(members, _report(GONE))

    assert [one.subscriber for one in _all(members)] == [None]


def test_a_report_that_comes_weeks_after_the_message_blames_nobody(members: Office, at: At) -> None:
    _post(members, 1)
    at(13 * DAY)
    _hand_in(members, _report(GONE))
    at(15 * DAY)
    _hand_in(members, _report(GONE))

    assert [one.subscriber for one in _all(members)] == [GONE, None]


def test_the_address_a_message_was_forwarded_to_does_not_matter(members: Office) -> None:
    _post(members, 1)
    original = f"Original-Recipient: rfc822; {GONE}\n"

    _hand_in(members, _report("elsewhere@example.com", more=original))

    assert [one.subscriber for one in _all(members)] == [GONE]


@pytest.fixture
def with_own_senders(members: Office) -> Office:
    incoming = IncomingSettings(host="imap.example.org", username="general@example.org")
    sending = OUTGOING.model_copy(update={"foreign_from": True})
    members.category = general(incoming=incoming, outgoing=sending, message={"personalise": True})
    return members


def _secret(office: Office, address: str = GONE) -> str:
    with office.db.reading() as tx:
        return leaving.of(tx, office.category_id, [address])[address]


def _own_sender(office: Office) -> str:
    return verp.sender("general@example.org", GONE, _secret(office))


def test_a_verp_address_says_whose_it_is_without_the_message(with_own_senders: Office) -> None:
    _post(with_own_senders, 1)
    to = _own_sender(with_own_senders)

    _hand_in(with_own_senders, _report("elsewhere@example.com", of="", to=to))

    assert [(one.subscriber, one.counts) for one in _all(with_own_senders)] == [(GONE, True)]


def test_a_verp_address_that_no_copy_had_blames_nobody(members: Office) -> None:
    with members.db.transaction() as tx:
        leaving.prepare(tx)
    _post(members, 1)

    _hand_in(members, _report("elsewhere@example.com", of="", to=_own_sender(members)))

    assert [(one.subscriber, one.counts) for one in _all(members)] == [(None, False)]


@pytest.mark.parametrize(
    "to",
    [
        f"general+bounces-{GONE.replace('@', '=')}@example.org",
        f"general+bounces-{GONE.replace('@', '=')}=aaaaaaaa@example.org",
        f"other+bounces-{GONE.replace('@', '=')}=aaaaaaaa@example.org",
        "general+bounces-stranger=example.net=aaaaaaaa@example.org",
    ],
    ids=["no code", "a code made up", "another list", "nobody"],
)
def test_a_verp_address_that_is_made_up_blames_nobody(with_own_senders: Office, to: str) -> None:
    _post(with_own_senders, 1)

    _hand_in(with_own_senders, _report("elsewhere@example.com", of="", to=to))

    assert [(one.subscriber, one.counts) for one in _all(with_own_senders)] == [(None, False)]


def test_the_code_of_one_subscriber_is_none_for_another(with_own_senders: Office) -> None:
    """Each sees his own."""
    _post(with_own_senders, 1)
    to = verp.sender("general@example.org", GONE, _secret(with_own_senders, PEOPLE[1]))

    _hand_in(with_own_senders, _report("elsewhere@example.com", of="", to=to))

    assert [one.subscriber for one in _all(with_own_senders)] == [None]


@pytest.mark.parametrize("written", [_report(GONE), _complaint(GONE)], ids=["report", "complaint"])
def test_of_a_personal_copy_the_message_id_proves_nothing_but_the_token_does(
    with_own_senders: Office, written: bytes
) -> None:
    """Every member knows the one; the other stands in that copy alone."""
    _post(with_own_senders, 1)

    _hand_in(with_own_senders, written)
    _hand_in(with_own_senders, _shows_token(with_own_senders, written))

    assert [one.subscriber for one in _all(with_own_senders)] == [None, GONE]


def _shows_token(office: Office, report: bytes) -> bytes:
    field = f"List-Unsubscribe: <mailto:general@example.org?subject=leave-{_secret(office)}>\n"
    return report.replace(b"Message-ID: <1@", f"{field}Message-ID: <1@".encode())


def test_a_complaint_that_leaves_out_who_it_was_is_his_whose_token_it_shows(
    with_own_senders: Office,
) -> None:
    _post(with_own_senders, 1)
    redacted = _shows_token(with_own_senders, _complaint("redacted"))

    _hand_in(with_own_senders, redacted)

    assert [one.subscriber for one in _all(with_own_senders)] == [GONE]
    assert _member(with_own_senders).state.value == "removed"


def test_a_complaint_to_a_verp_address_ends_nothing_unless_it_shows_the_message(
    with_own_senders: Office,
) -> None:
    """Anybody can make one up who knows that somebody is subscribed."""
    _post(with_own_senders, 1)
    to = _own_sender(with_own_senders)
    forged = _complaint(GONE, of="").replace(b"To: general@example.org", f"To: {to}".encode())

    _hand_in(with_own_senders, forged)

    assert _member(with_own_senders).state.value == "active"
    assert [one.subscriber for one in _all(with_own_senders)] == [None]


def test_days_of_permanent_bounces_suspend(members: Office, at: At, told: Any) -> None:
    states = []
    for day in range(4):
        at(day * DAY)
        _post(members, day)
        _hand_in(members, _report(GONE, of=f"<{day}@example.net>"))
        _hand_in(members, _report(GONE, of=f"<{day}@example.net>"))
        states.append(_member(members).state.value)

    assert states == ["active", "active", "active", "suspended"]
    assert _member(members).suspended_by is Origin.BOUNCES
    assert told("subscriber.suspended") == [
        {"category": "general", "subscriber": GONE, "score": 3.9}
    ]


def test_a_suspended_subscriber_gets_nothing_more(members: Office) -> None:
    members.category = general(outgoing=OUTGOING, bounces=BounceSettings(threshold=1))
    _post(members, 1)
    _post(members, 2, {GONE: Outcome(Result.DEFERRED, "450 4.2.2 mailbox full")})

    _hand_in(members, _report(GONE))
    _post(members, 3)

    assert _unsent(members) == [(GONE, "cancelled")]


@pytest.mark.parametrize(
    ("status", "more"),
    [
        ("5.7.1", ""),
        ("4.2.2", ""),
        ("5.3.4", ""),
        ("5.0.0", "Diagnostic-Code: smtp; 550 looks like spam\n"),
    ],
)
def test_other_failures_suspend_nobody(members: Office, status: str, more: str) -> None:
    members.category = general(outgoing=OUTGOING, bounces=BounceSettings(threshold=1))
    _post(members, 1)
    report = _report(GONE, status, more=more)
    if status == "4.2.2":
        report = report.replace(b"failed", b"delayed")

    _hand_in(members, report)

    assert [(one.subscriber, one.counts) for one in _all(members)] == [(GONE, False)]
    assert _member(members).state.value == "active"


def test_nobody_is_suspended_where_that_is_switched_off(members: Office) -> None:
    members.category = general(
        outgoing=OUTGOING, bounces=BounceSettings(suspend=False, threshold=1)
    )
    _post(members, 1)

    _hand_in(members, _report(GONE))

    assert [one.counts for one in _all(members)] == [True]
    assert _member(members).state.value == "active"


def test_what_came_back_before_somebody_was_made_active_again_is_forgiven(
    members: Office, at: At
) -> None:
    members.category = general(outgoing=OUTGOING, bounces=BounceSettings(threshold=1.5))
    for day in range(2):
        at(day * DAY)
        _post(members, day)
        _hand_in(members, _report(GONE, of=f"<{day}@example.net>"))
    before = _member(members).state.value
    at(2 * DAY)
    with members.db.transaction() as tx:
        subscriptions.change(tx, members.category_id, GONE, clock.now(), state="active")

    _post(members, 2)
    _hand_in(members, _report(GONE, of="<2@example.net>"))

    assert (before, _member(members).state.value) == ("suspended", "active")


def test_a_refusal_by_our_own_server_counts_like_a_report(members: Office, told: Any) -> None:
    members.category = general(outgoing=OUTGOING, bounces=BounceSettings(threshold=1))

    _post(members, 1, {GONE: Outcome(Result.FAILED, "550 5.1.1 no such user")})

    [one] = _all(members)
    assert (one.subscriber, one.class_.value, one.status) == (GONE, "permanent", "5.1.1")
    assert (one.reason, one.inbound_id, one.message_id) == (
        "550 5.1.1 no such user",
        None,
        "<1@example.net>",
    )
    assert _member(members).state.value == "suspended"
    assert [x["subscriber"] for x in told("subscriber.suspended")] == [GONE]


@pytest.mark.parametrize(
    "reply",
    ["554 5.6.0 malformed message", "554 no", "552 5.3.4 message too big", "550 5.7.1 spam"],
)
def test_a_refusal_that_may_be_of_the_message_suspends_nobody(members: Office, reply: str) -> None:
    members.category = general(outgoing=OUTGOING, bounces=BounceSettings(threshold=1))

    _post(members, 1, dict.fromkeys(PEOPLE, Outcome(Result.FAILED, reply)))

    assert len(_all(members)) == len(PEOPLE)
    assert {_member(members, x).state.value for x in PEOPLE} == {"active"}


def test_what_no_server_has_said_is_no_bounce(members: Office) -> None:
    _post(members, 1, {GONE: Outcome(Result.FAILED, "the server takes no 8-bit mail")})

    assert _all(members) == []


def test_refusals_by_policy_of_many_are_told_once_and_blame_nobody(
    members: Office, told: Any
) -> None:
    members.category = general(outgoing=OUTGOING, bounces=BounceSettings(threshold=1))
    for few in range(1, MANY):
        _post(members, few, {PEOPLE[few]: Outcome(Result.FAILED, "550 5.7.1 spam")})
    before = told("list.refused")

    for many in (MANY, MANY + 1):
        _post(members, many, {PEOPLE[many]: Outcome(Result.FAILED, "550 5.7.1 spam")})
    # What gives no reason is taken for the same, just now.
    _hand_in(members, _report(GONE, "5.0.0"))

    assert (before, len(told("list.refused"))) == ([], 1)
    assert not any(one.counts for one in _all(members))
    assert {_member(members, x).state.value for x in PEOPLE} == {"active"}


def test_a_report_without_a_reason_counts_while_no_policy_is_at_work(members: Office) -> None:
    _post(members, 1)

    _hand_in(members, _report(GONE, "5.0.0"))

    assert [one.counts for one in _all(members)] == [True]


def test_a_complaint_ends_the_subscription(members: Office, told: Any) -> None:
    _post(members, 1)
    _post(members, 2, {GONE: Outcome(Result.DEFERRED, "450 4.2.2 mailbox full")})

    _hand_in(members, _complaint(GONE))

    one = _member(members)
    assert (one.state.value, one.removed_by) == ("removed", Origin.COMPLAINT)
    assert _unsent(members) == [(GONE, "cancelled")]
    assert told("subscriber.complained") == [{"category": "general", "subscriber": GONE}]


def test_a_complaint_about_what_was_never_sent_ends_nothing(members: Office) -> None:
    _post(members, 1)

    _hand_in(members, _complaint(GONE, of="<never@example.net>"))

    assert _member(members).state.value == "active"
    assert [one.subscriber for one in _all(members)] == [None]


def test_a_bounce_and_its_record_are_one_transaction(
    members: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _post(members, 1)

    def broken(*_: object, **__: object) -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(bounces, "add", broken)
    tally = _hand_in(members, _report(GONE))

    assert (tally.bounces, tally.shunted) == (0, 1)


def test_where_nothing_comes_back_nothing_is_asked(
    members: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> Any:
        raise AssertionError("a statement too many")

    monkeypatch.setattr(Book, "refused", asked)
    monkeypatch.setattr(Book, "reported", asked)

    _post(members, 1)

    assert _unsent(members) == []


def test_the_log_names_no_word_of_a_report(members: Office, told: Any) -> None:
    _post(members, 1)

    _hand_in(members, _report(GONE, more="Diagnostic-Code: smtp; 550 5.1.1 secret words\n"))

    [line] = told("bounce.recorded")
    assert "secret" not in str(line)
    assert {line[x] for x in ("recipient", "subscriber")} == {GONE}
    assert (line["kind"], line["status"]) == ("permanent", "5.1.1")
