"""Servers that announce PIPELINING (RFC 2920), and what becomes of the mail when they misbehave."""

import asyncio
from datetime import timedelta

import pytest

from listbridge.submission import (
    Connection,
    Envelope,
    Outcome,
    OutgoingSettings,
    Result,
    SmtpCourier,
)
from tests.fakes.smtp_server import Script, SmtpServer, refuses, says

ANN, BOB, CYD = "ann@example.org", "bob@example.org", "cyd@example.org"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
SENT, DEFERRED, FAILED = Result.SENT, Result.DEFERRED, Result.FAILED
UNCERTAIN, UNTRIED = Result.UNCERTAIN, Result.UNTRIED


@pytest.fixture(autouse=True)
def announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpServer, "also_offers", ("PIPELINING",))


def account(server: SmtpServer, seconds: float = 5, **more: object) -> SmtpCourier:
    timeout = timedelta(seconds=seconds)
    values = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": timeout}
    return SmtpCourier(OutgoingSettings.model_validate(values | more))


async def give(
    connection: Connection, *recipients: str, sender: str = "list"
) -> dict[str, Outcome]:
    return await connection.deliver(Envelope(f"{sender}@example.org", recipients), MESSAGE)


def results(ended: dict[str, Outcome]) -> list[Result]:
    return [outcome.result for outcome in ended.values()]


async def two_at_once(script: Script, seconds: float = 5) -> tuple[list[list[Result]], SmtpServer]:
    """Hand over a message to ann, bob and cyd, and one to dan while that is on its way."""
    async with SmtpServer(script) as server:
        courier = account(server, seconds)
        async with courier.connection() as connection:
            ended = await asyncio.gather(
                give(connection, ANN, BOB, CYD, sender="first"),
                give(connection, "dan@example.org", sender="second"),
            )
        await courier.close()
    return [results(one) for one in ended], server


async def test_the_next_envelope_is_written_behind_the_message() -> None:
    """The server holds back its answer to the first message until it has the second envelope."""
    script = Script(held_until={"end": "MAIL FROM:<second@example.org>"})

    ended, server = await two_at_once(script)

    assert ended == [[SENT] * 3, [SENT]]
    assert [got.sender for got in server.messages] == ["first@example.org", "second@example.org"]
    assert [got.recipients for got in server.messages] == [(ANN, BOB, CYD), ("dan@example.org",)]


async def test_without_the_announcement_each_command_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpServer, "also_offers", ())
    async with SmtpServer() as server:
        courier = account(server)
        async with courier.connection() as connection:
            assert connection.depth == 1
        await courier.close()


async def test_it_can_be_switched_off() -> None:
    async with SmtpServer() as server:
        courier = account(server, pipelining="off")
        async with courier.connection() as connection:
            assert connection.depth == 1
        await courier.close()


async def test_a_lone_dot_answers_354_where_nobody_was_accepted() -> None:
    script = Script(
        recipients=dict.fromkeys((ANN, BOB, CYD), "550 5.1.1 unknown"),
        replies={"data": ("354 go ahead", ""), "end": ("554 5.5.1 nobody to send to", "")},
    )

    ended, server = await two_at_once(script)

    assert ended == [[FAILED] * 3, [SENT]]
    assert [(got.recipients, got.body) for got in server.messages] == [
        ((), b""),
        (("dan@example.org",), MESSAGE),
    ]


@pytest.mark.parametrize(
    ("misbehaviour", "expected"),
    [
        ({"recipients": dict.fromkeys((ANN, BOB, CYD), "550 5.1.1 unknown")}, [FAILED] * 3),
        ({"replies": {"data": ("451 4.3.0 later", "")}}, [DEFERRED] * 3),
        ({"replies": {"mail": ("552 5.3.4 too big", "")}}, [FAILED] * 3),
    ],
)
async def test_an_envelope_without_a_message_is_closed_before_the_next(
    misbehaviour: dict[str, dict[str, str]], expected: list[Result]
) -> None:
    ended, server = await two_at_once(Script(**misbehaviour))  # type: ignore[arg-type]

    assert ended == [expected, [SENT]]
    assert [got.sender for got in server.messages] == ["second@example.org"]
    assert server.connections == 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("step", "first"),
    [
        ("mail", [UNTRIED] * 3),
        ("rcpt", [DEFERRED, UNTRIED, UNTRIED]),
        ("data", [UNTRIED] * 3),
        ("end", [UNCERTAIN] * 3),
    ],
)
async def test_when_the_server_closes_what_stands_behind_is_untried(
    step: str, first: list[Result], reset: bool
) -> None:
    ended, server = await two_at_once(Script(hang_up_at=step, reset=reset))

    assert ended == [first, [UNTRIED]]
    assert len(server.messages) == (step == "end")


