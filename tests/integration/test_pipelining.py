"""Pipelined and chunked transactions on real servers: everybody once, byte for byte."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from listbridge.submission import Envelope, Outcome, OutgoingSettings, Result, SmtpCourier
from tests.servers.exim import Exim
from tests.servers.postfix import Relay

#: What is switched off, and how many transactions may then be under way at once.
WAYS = [
    pytest.param({"pipelining": "off"}, 1, id="lock_step"),
    pytest.param({"chunking": "off"}, 3, id="pipelined"),
    pytest.param({}, 8, id="chunked"),
]
pytestmark = pytest.mark.parametrize(("switched", "depth"), WAYS)

MESSAGES = 25

Server = Relay | Exim


@pytest.fixture(params=["relay", "exim"])
def server(request: pytest.FixtureRequest) -> Server:
    """A Postfix, and an Exim."""
    found: Server = request.getfixturevalue(request.param)
    return found


def _message(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n.\r\n..dots\r\n" % number + b"line after line\r\n" * number * 50


async def _deliver(
    settings: OutgoingSettings, envelopes: list[Envelope], depth: int
) -> list[dict[str, Outcome]]:
    """Hand over one message after another on one connection, as many at once as it carries."""
    courier = SmtpCourier(settings)
    waiting = list(enumerate(envelopes))
    ended: list[dict[str, Outcome]] = [{} for _ in envelopes]
    async with courier.connection() as connection:
        assert connection.depth == depth

        async def one_after_another() -> None:
            while waiting:
                number, envelope = waiting.pop(0)
                ended[number] = await connection.deliver(envelope, _message(number))

        await asyncio.gather(*(one_after_another() for _ in range(depth)))
        assert connection.open
    await courier.close()
    return ended


def _settings(server: Server, security: str, switched: dict[str, str]) -> OutgoingSettings:
    port = server.tls_port if security == "tls" else server.port
    values = {"host": "localhost", "port": port, "security": security, "ca_file": server.ca_file}
    return OutgoingSettings.model_validate(values | switched)


def _bodies(server: Server, user: str) -> list[bytes]:
    """Return what lies in the Maildir, from the subject on, in the order of the subjects."""
    found = [copy[copy.index(b"Subject: ") :] for copy in server.copies(user)]
    return sorted(found, key=lambda body: int(body.split(b"\n")[0].split()[1]))


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_every_message_arrives_once_and_unchanged(
    server: Server,
    fresh_name: Callable[[str], str],
    security: str,
    switched: dict[str, str],
    depth: int,
) -> None:
    ann, bob, stranger = fresh_name("ann"), fresh_name("bob"), fresh_name("stranger")
    await asyncio.to_thread(server.add_users, [ann, bob])
    everybody = tuple(f"{x}@example.org" for x in (ann, stranger, bob))
    envelopes = [Envelope("list@example.org", everybody)] * MESSAGES

    ended = await _deliver(_settings(server, security, switched), envelopes, depth)

    results = [tuple(x.result for x in one.values()) for one in ended]
    assert set(results) == {(Result.SENT, Result.FAILED, Result.SENT)}
    await asyncio.to_thread(server.wait_until_idle)
    expected = [_message(number).replace(b"\r\n", b"\n") for number in range(MESSAGES)]
    assert _bodies(server, ann) == _bodies(server, bob) == expected


async def test_after_an_envelope_with_nobody_left_no_message_goes_out_under_its_sender(
    server: Server, fresh_name: Callable[[str], str], switched: dict[str, str], depth: int
) -> None:
    ann = fresh_name("ann")
    await asyncio.to_thread(server.add_users, [ann])
    envelopes = []
    for number in range(7):
        envelopes.append(
            Envelope(f"wrong{number}@example.org", (f"{fresh_name('x')}@example.org",))
        )
        envelopes.append(Envelope(f"right{number}@example.org", (f"{ann}@example.org",)))

    ended = await _deliver(_settings(server, "none", switched), envelopes, depth)

    results = [next(iter(one.values())).result for one in ended]
    assert results == [Result.FAILED, Result.SENT] * 7
    await asyncio.to_thread(server.wait_until_idle)
    senders = Counter(copy.split(b"\n")[0].lower() for copy in server.copies(ann))
    assert senders == {b"return-path: <right%d@example.org>" % n: 1 for n in range(7)}


async def test_after_too_many_errors_the_rest_is_untried(
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
    switched: dict[str, str],
    depth: int,
) -> None:
    relay = relay_with("smtpd_hard_error_limit = 5\nsmtpd_soft_error_limit = 3")
    strangers = tuple(f"{fresh_name('x')}@example.org" for _ in range(10))
    depths, told = [], []

    courier = SmtpCourier(_settings(relay, "none", switched))
    for _ in range(2):
        async with courier.connection() as connection:
            depths.append(connection.depth)
            ended = await connection.deliver(Envelope("list@example.org", strangers), _message(1))
        told.append([ended[x].result for x in strangers])
    await courier.close()

    # Nothing proves any more whose the refusals were; the next connection asks one by one.
    if depth > 1:
        assert told.pop(0) == [Result.UNTRIED] * 10
    refused = told[0].count(Result.FAILED)
    assert refused >= 4
    assert told[0] == [Result.FAILED] * refused + [Result.UNTRIED] * (10 - refused)
    assert depths == [depth, 1]
