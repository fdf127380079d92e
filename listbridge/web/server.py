"""The web part of `serve`: listens until it is told to stop."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from listbridge.config import Web
from listbridge.errors import ListbridgeError

# Enough for probes and scrapers. Whoever comes beyond that is turned away, and whoever is slow is
# left, so that no client can use up what polling and sending need: sockets, and time.
_MOST_CONNECTIONS = 50
_LONGEST_CONNECTION_SECONDS = 30
_DRAINING_SECONDS = 5


class CannotListen(ListbridgeError):
    """The address and port of the web part cannot be had."""


def listen(web: Web) -> list[socket.socket]:
    """Open the sockets to listen at; raise `CannotListen` if that is not possible."""
    host, port = web.place
    opened: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            opened.append(socket.create_server(address, family=family))
    except OSError as err:
        for one in opened:
            one.close()
        # What Python's own text adds to the system's is the address once more.
        why = err.strerror if isinstance(err, socket.gaierror) else os.strerror(err.errno or 0)
        raise CannotListen(
            f"the web part cannot listen at {web.listen}: {why}; if another program has the port, "
            "end that one or choose another port: `listen` in [web]"
        ) from None
    return opened


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


async def serve_web(app: FastAPI, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    """Answer at these sockets until `stop` is set, then finish what is in hand and close them."""
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,  # how things are logged is the service's business
        log_level="error",  # whoever sends what is no HTTP does not fill the log
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("Connection", "close"), ("Cache-Control", "no-store")],
        timeout_graceful_shutdown=_DRAINING_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        stopping.cancel()


class _Server(uvicorn.Server):
    """A server that leaves signals to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _Connection(H11Protocol):
    """One connection, for one request, within a limited time; by itself uvicorn waits for ever."""

    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Turn it away if there are too many, else let its time begin."""
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
        else:
            self._ending = self.loop.call_later(_LONGEST_CONNECTION_SECONDS, transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Turn away who sends what is no HTTP; if its head was, that is being answered by now."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # or what it says yet is taken for a defect of ours
        if self.cycle is not None and self.cycle.response_started:
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget about its time."""
        super().connection_lost(exc)
        if self._ending is not None:
            self._ending.cancel()
