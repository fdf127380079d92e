"""How each recipient's attempt ends, whatever the server does at each step."""

import asyncio
from datetime import timedelta

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
from tests.fakes.smtp_server import (
    Script,
    SmtpServer,
    hangs_at,
    hangs_up_at,
    loses_the_final_reply,
    refuses,
    says,
)

pytestmark = pytest.mark.usefixtures("way")

ANN, BOB, CYD = "ann@example.org", "bob@example.org", "cyd@example.org"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"All work and no play.\r\n" * 400_000
SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED
UNCERTAIN, UNTRIED = Result.UNCERTAIN, Result.UNTRIED


def account(server: SmtpServer, seconds: float = 5, **more: object) -> SmtpCourier:
    timeout = timedelta(seconds=seconds)
    values = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": timeout}
    return SmtpCourier(OutgoingSettings.model_validate(values | more))


def envelope(*recipients: str) -> Envelope:
    return Envelope("list@example.org", recipients or (ANN, BOB, CYD))


async def outcomes(
    script: Script, *recipients: str, message: bytes = MESSAGE, seconds: float = 5
) -> tuple[dict[str, Outcome], SmtpServer]:
    async with SmtpServer(script) as server:
        courier = account(server, seconds)
        async with courier.connection() as connection:
            ended = await connection.deliver(envelope(*recipients), message)
        await courier.close()
    return ended, server


def results(ended: dict[str, Outcome]) -> list[Result]:
    return [outcome.result for outcome in ended.values()]


def unproven(way: str) -> Result:
    """Return what becomes of a refusal behind which the server closes.

    Pipelined, nothing shows any more that it was this recipient's; the next connection asks again.
    """
    return FAILED if way == "lock_step" else UNTRIED


async def test_what_the_server_takes_is_sent_with_its_words() -> None:
    ended, server = await outcomes(Script())

    assert ended == dict.fromkeys((ANN, BOB, CYD), Outcome(SENT, "250 2.0.0 queued as 42"))
    assert server.messages[0].recipients == (ANN, BOB, CYD)
    assert server.messages[0].sender == "list@example.org"


async def test_a_refused_recipient_leaves_the_others_unharmed() -> None:
    ended, server = await outcomes(
        refuses({ANN: "550 5.1.1 unknown user", CYD: "450 4.2.1 try later"})
    )

    assert ended == {
        ANN: Outcome(FAILED, "550 5.1.1 unknown user"),
        BOB: Outcome(SENT, "250 2.0.0 queued as 42"),
        CYD: Outcome(DEFERRED, "450 4.2.1 try later"),
    }
    assert server.messages[0].recipients == (BOB,)


async def test_a_reply_of_several_lines_becomes_one() -> None:
    ended, _ = await outcomes(refuses({ANN: "550-5.1.1 No such\r\n550 5.1.1 user here"}), ANN)

    assert ended[ANN].reply == "550 5.1.1 No such user here"


async def test_421_to_one_recipient_defers_it_and_leaves_the_others_untried(way: str) -> None:
    ended, server = await outcomes(
        refuses({ANN: "550 5.1.1 unknown user", CYD: "421 4.7.0 too many errors"}),
        ANN,
        BOB,
        CYD,
        "dan@example.org",
    )

    assert results(ended) == [unproven(way), UNTRIED, DEFERRED, UNTRIED]
    assert ended[CYD].reply == "421 4.7.0 too many errors"
    assert server.messages == []


async def test_all_recipients_refused_sends_no_data_and_the_connection_serves_the_next(
    way: str,
) -> None:
    async with SmtpServer(refuses({ANN: "550 5.1.1 unknown", BOB: "550 5.1.1 unknown"})) as server:
        courier = account(server)
        async with courier.connection() as connection:
            first = await connection.deliver(envelope(ANN, BOB), MESSAGE)
            second = await connection.deliver(Envelope("other@example.org", (CYD,)), MESSAGE)
        await courier.close()

    assert results(first) == [FAILED, FAILED]
    assert results(second) == [SENT]
    assert server.connections == 1
    # Pipelined, DATA is written before any refusal is heard; it is answered 503.
    assert len(server.commands("DATA")) == (1 if way == "lock_step" else 2)
    assert len(server.messages) == 1
    assert server.messages[0].sender == "other@example.org"


