"""A server that talks in lines: one thread per connection, TLS, and a log of what it was sent."""

import contextlib
import io
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Self


class Hangup(Exception):
    """Raised within a conversation to end it at once."""


class Conversation:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket, log: list[bytes]) -> None:
        self._sock = sock
        self._reader: io.BufferedIOBase = sock.makefile("rb")
        self._log = log
        self.in_tls = isinstance(sock, ssl.SSLSocket)

    def readline(self) -> bytes:
        """Return the next line without its CRLF, and log it; hang up at the end."""
        line = self._reader.readline()
        if not line:
            raise Hangup
        self._log.append(line)
        return line.rstrip(b"\r\n")

    def send(self, octets: bytes) -> None:
        self._sock.sendall(octets)

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._reader.close()
        self._sock = context.wrap_socket(self._sock, server_side=True)
        self._reader = self._sock.makefile("rb")
        self.in_tls = True

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._reader.close()
        self._sock.close()


@dataclass
class Recording:
    """Stands in for a conversation while an honest answer is made, and keeps what it would say."""

    wire: Conversation
    octets: bytes = b""

    def send(self, octets: bytes) -> None:
        self.octets += octets

    def readline(self) -> bytes:
        return self.wire.readline()


class LineServer:
    """Listens on loopback while used as a context manager; subclasses write `converse`."""

    def __init__(
        self, *, context: ssl.SSLContext | None = None, implicit_tls: bool = False
    ) -> None:
        self.context = context
        self.implicit_tls = implicit_tls
        #: Every line that any client has sent, in order, line ends included.
        self.log: list[bytes] = []
        #: Set when the server stops; a behaviour that never answers waits for it.
        self.stopping = threading.Event()
        self._open: list[Conversation] = []
        self._threads: list[threading.Thread] = []

    def converse(self, conversation: Conversation) -> None:
        raise NotImplementedError

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        # Closing alone would not wake the thread in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for conversation in list(self._open):
            conversation.cut()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        # A client that breaks off is part of what is tested.
        with sock, contextlib.suppress(Hangup, OSError, ValueError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.implicit_tls and self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            conversation = Conversation(sock, self.log)
            self._open.append(conversation)
            try:
                self.converse(conversation)
            finally:
                self._open.remove(conversation)
                conversation.close()

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
