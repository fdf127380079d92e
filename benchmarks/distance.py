"""A relay that makes loopback as slow as a server far away, in a process of its own."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import process


@contextmanager
def relay(target: int, round_trip: float) -> Iterator[int]:
    """Pass on to `target` with `round_trip` seconds of delay, half on each way; yield the port."""
    [port] = process.free_ports(1)
    child = multiprocessing.get_context("spawn").Process(
        target=_run, args=(port, target, round_trip / 2), daemon=True
    )
    child.start()
    try:
        process.wait_until(lambda: not process.is_free(port), "the relay listens", 10)
        yield port
    finally:
        child.terminate()
        child.join()


def _run(port: int, target: int, delay: float) -> None:
    asyncio.run(_serve(port, target, delay))


async def _serve(port: int, target: int, delay: float) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(
            _pump(reader, far_writer, delay),
            _pump(far_reader, writer, delay),
            return_exceptions=True,
        )

    server = await asyncio.start_server(accept, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on each piece `delay` seconds after it came."""
    loop = asyncio.get_running_loop()
    while octets := await reader.read(65536):
        loop.call_later(delay, writer.write, octets)
    await asyncio.sleep(delay * 2)
    writer.close()