async def test_who_found_no_room_beside_others_is_untried() -> None:
    script = refuses({CYD: "452 4.5.3 too many recipients"})

    crowded, _ = await outcomes(script)
    alone, _ = await outcomes(script, CYD)

    assert results(crowded) == [SENT, SENT, UNTRIED]
    assert results(alone) == [DEFERRED]


@pytest.mark.parametrize(
    ("step", "reply", "result"),
    [
        ("data", "451 4.3.0 later", DEFERRED),
        ("data", "554 5.5.1 no", FAILED),
        ("data", "421 4.3.2 shutting down", UNTRIED),
        ("data", "250 what", UNTRIED),
        ("data", "503 5.5.1 bad sequence", UNTRIED),
        ("end", "451 4.3.0 later", DEFERRED),
        ("end", "554 5.7.1 spam", FAILED),
        ("end", "552 5.3.4 too big", FAILED),
        ("end", "421 4.3.2 shutting down", DEFERRED),
        ("end", "354 what", UNCERTAIN),
        ("end", "so be it", UNCERTAIN),
        ("mail", "552 5.3.4 too big", FAILED),
        ("rcpt", "354 what", UNTRIED),
        ("rcpt", "503 5.5.1 MAIL first", UNTRIED),
        ("rcpt", "500 5.5.2 command not recognized", DEFERRED),
        ("data", "502 5.5.1 not implemented", DEFERRED),
    ],
)
async def test_a_reply_to_a_step_decides_for_all(step: str, reply: str, result: Result) -> None:
    ended, _ = await outcomes(says(step, reply))

    assert results(ended) == [result] * 3
    assert reply in ended[ANN].reply or reply == "so be it"


@pytest.mark.parametrize(("step", "others"), [("data", UNTRIED), ("end", UNCERTAIN)])
async def test_a_refused_recipient_keeps_its_refusal_when_the_rest_goes_wrong(
    way: str, step: str, others: Result
) -> None:
    script = Script(recipients={BOB: "550 5.1.1 unknown"}, hang_up_at=step)

    ended, _ = await outcomes(script)

    assert results(ended) == [others, unproven(way) if step == "data" else FAILED, others]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("mail", [UNTRIED, UNTRIED, UNTRIED]),
        ("rcpt", [DEFERRED, UNTRIED, UNTRIED]),
        ("data", [UNTRIED, UNTRIED, UNTRIED]),
        ("end", [UNCERTAIN, UNCERTAIN, UNCERTAIN]),
    ],
)
async def test_hanging_up_at_a_step(step: str, expected: list[Result], reset: bool) -> None:
    ended, server = await outcomes(hangs_up_at(step, reset=reset))

    assert results(ended) == expected
    assert server.commands("QUIT") == []


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("mail", [UNTRIED, UNTRIED, UNTRIED]),
        ("rcpt", [DEFERRED, UNTRIED, UNTRIED]),
        ("data", [UNTRIED, UNTRIED, UNTRIED]),
        ("end", [UNCERTAIN, UNCERTAIN, UNCERTAIN]),
    ],
)
async def test_hanging_at_a_step(step: str, expected: list[Result]) -> None:
    ended, server = await outcomes(hangs_at(step), seconds=0.5)

    assert results(ended) == expected
    assert "0.5 s" in ended[ANN].reply
    assert server.commands("QUIT") == []


async def test_a_lost_final_reply_is_uncertain_and_says_so() -> None:
    ended, server = await outcomes(loses_the_final_reply(), ANN)

    assert ended[ANN].result is UNCERTAIN
    assert "may have arrived" in ended[ANN].reply
    assert server.messages[0].body == MESSAGE


