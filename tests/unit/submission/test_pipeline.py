"""What may be written behind a message, and when; the network is a recording."""

import asyncio

from listbridge.submission.courier import Result
from listbridge.submission.pipeline import Pipelined
from listbridge.submission.turns import Turns
from listbridge.submission.wire import Wire
from tests.unit.submission.test_wire import wire

LARGE = b"All work and no play.\r\n" * 10_000


async def _two(line: Wire) -> tuple[list[Pipelined], list[asyncio.Task[None]]]:
    """Begin two transactions at once, the first of which has been asked for its message."""
    turns = Turns(line, "EHLO me")
    runs = [
        Pipelined(
            line, "h", False, sender, f"MAIL FROM:<{sender}>", {"ann": "a@b"}, LARGE, turns=turns
        )
        for sender in ("first", "second")
    ]
    tasks = [asyncio.ensure_future(run.run()) for run in runs]
    await asyncio.sleep(0)
    line.pause_writing()
    line.data_received(b"250 ok\r\n250 ok\r\n354 go\r\n")
    return runs, tasks


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_next_envelope_waits_for_the_end_of_the_message() -> None:
    line, transport = wire(limit=5)
    _, tasks = await _two(line)
    await _settled()
    before = b"second" in transport.written

    line.resume_writing()
    await _settled()

    assert not before
    assert transport.written.endswith(b"\r\n.\r\nMAIL FROM:<second>\r\nRCPT TO:<a@b>\r\nDATA\r\n")
    line.drop()
    await asyncio.gather(*tasks)


async def test_nothing_follows_a_message_that_the_server_interrupts() -> None:
    line, transport = wire(limit=5)
    runs, tasks = await _two(line)
    await _settled()

    line.data_received(b"552-the server has begun to say something\r\n")
    await _settled()
    line.resume_writing()
    await _settled()
    followed = b"second" in transport.written
    line.data_received(b"552 too big\r\n")
    await tasks[0]

    assert not followed
    assert runs[0].outcomes["ann"].result is Result.FAILED
    line.drop()
    await tasks[1]
