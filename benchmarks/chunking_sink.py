"""A server that takes everything, also by BDAT, which smtp-sink does not."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import process

_GREETING = b"220 sink ESMTP\r\n"
_EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n"


@contextmanager
def running() -> Iterator[int]:
    """Run it; yield its port."""
    [port] = process.free_ports(1)
    child = multiprocessing.get_context("spawn").Process(target=_run, args=(port,), daemon=True)
    child.start()
    try:
        process.wait_until(lambda: not process.is_free(port), "the sink listens", 10)
        yield port
    finally:
        child.terminate()
        child.join()


def _run(port: int) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Session, "127.0.0.1", port, backlog=1000)
        await server.serve_forever()

    asyncio.run(serve())


class _Session(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._unread = bytearray()
        self._to_skip = 0
        transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        answers = bytearray()
        while True:
            skipped = min(self._to_skip, len(self._unread))
            del self._unread[:skipped]
            self._to_skip -= skipped
            end = self._unread.find(b"\n")
            if self._to_skip or end < 0:
                break
            line = bytes(self._unread[: end + 1])
            del self._unread[: end + 1]
            answers += self._answer(line)
        self._transport.write(bytes(answers))

    def _answer(self, line: bytes) -> bytes:
        if line.startswith(b"EHLO"):
            return _EHLO
        if line.startswith(b"BDAT"):
            self._to_skip = int(line.split()[1])
        return b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n"