async def test_a_link_that_breaks_in_the_middle_of_the_message_defers() -> None:
    ended, server = await outcomes(hangs_up_at("body", reset=True), message=LARGE)

    assert results(ended) == [DEFERRED] * 3
    assert server.messages == []


async def test_a_server_that_stops_reading_is_given_up() -> None:
    ended, server = await outcomes(hangs_at("body"), message=LARGE, seconds=0.5)

    assert results(ended) == [DEFERRED] * 3
    assert "0.5 s" in ended[ANN].reply
    assert server.messages == []


async def test_a_refusal_in_the_middle_of_the_message_is_heard() -> None:
    ended, _ = await outcomes(says("body", "552 5.3.4 too big"), message=LARGE)

    assert results(ended) == [FAILED] * 3
    assert ended[ANN].reply == "552 5.3.4 too big"


async def test_consent_in_the_middle_of_the_message_counts_for_nothing() -> None:
    ended, _ = await outcomes(says("body", "250 2.0.0 fine"), message=LARGE)

    assert results(ended) == [DEFERRED] * 3


async def test_421_right_behind_a_refusal_leaves_the_others_untried(way: str) -> None:
    script = Script(
        replies={"rcpt": ("", "550 5.1.1 unknown\r\n421 4.7.0 too many errors")},
    )

    ended, _ = await outcomes(script)

    assert results(ended) == [UNTRIED, unproven(way), UNTRIED]
    assert "421 4.7.0 too many errors" in ended[CYD].reply


async def test_an_unasked_reply_never_decides_about_the_next_recipient() -> None:
    script = Script(append={"rcpt": b"550 5.1.1 who was that for?\r\n"})

    ended, server = await outcomes(script)

    assert FAILED not in results(ended)
    assert SENT not in results(ended)
    assert server.messages == []


@pytest.mark.parametrize(
    "disorder",
    [
        {"append": {"rcpt": b"250 2.1.5 ok\r\n"}},
        {"replies": {"rset": "354 go ahead", "ehlo": ("", "354 go ahead")}},
    ],
)
async def test_a_refusal_that_may_have_been_meant_for_another_is_not_final(
    way: str, disorder: dict[str, object]
) -> None:
    script = Script(recipients={ANN: "550 5.1.1 unknown user"}, **disorder)  # type: ignore[arg-type]

    ended, _ = await outcomes(script, ANN)

    if way == "lock_step":  # else it is asked again at once, in lock step
        assert results(ended) == [DEFERRED]
        assert ended[ANN].reply.startswith("550 5.1.1 unknown user (but 127.0.0.1:")
    else:
        assert results(ended) == [UNTRIED]


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("mail", "530 5.7.0 authentication required"),
        ("rcpt", "535 5.7.8 log in first"),
        ("data", "550 5.4.5 Daily user sending limit exceeded"),
        ("end", "454 4.7.0 temporary authentication failure"),
        ("mail", "421 4.3.2 shutting down"),
        ("mail", "452 4.3.1 insufficient storage"),
    ],
)
async def test_trouble_of_the_account_blames_no_recipient(step: str, reply: str) -> None:
    with pytest.raises(AccountTrouble) as caught:
        await outcomes(says(step, reply))

    assert reply in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.outcomes == {}
    assert not isinstance(caught.value, SenderRefused)


async def test_trouble_of_the_account_keeps_what_was_already_decided() -> None:
    script = Script(
        recipients={BOB: "550 5.1.1 unknown"}, replies={"end": "550 5.4.5 Daily limit exceeded"}
    )

    with pytest.raises(AccountTrouble) as caught:
        await outcomes(script, "not an address", ANN, BOB)

    assert {who: outcome.result for who, outcome in caught.value.outcomes.items()} == {
        "not an address": FAILED,
        BOB: FAILED,
    }


