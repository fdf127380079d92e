"""A TCP proxy in threads that can fall silent, or cut a connection at a word of the client."""

import contextlib
import socket
import threading
from typing import Self


class Proxy:
    """Stands before a server on loopback while used as a context manager."""

    def __init__(self, target: int, *, port: int = 0) -> None:
        self._target = target
        self._port = port
        self._stopping = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        #: A connection ends when its client sends this, which the server then never sees.
        self.cut_at: bytes | None = None
        #: While set, new connections are taken and nothing is passed on.
        self.silent = False

    @property
    def port(self) -> int:
        return self._port

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for one in [self._listener, *self._sockets]:
            _shut(one)
        for thread in self._threads:
            thread.join(10)
        for one in [self._listener, *self._sockets]:
            one.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self.silent:
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets.append(server)
            self._start(self._pump, client, server)
            self._start(self._pump, server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        from_client = source.getsockname()[1] == self._port
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if from_client and self.cut_at is not None and self.cut_at in octets:
                    break
                sink.sendall(octets)
        _shut(source)
        _shut(sink)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