async def test_replies_in_pieces_find_their_recipients() -> None:
    ended, server = await two_at_once(
        Script(recipients={ANN: "550-5.1.1 no\r\n550 5.1.1 such user"}, dribbles=True)
    )

    assert ended == [[FAILED, SENT, SENT], [SENT]]
    assert [got.recipients for got in server.messages] == [(BOB, CYD), ("dan@example.org",)]


async def test_421_in_the_middle_leaves_the_rest_untried() -> None:
    ended, server = await two_at_once(refuses({ANN: "550 5.1.1 unknown", CYD: "421 4.3.2 bye"}))

    assert ended == [[UNTRIED, UNTRIED, DEFERRED], [UNTRIED]]
    assert server.messages == []


async def test_421_right_behind_a_refusal_blames_nobody() -> None:
    ended, _ = await two_at_once(refuses({ANN: "550 5.1.1 unknown", BOB: "421 4.7.0 errors"}))

    assert ended == [[UNTRIED] * 3, [UNTRIED]]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("extra", [b"250 2.1.5 ok\r\n", b"550 5.1.1 unknown\r\n", b"354 go\r\n"])
async def test_a_reply_too_many_condemns_nobody_and_sends_nothing(step: str, extra: bytes) -> None:
    script = Script(
        recipients={BOB: "550 5.1.1 unknown"}, append={step: extra}, extensions=("8BITMIME",)
    )

    ended, server = await two_at_once(script)

    assert not {SENT, FAILED} & {result for one in ended for result in one}
    assert all(got.recipients == () for got in server.messages)


@pytest.mark.parametrize("step", ["mail", "rcpt"])
async def test_a_reply_too_few_condemns_nobody_and_sends_nothing(step: str) -> None:
    script = Script(recipients={BOB: "550 5.1.1 unknown"}, silent_once_at=step)

    ended, server = await two_at_once(script, seconds=0.3)

    assert not {SENT, FAILED} & {result for one in ended for result in one}
    assert server.messages == []


async def test_refusals_count_only_when_the_replies_came_out_even() -> None:
    script = Script(
        recipients=dict.fromkeys((ANN, BOB, CYD), "550 5.1.1 unknown"),
        replies={"ehlo": ("", "354 as if it were the answer to DATA")},
    )

    ended, _ = await two_at_once(script)

    assert ended == [[UNTRIED] * 3, [UNTRIED]]


async def test_after_losing_step_the_account_is_served_one_command_at_a_time() -> None:
    async with SmtpServer(Script(append={"rcpt": b"250 2.1.5 ok\r\n"}, misbehaving=1)) as server:
        courier = account(server)
        ended, depths = [], []
        for _ in range(2):
            async with courier.connection() as connection:
                depths.append(connection.depth)
                ended.append(results(await give(connection, ANN)))
        await courier.close()

    assert depths == [3, 1]
    assert ended == [[UNTRIED], [SENT]]


async def test_a_refusal_in_the_middle_of_a_message_keeps_the_next_envelope_out_of_it() -> None:
    large = b"Subject: large\r\n\r\n" + b"All work and no play.\r\n" * 400_000
    async with SmtpServer(says("body", "552 5.3.4 too big")) as server:
        courier = account(server)
        async with courier.connection() as connection:
            first, second = await asyncio.gather(
                connection.deliver(Envelope("list@example.org", (ANN,)), large),
                give(connection, BOB),
            )
        await courier.close()

    assert (results(first), results(second)) == ([FAILED], [UNTRIED])
    assert server.commands("MAIL") == ["MAIL FROM:<list@example.org> SIZE=9200018"]


async def test_when_one_is_cancelled_the_other_is_never_told_its_replies() -> None:
    async with SmtpServer(Script(hang_at="end")) as server:
        courier = account(server)
        async with courier.connection() as connection:
            first = asyncio.ensure_future(give(connection, ANN))
            second = asyncio.ensure_future(give(connection, BOB))
            await server.reached.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            ended = await second
        await courier.close()

    assert results(ended) == [UNTRIED]
