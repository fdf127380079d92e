"""Servers that announce CHUNKING (RFC 3030): several whole transactions on their way at once."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from listbridge.submission import (
    AccountTrouble,
    Envelope,
    Outcome,
    OutgoingSettings,
    Result,
    SenderRefused,
    SmtpCourier,
)
from tests.fakes.smtp_server import Script, SmtpServer

BOB, CYD = "bob@example.org", "cyd@example.org"
EIGHT = tuple(f"s{number}@example.org" for number in range(8))
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
LARGE = b"Subject: large\r\n\r\n" + b".All work and no play.\r\n" * 40_000
SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED
UNCERTAIN, UNTRIED = Result.UNCERTAIN, Result.UNTRIED


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpServer, "also_offers", ("PIPELINING", "CHUNKING"))


def account(server: SmtpServer, seconds: float = 5, **more: object) -> SmtpCourier:
    timeout = timedelta(seconds=seconds)
    values = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": timeout}
    return SmtpCourier(OutgoingSettings.model_validate(values | more))


async def eight(
    script: Script, message: bytes = MESSAGE, seconds: float = 5
) -> tuple[list[Outcome | BaseException], SmtpServer]:
    """Hand over one message for each of eight, all at once, on one connection."""
    async with SmtpServer(script) as server:
        courier = account(server, seconds)
        async with courier.connection() as connection:
            ended = await asyncio.gather(
                *(connection.deliver(Envelope(f"from-{x}", (x,)), message) for x in EIGHT),
                return_exceptions=True,
            )
        await courier.close()
    found = [one if isinstance(one, BaseException) else next(iter(one.values())) for one in ended]
    return found, server


def results(ended: list[Outcome | BaseException]) -> list[Result]:
    assert all(isinstance(one, Outcome) for one in ended), ended
    return [one.result for one in ended if isinstance(one, Outcome)]


async def test_all_of_them_are_on_their_way_before_the_first_is_answered() -> None:
    script = Script(held_until={"rset": "MAIL FROM:<from-s1@example.org>"})

    ended, server = await eight(script)

    assert results(ended) == [SENT] * 8
    assert [(got.sender, got.recipients) for got in server.messages] == [
        (f"from-{x}", (x,)) for x in EIGHT
    ]


@pytest.mark.parametrize("message", [LARGE, b".\r\n", b"..\r\n.a\r\n.\r\n", b"\xc3\xbc\r\n"])
async def test_the_message_arrives_as_it_was_without_dots(message: bytes) -> None:
    _, server = await eight(Script(), message)

    assert [got.wire for got in server.messages] == [message] * 8


async def test_it_can_be_switched_off() -> None:
    async with SmtpServer() as server:
        courier = account(server, chunking="off")
        async with courier.connection() as connection:
            await connection.deliver(Envelope("list@example.org", EIGHT), MESSAGE)
        await courier.close()

    assert server.commands("BDAT") == []
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("step", "said", "expected", "behind"),
    [
        ("end", "451 4.3.0 later", DEFERRED, SENT),
        ("end", "554-5.7.1 looks like\r\n554 5.7.1 spam", FAILED, SENT),
        ("mail", "552 5.3.4 too big", FAILED, SENT),
        ("rcpt", "550 5.1.1 unknown", FAILED, SENT),
        ("rcpt", "450 4.2.1 later", DEFERRED, SENT),
        ("end", "421 4.3.2 shutting down", DEFERRED, UNTRIED),
        ("rset", "421 4.3.2 shutting down", UNCERTAIN, UNTRIED),
        ("mail", "421 4.4.2 that will do", UNTRIED, UNTRIED),
        ("rcpt", "421 4.4.2 that will do", DEFERRED, UNTRIED),
        ("end", "354 what", UNCERTAIN, SENT),
        ("rset", "500 5.5.1 what", SENT, SENT),
    ],
)
async def test_a_reply_decides_its_own_transaction(
    step: str, said: str, expected: Result, behind: Result
) -> None:
    ended, server = await eight(Script(replies={step: ("", "", said)}))

    assert results(ended) == [SENT, SENT, expected, *[behind] * 5]
    # Nothing went out under the sender of the one before it.
    assert {(got.sender, *got.recipients) for got in server.messages} <= {
        (f"from-{x}", x) for x in EIGHT
    }


async def test_replies_in_pieces_find_their_transactions() -> None:
    ended, _ = await eight(
        Script(
            recipients={EIGHT[1]: "550 5.1.1 unknown", EIGHT[4]: "450 4.2.1 later"}, dribbles=True
        )
    )

    assert results(ended) == [SENT, FAILED, SENT, SENT, DEFERRED, SENT, SENT, SENT]


async def test_trouble_with_one_sender_leaves_those_behind_unharmed() -> None:
    ended, server = await eight(Script(replies={"mail": ("", "", "550 5.1.0 not from you")}))

    assert isinstance(ended.pop(2), SenderRefused)
    assert results(ended) == [SENT] * 7
    assert server.connections == 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("step", ["rset", "mail", "rcpt", "end"])
async def test_without_a_word_all_that_was_on_its_way_is_uncertain(step: str, reset: bool) -> None:
    ended, _ = await eight(Script(hang_up_at=step, reset=reset))

    assert results(ended) == [UNCERTAIN] * 8


async def test_silence_leaves_what_was_on_its_way_uncertain() -> None:
    ended, _ = await eight(Script(hang_at="end"), seconds=0.3)

    assert results(ended) == [UNCERTAIN] * 8


@pytest.mark.parametrize("script", [Script(hang_up_at="body", reset=True), Script(hang_at="body")])
async def test_a_message_that_did_not_leave_whole_is_deferred_alone(script: Script) -> None:
    ended, server = await eight(script, LARGE * 10, seconds=0.5)

    assert results(ended) == [DEFERRED, *[UNTRIED] * 7]
    assert server.messages == []


async def test_a_message_over_the_announced_size_is_never_begun() -> None:
    ended, server = await eight(Script(extensions=("SIZE 10",)))

    assert results(ended) == [FAILED] * 8
    assert server.commands("BDAT") == []


REFUSALS: list[dict[str, Mapping[str, Any]]] = [
    {"recipients": {EIGHT[3]: "550 5.1.1 unknown"}},
    {"recipients": {EIGHT[3]: "450 4.2.1 later"}},
    {"recipients": {CYD: "550 5.1.1 unknown"}},
    {"recipients": {BOB: "550 5.1.1 unknown"}},
    {"replies": {"end": ("", "", "554 5.7.1 spam")}},
    {"replies": {"end": ("", "", "", "", "", "", "", "554 5.7.1 spam")}},
    {"replies": {"mail": ("", "", "552 5.3.4 too big")}},
]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("how", ["late", "append"])
@pytest.mark.parametrize("twice", ["ehlo", "mail", "rcpt", "end", "rset"])
async def test_a_reply_too_many_never_makes_one_messages_end_anothers(
    twice: str, how: str, refusal: dict[str, Mapping[str, Any]]
) -> None:
    script = Script(once=True, **refusal, **{how: {twice: b"250 2.0.0 ok\r\n"}})  # type: ignore[arg-type]
    to = [(BOB, CYD) if number == 5 else (name,) for number, name in enumerate(EIGHT)]
    async with SmtpServer(script) as server:
        courier = account(server, 0.5)
        async with courier.connection() as connection:
            ended = await asyncio.gather(
                *(
                    connection.deliver(Envelope(f"from-{EIGHT[x]}", to[x]), MESSAGE)
                    for x in range(8)
                )
            )
        await courier.close()

    for number, outcomes in enumerate(ended):
        taken = {
            recipient
            for got in server.messages
            if got.sender == f"from-{EIGHT[number]}" and not got.answer.startswith("5")
            for recipient in got.recipients
        }
        for recipient, outcome in outcomes.items():
            allowed = {SENT, UNCERTAIN} if recipient in taken else {FAILED, DEFERRED, UNTRIED}
            assert outcome.result in allowed | {UNCERTAIN}, (number, recipient)


async def test_trouble_of_the_account_at_one_recipient_leaves_the_other_sent() -> None:
    script = Script(recipients={CYD: "550 5.4.5 Daily user sending limit exceeded"})
    async with SmtpServer(script) as server:
        courier = account(server)
        async with courier.connection() as connection:
            with pytest.raises(AccountTrouble) as caught:
                await connection.deliver(Envelope("list@example.org", (BOB, CYD)), MESSAGE)
        await courier.close()

    assert {who: one.result for who, one in caught.value.outcomes.items()} == {BOB: SENT}
    assert server.messages[0].recipients == (BOB,)


async def test_where_nothing_is_refused_no_proof_is_asked_for() -> None:
    _, server = await eight(Script())

    assert len(server.commands("EHLO")) == 1


async def test_refusals_of_one_flight_share_their_proof() -> None:
    _, server = await eight(Script(recipients=dict.fromkeys(EIGHT[1:7], "550 5.1.1 unknown")))

    assert len(server.commands("EHLO")) == 2


async def test_a_message_that_went_out_in_another_envelope_is_uncertain() -> None:
    ended, _ = await eight(Script(replies={"mail": ("", "503 5.5.1 nested MAIL"), "end": "250 ok"}))

    assert results(ended) == [SENT, UNCERTAIN, *[SENT] * 6]


async def test_while_the_replies_are_in_doubt_no_consent_counts_either() -> None:
    """From each MAIL on the replies are late by one more; one refusal too early shows it."""
    unknown = dict.fromkeys((EIGHT[0], EIGHT[3]), "550 5.1.1 unknown")
    script = Script(recipients=unknown, late={"mail": b"250 2.0.0 ok\r\n"})

    ended, server = await eight(script, seconds=0.5)

    assert results(ended)[3] is UNCERTAIN
    assert EIGHT[3] not in {recipient for got in server.messages for recipient in got.recipients}


async def test_consent_that_speaks_of_an_address_is_not_the_messages() -> None:
    script = Script(once=True, late={"mail": b"250 2.1.0 ok\r\n"})

    ended, _ = await eight(script, seconds=0.5)

    assert results(ended) == [UNCERTAIN] * 8


@pytest.mark.parametrize("step", ["mail", "rcpt", "end", "rset"])
async def test_who_says_421_and_goes_on_is_not_believed(step: str) -> None:
    script = Script(append={step: b"421 4.3.2 shutting down\r\n"}, once=True)

    ended, _ = await eight(script)

    assert set(results(ended)[1:]) == {UNCERTAIN}


async def test_a_connection_that_died_while_it_rested_leaves_nothing_in_doubt() -> None:
    async with SmtpServer(Script(hang_at="noop", misbehaving=1)) as server:
        courier = account(server, seconds=0.5)
        ended = []
        for _ in range(2):
            async with courier.connection() as connection:
                ended.append(
                    await connection.deliver(Envelope("list@example.org", (BOB,)), MESSAGE)
                )
            await asyncio.sleep(0.15)
        await courier.close()

    assert [one[BOB].result for one in ended] == [SENT, SENT]
    assert server.by_connection[0][-1] == "NOOP"