async def test_a_sender_refused_at_mail_blames_no_recipient() -> None:
    with pytest.raises(SenderRefused, match=r"list@example\.org.*553 5\.7\.1 not yours"):
        await outcomes(says("mail", "553 5.7.1 not yours"))


async def test_a_sender_refused_at_every_recipient_blames_none() -> None:
    with pytest.raises(SenderRefused, match="not owned by user") as caught:
        await outcomes(says("rcpt", "553 5.7.1 <l@x>: Sender address rejected: not owned by user"))

    assert caught.value.outcomes == {}


async def test_a_sender_refused_by_one_recipient_only_is_that_recipients_failure() -> None:
    ended, _ = await outcomes(refuses({BOB: "550 5.7.1 sender rejected by bob's own list"}))

    assert results(ended) == [SENT, FAILED, SENT]


async def test_where_only_some_refusals_speak_of_the_sender_each_recipient_has_its_own() -> None:
    ended, _ = await outcomes(
        refuses({ANN: "550 5.7.1 sender rejected by ann's own list", BOB: "550 5.1.1 unknown"}),
        ANN,
        BOB,
    )

    assert results(ended) == [FAILED, FAILED]


async def test_a_sender_refused_at_the_end_blames_no_recipient() -> None:
    with pytest.raises(SenderRefused):
        await outcomes(says("end", "554 5.2.252 SendAsDenied; list not allowed to send as ann"))


async def test_421_on_a_connection_in_use_before_leaves_all_untried() -> None:
    async with SmtpServer(says("mail", "", "421 4.4.2 too many messages")) as server:
        courier = account(server)
        async with courier.connection() as connection:
            first = await connection.deliver(envelope(ANN), MESSAGE)
            second = await connection.deliver(envelope(BOB, CYD), MESSAGE)
        async with courier.connection() as connection:
            third = await connection.deliver(envelope(BOB, CYD), MESSAGE)
        await courier.close()

    assert results(first) == [SENT]
    assert results(second) == [UNTRIED, UNTRIED]
    assert results(third) == [SENT, SENT]
    assert server.connections == 2


async def test_nothing_more_is_sent_on_a_connection_that_went_wrong() -> None:
    async with SmtpServer(hangs_at("rcpt")) as server:
        courier = account(server, seconds=0.5)
        async with courier.connection() as connection:
            await connection.deliver(envelope(ANN), MESSAGE)
            second = await connection.deliver(envelope(BOB), MESSAGE)
        await courier.close()

    assert second[BOB].result is UNTRIED
    assert "no longer connected" in second[BOB].reply
    assert len(server.commands("MAIL")) == 1


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "body", "end"])
async def test_a_cancelled_delivery_closes_the_connection(step: str) -> None:
    message = LARGE if step == "body" else MESSAGE
    async with SmtpServer(Script(hang_at=step, misbehaving=1)) as server:
        courier = account(server)

        async def send() -> dict[str, Outcome]:
            async with courier.connection() as connection:
                return await connection.deliver(envelope(ANN), message)

        task = asyncio.ensure_future(send())
        await server.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended = await send()
        await courier.close()

    assert results(ended) == [SENT]
    assert server.connections == 2


@pytest.mark.parametrize("refused", [{ANN: "550 5.1.1 unknown"}, {BOB: "550 5.1.1 unknown"}])
@pytest.mark.parametrize("others", [(), (BOB,)])
@pytest.mark.parametrize("twice", ["ehlo", "mail"])
async def test_where_a_reply_comes_again_too_late_nobody_is_blamed_for_another(
    twice: str, others: tuple[str, ...], refused: dict[str, str]
) -> None:
    script = Script(recipients=refused, late={twice: b"250 ok\r\n"})

    async with SmtpServer(script) as server:
        courier = account(server, 0.5)
        async with courier.connection() as connection:
            ended = await connection.deliver(envelope(ANN, *others), MESSAGE)
        await courier.close()

    assert set(results(ended)) <= {UNTRIED, DEFERRED}
    assert server.messages == []
