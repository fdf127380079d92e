"""Which bytes reach the server, and which never leave."""

from datetime import timedelta

import pytest

from listbridge.submission import (
    Envelope,
    Outcome,
    OutgoingSettings,
    Result,
    SenderRefused,
    SmtpCourier,
)
from tests.fakes.smtp_server import Script, SmtpServer

pytestmark = pytest.mark.usefixtures("way")

ANN = "ann@example.org"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
EVERY_EXTENSION = ("SIZE 1000", "8BITMIME", "SMTPUTF8")


async def send(
    script: Script,
    message: bytes = MESSAGE,
    *recipients: str,
    sender: str = "list@example.org",
) -> tuple[dict[str, Outcome], SmtpServer]:
    async with SmtpServer(script) as server:
        settings = OutgoingSettings(
            host="127.0.0.1", port=server.port, security="none", timeout=timedelta(seconds=5)
        )
        courier = SmtpCourier(settings)
        async with courier.connection() as connection:
            ended = await connection.deliver(Envelope(sender, recipients or (ANN,)), message)
        await courier.close()
    return ended, server


@pytest.mark.parametrize(
    "body",
    [
        b"plain\r\n",
        b".\r\n",
        b"..\r\n.a\r\n...\r\n",
        b"a\r\n.\r\nMAIL FROM:<x@y>\r\n",
        b"\r\n\r\n",
        bytes(range(1, 10)) + bytes(range(14, 256)) + b"\r\n",
        b"x" * 998 + b"\r\n",
        b"",
    ],
)
async def test_the_message_arrives_as_it_was(body: bytes) -> None:
    message = b"Subject: hello\r\n\r\n" + body

    _, server = await send(Script(), message)

    assert [got.body for got in server.messages] == [message]


async def test_a_message_that_begins_with_a_dot_arrives_as_it_was() -> None:
    _, server = await send(Script(), b".\r\n")

    assert server.messages[0].body == b".\r\n"
    assert server.messages[0].wire == b"..\r\n.\r\n"


async def test_dots_at_the_edges_of_what_is_written_at_once_are_doubled() -> None:
    for shift in range(-3, 4):
        filler = b"x" * (64 * 1024 + shift - len(b"\r\n\r\n"))
        message = b"\r\n" + filler + b"\r\n.dot\r\n..two\r\n"

        _, server = await send(Script(), message)

        assert server.messages[0].body == message


async def test_a_missing_last_line_end_is_added() -> None:
    _, server = await send(Script(), b"Subject: hello\r\n\r\nno end")

    assert server.messages[0].body == b"Subject: hello\r\n\r\nno end\r\n"


@pytest.mark.parametrize("smuggled", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n\0.\r\n"])
async def test_bare_line_ends_and_nul_never_leave(smuggled: bytes) -> None:
    ended, server = await send(Script(), MESSAGE + b"a" + smuggled + b"MAIL FROM:<x@y>\r\n")

    assert ended[ANN].result is Result.FAILED
    assert ended[ANN].reply.startswith("not sent: the message holds")
    assert server.commands("MAIL") == []


async def test_mail_asks_for_what_is_offered_and_needed() -> None:
    _, plain = await send(Script(extensions=EVERY_EXTENSION))
    _, eight_bit = await send(Script(extensions=EVERY_EXTENSION), MESSAGE + b"\xc3\xbc\r\n")
    _, international = await send(Script(extensions=EVERY_EXTENSION), MESSAGE, "jürgen@example.org")
    _, nothing = await send(Script(extensions=()), MESSAGE + b"\xc3\xbc\r\n")

    size = len(MESSAGE)
    assert plain.messages[0].mail == f"MAIL FROM:<list@example.org> SIZE={size}"
    assert eight_bit.messages[0].mail.endswith(f" SIZE={size + 4} BODY=8BITMIME")
    assert international.messages[0].mail.endswith(" SMTPUTF8")
    assert international.messages[0].recipients == ("jürgen@example.org",)
    assert nothing.messages[0].mail == "MAIL FROM:<list@example.org>"


async def test_the_null_sender_is_sent_as_such() -> None:
    _, server = await send(Script(extensions=()), sender="")

    assert server.messages[0].mail == "MAIL FROM:<>"


async def test_a_message_over_the_announced_size_is_never_begun() -> None:
    ended, server = await send(Script(extensions=("SIZE 1000",)), MESSAGE + b"x" * 1000 + b"\r\n")

    assert ended[ANN].result is Result.FAILED
    assert "1000" in ended[ANN].reply
    assert server.commands("MAIL") == []


@pytest.mark.parametrize("announced", ["SIZE", "SIZE 0", "SIZE plenty", "SIZE -1"])
async def test_a_size_without_a_figure_is_no_limit(announced: str) -> None:
    ended, _ = await send(Script(extensions=(announced,)))

    assert ended[ANN].result is Result.SENT


async def test_an_international_domain_is_sent_in_ascii() -> None:
    ended, server = await send(Script(), MESSAGE, "ann@bücher.test")

    assert ended["ann@bücher.test"].result is Result.SENT
    assert server.messages[0].recipients == ("ann@xn--bcher-kva.test",)


async def test_an_international_local_part_fails_alone_where_smtputf8_is_missing() -> None:
    ended, server = await send(Script(), MESSAGE, "jürgen@example.org", ANN)

    assert ended["jürgen@example.org"].result is Result.FAILED
    assert "SMTPUTF8" in ended["jürgen@example.org"].reply
    assert ended[ANN].result is Result.SENT
    assert len(server.commands("RCPT")) == 1


@pytest.mark.parametrize(
    "address",
    [
        "bob@example.org\r\nDATA",
        "bob@example.org>\nRCPT TO:<eve@example.org",
        "bob@example.org\0",
        "bob@exa\u0085mple.org",
        "bob@exa\u2028mple.org",
        "bob@example.org> NOTIFY=NEVER",
        "Bob <bob@example.org>",
        "bob",
        "",
    ],
)
async def test_an_address_that_could_break_a_command_fails_alone(address: str) -> None:
    ended, server = await send(Script(), MESSAGE, address, ANN)

    assert ended[address].result is Result.FAILED
    assert ended[ANN].result is Result.SENT
    assert server.commands("RCPT") == [f"RCPT TO:<{ANN}>"]
    assert not any("eve" in line or "NOTIFY" in line for line in server.lines)


@pytest.mark.parametrize("sender", ["list", "list@example.org\r\nDATA", "größe@example.org"])
async def test_a_sender_that_cannot_be_written_is_refused_before_anything_is_sent(
    sender: str,
) -> None:
    async with SmtpServer() as server:
        settings = OutgoingSettings(host="127.0.0.1", port=server.port, security="none")
        courier = SmtpCourier(settings)
        async with courier.connection() as connection:
            with pytest.raises(SenderRefused) as caught:
                await connection.deliver(Envelope(sender, (ANN,)), MESSAGE)
        await courier.close()

    assert "\n" not in str(caught.value)
    assert server.commands("MAIL") == []
