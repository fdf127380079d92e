"""Replies out of bytes, and writing no faster than is read; the network is a recording."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.errors import UnsafeText
from listbridge.submission.replies import Reply
from listbridge.submission.wire import Wire, WireError


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; nothing ever answers."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


def wire(limit: float = 0.01) -> tuple[Wire, RecordingTransport]:
    transport = RecordingTransport()
    return Wire(transport, limit), transport


TWO_REPLIES = b"250-first\r\n250 second\r\n550 5.1.1 no\r\n"


@given(st.lists(st.integers(0, len(TWO_REPLIES)), max_size=6))
async def test_replies_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    line, _ = wire()
    edges = [0, *sorted(cuts), len(TWO_REPLIES)]

    for start, end in itertools.pairwise(edges):
        line.data_received(TWO_REPLIES[start:end])

    assert await line.reply() == Reply(250, "first second")
    assert await line.reply() == Reply(550, "5.1.1 no")
    assert line.usable


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (b"250\r\n", Reply(250, "")),
        (b"250 \r\n", Reply(250, "")),
        (b"250 ok\n", Reply(250, "ok")),
        (b"250-2.1.0 a\r\n250-2.1.0 b\r\n250 2.1.0 c\r\n", Reply(250, "2.1.0 a b c")),
        (b"250-a\r\n250\r\n", Reply(250, "a ")),
        (b"550 caf\xe9\r\n", Reply(550, "caf\ufffd")),
    ],
)
async def test_odd_but_legal_replies_are_understood(octets: bytes, reply: Reply) -> None:
    line, _ = wire()

    line.data_received(octets)

    assert await line.reply() == reply


@pytest.mark.parametrize(
    "octets",
    [b"hello\r\n", b"25 ok\r\n", b"999 what\r\n", b"250_ok\r\n", b"\r\n", b"220 a\r\n" * 100],
)
async def test_what_is_no_reply_ends_the_conversation(octets: bytes) -> None:
    line, transport = wire()

    line.data_received(octets)

    assert transport.aborted
    assert not line.usable


@pytest.mark.parametrize("chunk", [b"x" * 1000, b"250-more\r\n" * 100, b"250-\r\n" * 100])
async def test_a_reply_without_an_end_is_cut_off(chunk: bytes) -> None:
    line, transport = wire()

    for _ in range(200):
        line.data_received(chunk)

    assert transport.aborted
    with pytest.raises(WireError):
        await line.reply()


async def test_a_reply_that_came_before_the_end_is_still_read() -> None:
    line, _ = wire()

    line.data_received(b"421 4.3.2 bye\r\n")
    line.connection_lost(ConnectionResetError())

    assert await line.reply() == Reply(421, "4.3.2 bye")
    with pytest.raises(WireError, match="ConnectionResetError"):
        await line.reply()


async def test_silence_ends_the_wait() -> None:
    line, _ = wire()

    with pytest.raises(WireError, match=r"0\.01 s"):
        await line.command("NOOP")


async def test_no_command_is_sent_while_something_unasked_is_waiting() -> None:
    line, transport = wire()
    line.data_received(b"250 extra\r\n")

    with pytest.raises(WireError, match=r'said "250 extra" unasked'):
        await line.command("RCPT TO:<ann@example.org>")

    assert transport.written == b""


@pytest.mark.parametrize("line", ["NOOP\r\nDATA", "NOOP\n", "NO\0OP", "NOOP\u0085", "NOOP\u2028"])
async def test_a_command_with_a_line_break_is_never_written(line: str) -> None:
    conversation, transport = wire()

    with pytest.raises(UnsafeText):
        await conversation.command(line)

    assert transport.written == b""


async def test_writing_waits_for_the_reader() -> None:
    line, _ = wire()
    line.pause_writing()

    with pytest.raises(WireError):
        await line.room()
    line.resume_writing()

    await line.room()
    assert line.usable


async def test_a_reply_ends_the_wait_for_the_reader() -> None:
    line, _ = wire()
    line.pause_writing()
    line.data_received(b"552 too big\r\n")

    await line.room()

    assert line.spoken
