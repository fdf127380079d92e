"""Proxies that break a connection at a chosen step, in a chosen way.

    with network() as net:
        proxy = net.before(imap_port)
        proxy.strike = Strike("server", 3, Fault.SILENCE)

A step is the n-th unit that one side sends on a connection: a line, or a TLS record. Every
connection is struck until the proxy is healed.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeVar

from tests.servers.process import HOST

T = TypeVar("T")
Side = Literal["client", "server"]

# Longer than any wait of the clients under test, so that they have left when it goes on.
STALL_SECONDS = 3.5
DRIP_SECONDS = 0.3
_GARBAGE = b"%$ \xc3\x28 garbage \x01\r\n"
_TLS_RECORDS = range(0x14, 0x18)
_LONGEST_LINE = 2**20


class Fault(Enum):
    """What happens at the step."""

    RESET = "reset"  #: RST to the client
    CLOSE = "close"  #: FIN to both
    SILENCE = "silence"  #: from then on nothing is passed on, and nobody is told
    STALL = "stall"  #: nothing moves for a while; then everything goes on, whoever has left
    DRIP = "drip"  #: from then on this side's octets come one by one
    TORN = "torn"  #: half of the unit, then FIN
    GARBAGE = "garbage"  #: something else comes before the unit
    DOUBLED = "doubled"  #: what the server sends comes twice
    FLIPPED = "flipped"  #: one bit of it is wrong


@dataclass(frozen=True)
class Strike:
    """A fault at the n-th unit of one side, counted from 1."""

    side: Side
    number: int
    fault: Fault


@dataclass
class _Talk:
    """One connection through a proxy."""

    sides: dict[Side, asyncio.StreamWriter]
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    silent: bool = False
    dripping: set[Side] = field(default_factory=set)
    struck_at: float | None = None


class FaultProxy:
    """Stands before a server on loopback."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._talks: list[_Talk] = []
        self.port = 0
        self.strike: Strike | None = None
        #: What went over the first connection, unit by unit, with who sent it.
        self.units: list[tuple[Side, bytes]] = []
        #: What servers have said on all connections.
        self.heard = bytearray()
        self.struck = 0
        self.first_contact: float | None = None
        #: How long after each strike the client had closed the connection, in seconds.
        self.left_after: list[float] = []

    def heal(self) -> None:
        """Pass everything on from now on, and end what has been silenced."""
        self.strike = None
        for talk in self._talks:
            _abort(talk)

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._talks)

    def says(self, words: bytes) -> bool:
        """Say whether a server has said these words on any connection."""
        return words in self.heard

    def silence(self) -> None:
        """Pass nothing on any more on the connections that are open now."""
        for talk in self._talks:
            talk.silent = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        self.first_contact = self.first_contact or time.monotonic()
        try:
            behind = await asyncio.open_connection(HOST, self._target, limit=_LONGEST_LINE)
        except OSError:
            writer.transport.abort()
            return
        talk = _Talk({"client": writer, "server": behind[1]})
        self._talks.append(talk)
        pumps = [self._pump(talk, "client", reader), self._pump(talk, "server", behind[0])]
        # asyncio would log that the network was closed under it.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*pumps)
        if not talk.silent:
            _abort(talk)

    async def _pump(self, talk: _Talk, side: Side, reader: asyncio.StreamReader) -> None:
        number = 0
        is_first = talk is self._talks[0]
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while unit := await _unit(reader):
                number += 1
                if side == "server":
                    self.heard += unit
                if is_first:
                    self.units.append((side, unit))
                await self._pass_on(talk, side, number, unit)
        if side == "client" and talk.struck_at is not None:
            self.left_after.append(time.monotonic() - talk.struck_at)
        if not talk.silent:
            talk.sides[_other(side)].close()

    async def _pass_on(self, talk: _Talk, side: Side, number: int, unit: bytes) -> None:
        async with talk.gate:
            if talk.silent:
                return
            strike = self.strike
            if strike is not None and (strike.side, strike.number) == (side, number):
                self.struck += 1
                talk.struck_at = time.monotonic()
                unit = await self._strike(talk, strike, unit)
            sink = talk.sides[_other(side)]
            if side not in talk.dripping:
                sink.write(unit)
                await sink.drain()
                return
        for octet in unit:
            sink.write(bytes([octet]))
            await sink.drain()
            await asyncio.sleep(DRIP_SECONDS)

    async def _strike(self, talk: _Talk, strike: Strike, unit: bytes) -> bytes:
        """Do what the fault says; return what is passed on of the unit."""
        fault = strike.fault
        if fault is Fault.RESET:
            linger = struct.pack("ii", 1, 0)
            sock = talk.sides["client"].get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            _abort(talk)
        elif fault is Fault.SILENCE:
            talk.silent = True
        elif fault is Fault.STALL:
            await asyncio.sleep(STALL_SECONDS)
        elif fault is Fault.DRIP:
            talk.dripping.add(strike.side)
        elif fault is Fault.TORN:
            talk.sides[_other(strike.side)].write(unit[: len(unit) // 2])
        if fault in (Fault.TORN, Fault.CLOSE):
            for writer in talk.sides.values():
                writer.close()
        return _changed(fault, unit)


class Network:
    """An event loop in a thread, for any number of proxies."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._proxies: list[FaultProxy] = []

    def before(self, target: int, strike: Strike | None = None) -> FaultProxy:
        """Put a proxy before a port of the loopback."""
        proxy = FaultProxy(target)
        proxy.strike = strike
        self._do(self._start(proxy))
        return proxy

    def heal(self) -> None:
        """Heal every proxy."""
        self._do(self._heal())

    def heal_one(self, proxy: FaultProxy) -> None:
        """Heal this proxy."""
        self._do(self._heal(proxy))

    def silence(self, proxy: FaultProxy) -> None:
        """Let the connections that are open now die without a word to anybody."""
        self._do(self._silence(proxy))

    def close(self) -> None:
        """Close everything."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self, proxy: FaultProxy) -> None:
        server = await asyncio.start_server(proxy.serve, HOST, 0, limit=_LONGEST_LINE, backlog=256)
        proxy.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        self._proxies.append(proxy)

    async def _heal(self, *only: FaultProxy) -> None:
        for proxy in only or self._proxies:
            proxy.heal()

    async def _silence(self, proxy: FaultProxy) -> None:
        proxy.silence()

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        await self._heal()
        mine = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not mine]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def network() -> Iterator[Network]:
    """Have proxies until the block ends."""
    net = Network()
    try:
        yield net
    finally:
        net.close()


async def _unit(reader: asyncio.StreamReader) -> bytes:
    """Return the next TLS record or line, empty at the end."""
    first = await reader.read(1)
    if not first or first == b"\n":
        return first
    if first[0] in _TLS_RECORDS:
        head = first + await reader.readexactly(4)
        return head + await reader.readexactly(int.from_bytes(head[3:], "big"))
    return first + await reader.readline()


def _changed(fault: Fault, unit: bytes) -> bytes:
    if fault in (Fault.RESET, Fault.CLOSE, Fault.SILENCE, Fault.TORN):
        return b""
    if fault is Fault.GARBAGE:
        return _GARBAGE + unit
    if fault is Fault.DOUBLED:
        return unit + unit
    if fault is Fault.FLIPPED:
        middle = len(unit) // 2
        return unit[:middle] + bytes([unit[middle] ^ 1]) + unit[middle + 1 :]
    return unit


def _other(side: Side) -> Side:
    return "server" if side == "client" else "client"


def _abort(talk: _Talk) -> None:
    for writer in talk.sides.values():
        writer.transport.abort()
