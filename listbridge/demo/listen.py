"""Serve connections on a free port of this machine, and end them all when the block ends."""

import asyncio
from asyncio import StreamReader, StreamWriter, Task
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

HOST = "127.0.0.1"


@asynccontextmanager
async def listening(
    serve: Callable[[StreamReader, StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Give each connection to `serve`, which need not close it; yields the port."""
    open_ones: dict[Task[object], StreamWriter] = {}

    async def attend(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            # A client may go away whenever it likes.
            with suppress(ConnectionError, EOFError):
                await serve(reader, writer)
        finally:
            writer.close()

    # Not a coroutine: asyncio up to 3.11.7 and 3.12.1 logs an error of its own when the task that
    # it makes of one is cancelled.
    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(attend(reader, writer))
        open_ones[task] = writer
        task.add_done_callback(lambda done: open_ones.pop(done))

    server = await asyncio.start_server(connected, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        ending = dict(open_ones)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for writer in ending.values():
            writer.transport.abort()  # a client that reads no more must not keep us
        await server.wait_closed()
