"""The connections of one account: how many, how long, and who closes them."""

import asyncio
from datetime import timedelta

import pytest

from listbridge.submission import (
    AccountTrouble,
    Envelope,
    OutgoingSettings,
    Result,
    SmtpCourier,
    pool,
    smtp,
)
from tests.fakes.smtp_server import Script, SmtpServer, in_thread, refuses, refuses_login

pytestmark = pytest.mark.usefixtures("way")

ANN = "ann@example.org"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


class TwoAtOnce(SmtpServer):
    """Greets no more than `most` at the same time, at first two."""

    most = 2

    def next_script(self) -> Script:
        crowded = Script(greeting="421 4.7.0 too many connections from you")
        return crowded if self.open > self.most else super().next_script()


class AllTogether(SmtpServer):
    """Serves one connection, and the later ones once four of them have come."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came = getattr(self, "came", 0) + 1
        while 1 < self.came < 5:
            await asyncio.sleep(0.01)
        await super()._serve(reader, writer)


def account(server: SmtpServer, **more: object) -> SmtpCourier:
    timeout = timedelta(seconds=5)
    values = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": timeout}
    return SmtpCourier(OutgoingSettings.model_validate(values | more))


async def send(courier: SmtpCourier, recipient: str = ANN) -> Result:
    async with courier.connection() as connection:
        ended = await connection.deliver(Envelope("list@example.org", (recipient,)), MESSAGE)
    return ended[recipient].result


async def _borrow_together(courier: SmtpCourier, number: int) -> None:
    together = asyncio.Barrier(number)

    async def borrow() -> None:
        async with courier.connection():
            await together.wait()

    await asyncio.gather(*(borrow() for _ in range(number)))


async def test_a_clean_connection_is_used_again() -> None:
    async with SmtpServer() as server:
        courier = account(server)
        for _ in range(5):
            await send(courier)
        await courier.close()

    assert server.connections == 1
    assert len(server.messages) == 5
    assert server.commands("NOOP") == []


async def test_no_more_connections_than_allowed_are_open_at_once() -> None:
    async with SmtpServer() as server:
        courier = account(server, max_connections=3)
        results = await asyncio.gather(*(send(courier) for _ in range(20)))
        await courier.close()

    assert results == [Result.SENT] * 20
    assert server.most_open <= 3
    assert len(server.messages) == 20


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with SmtpServer() as server:
        courier = account(server)
        await send(courier)
        server.hang_up()
        await asyncio.sleep(0.05)
        result = await send(courier)
        await courier.close()

    assert result is Result.SENT
    assert server.connections == 2


async def test_a_connection_that_said_something_unasked_is_replaced() -> None:
    async with SmtpServer(Script(append={"end": b"250 extra\r\n"}, misbehaving=1)) as server:
        courier = account(server)
        results = [await send(courier) for _ in range(2)]
        await courier.close()

    assert results == [Result.SENT, Result.SENT]
    assert server.connections == 2


async def test_a_connection_that_rested_long_is_asked_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_CHECK_AFTER_SECONDS", 0.0)
    async with SmtpServer() as server:
        courier = account(server)
        await send(courier)
        await send(courier)
        await courier.close()

    assert server.connections == 1
    assert len(server.commands("NOOP")) == 1


@pytest.mark.parametrize("misbehaviour", [{"hang_at": "noop"}, {"hang_up_at": "noop"}])
async def test_a_connection_that_does_not_answer_any_more_is_replaced(
    monkeypatch: pytest.MonkeyPatch, misbehaviour: dict[str, str]
) -> None:
    monkeypatch.setattr(pool, "_CHECK_AFTER_SECONDS", 0.0)
    async with SmtpServer(Script(misbehaving=1, **misbehaviour)) as server:  # type: ignore[arg-type]
        courier = account(server, timeout=timedelta(seconds=0.5))
        await send(courier)
        result = await send(courier)
        await courier.close()

    assert result is Result.SENT
    assert server.connections == 2


async def test_a_worn_connection_is_taken_leave_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "_MOST_TRANSACTIONS", 3)
    async with SmtpServer() as server:
        courier = account(server)
        for _ in range(7):
            await send(courier)
        await courier.close()

    assert server.connections == 3
    assert len(server.commands("QUIT")) == 3


async def test_a_connection_with_many_refusals_is_taken_leave_of() -> None:
    async with SmtpServer(refuses({ANN: "550 5.1.1 unknown"})) as server:
        courier = account(server)
        for _ in range(9):
            await send(courier)
        await courier.close()

    assert server.connections == 2


async def test_a_wrong_password_is_not_tried_by_every_worker_at_once() -> None:
    async with SmtpServer(refuses_login()) as server:
        courier = account(server, username="user", password="wrong", max_connections=4)
        ended = await asyncio.gather(*(send(courier) for _ in range(4)), return_exceptions=True)
        once = len(server.commands("AUTH"))
        with pytest.raises(AccountTrouble):
            await send(courier)
        await courier.close()

    assert all(isinstance(error, AccountTrouble) for error in ended)
    assert once == 1
    assert len(server.commands("AUTH")) == 2


async def test_once_a_login_has_worked_the_others_are_opened_at_the_same_time() -> None:
    async with AllTogether() as server:
        courier = account(server, max_connections=5)
        await asyncio.wait_for(_borrow_together(courier, 5), 5)
        await courier.close()

    assert server.connections == 5


async def test_where_the_server_wants_fewer_connections_the_others_carry_everything() -> None:
    async with TwoAtOnce() as server:
        courier = account(server, max_connections=6)
        results = await asyncio.gather(*(send(courier, f"s{n}@example.org") for n in range(30)))
        await courier.close()

    assert results == [Result.SENT] * 30


async def test_connections_that_the_server_refused_are_asked_for_again_later() -> None:
    async with TwoAtOnce() as server:
        courier = account(server, max_connections=4)
        await asyncio.gather(*(send(courier) for _ in range(9)))
        server.most = 4
        await asyncio.wait_for(_borrow_together(courier, 4), 5)
        await courier.close()

    assert server.most_open >= 4


async def test_an_account_recovers_when_its_server_does() -> None:
    async with SmtpServer(Script(greeting="421 4.3.2 starting up", misbehaving=1)) as server:
        courier = account(server)
        with pytest.raises(AccountTrouble):
            await send(courier)
        result = await send(courier)
        await courier.close()

    assert result is Result.SENT


async def test_a_place_is_free_again_after_trouble() -> None:
    async with SmtpServer(Script(replies={"mail": "530 5.7.0 log in"})) as server:
        courier = account(server, max_connections=1)
        for _ in range(3):
            with pytest.raises(AccountTrouble):
                await asyncio.wait_for(send(courier), 5)
        await courier.close()

    assert server.connections == 3


async def test_closing_says_quit_and_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_FAREWELL_SECONDS", 0.1)
    async with SmtpServer(Script(hang_at="quit")) as server:
        courier = account(server)
        await send(courier)
        await asyncio.wait_for(courier.close(), 2)
        await asyncio.sleep(0)

    assert len(server.commands("QUIT")) == 1


async def test_a_connection_on_loan_is_closed_when_it_comes_back() -> None:
    async with SmtpServer() as server:
        courier = account(server)
        async with courier.connection() as connection:
            await courier.close()
            ended = await connection.deliver(Envelope("list@example.org", (ANN,)), MESSAGE)

    assert ended[ANN].result is Result.SENT
    assert server.lines[-1] == "QUIT"


async def test_an_error_of_the_borrower_gives_the_connection_back() -> None:
    async with SmtpServer() as server:
        courier = account(server, max_connections=1)
        with pytest.raises(RuntimeError):
            async with courier.connection():
                raise RuntimeError
        result = await asyncio.wait_for(send(courier), 5)
        await courier.close()

    assert result is Result.SENT
    assert server.connections == 1


def test_the_server_can_stand_in_a_thread_beside_synchronous_code() -> None:
    async def once(server: SmtpServer) -> Result:
        courier = account(server)
        result = await send(courier)
        await courier.close()
        return result

    with in_thread(SmtpServer()) as server:
        result = asyncio.run(once(server))

    assert result is Result.SENT
    assert server.messages[0].body == MESSAGE
