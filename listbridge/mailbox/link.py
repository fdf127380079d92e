"""One TCP or TLS connection to a mail server: bounded reading, and a cut from any thread.

It stands in for the socket and for its file within imaplib and poplib, so that every byte they
read passes through here.
"""

import contextlib
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from listbridge import ports
from listbridge.mailbox import explain
from listbridge.mailbox.mailbox import MailboxError

_PIECE = 64 * 1024


class Link:
    """An open connection; reading never asks for more memory than has really arrived."""

    def __init__(
        self, sock: socket.socket, where: str, way: tuple[str, int, str] | None = None
    ) -> None:
        """Take over a connected socket; `way` is the protocol, port and security to be spoken."""
        self.where = where
        self._way = way
        self._greeting = b""
        self.secrets = explain.Secrets()
        #: Called whenever a whole message, or a header asked for, has been read.
        self.progress: Callable[[], None] = _nothing
        self._sock = sock
        self._unread = bytearray()
        self._lock = threading.RLock()
        self._dropped = False
        self._closed = False

    @property
    def has_unread(self) -> bool:
        """Whether the server has sent something that nobody asked for yet."""
        return bool(self._unread)

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The TLS session, or None where the connection is in the clear."""
        return self._sock if isinstance(self._sock, ssl.SSLSocket) else None

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS, verifying the server's name and chain as `context` demands."""
        # The wrapped socket is ours before the handshake, so that `drop` can wake that too.
        secured = context.wrap_socket(
            self._sock, server_hostname=host, do_handshake_on_connect=False
        )
        self._sock = secured
        secured.do_handshake()

    def makefile(self, _mode: str) -> "Link":
        """Be the file to the socket that poplib takes us for."""
        return self

    def settimeout(self, seconds: float | None) -> None:
        """Limit each single wait for the server."""
        self._sock.settimeout(seconds)

    def sendall(self, octets: bytes) -> None:
        """Send everything, or raise."""
        try:
            self._sock.sendall(octets)
        except OSError as err:
            # imaplib would wrap an OSError as if the server had said something.
            raise EOFError(f"sending failed: {err}") from None

    def readline(self, limit: int, until: float | None = None) -> bytes:
        """Return one line with its LF; a line above `limit` octets is an error.

        `until` is a moment of the monotonic clock at which the whole line must have come, or
        `TimeoutError` is raised and what has come of it stays for the next call.
        """
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0 and len(self._unread) <= limit:
            searched = len(self._unread)
            if until is not None:
                self._wait_no_longer_than(until)
            self._unread += self._receive()
        if not 0 <= end < limit:
            raise MailboxError(f"{self.where} sent a line of more than {limit} octets")
        line = bytes(self._unread[: end + 1])
        del self._unread[: end + 1]
        self._greeting = self._greeting or line
        return line

    def read(self, size: int) -> bytes:
        """Return exactly `size` octets; a connection that ends before that is an error."""
        # A BytesIO hands over its buffer without a second copy, and grows only with what comes.
        sink = io.BytesIO()
        sink.write(self._unread[:size])
        del self._unread[:size]
        while (missing := size - sink.tell()) > 0:
            sink.write(self._receive(missing))
        self.progress()
        return sink.getvalue()

    def _wait_no_longer_than(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the line did not come to its end in time")
        self._sock.settimeout(left)

    def _receive(self, most: int = _PIECE) -> bytes:
        octets = self._sock.recv(min(most, _PIECE))
        if not octets:
            raise EOFError("the server closed the connection")
        return octets

    @contextlib.contextmanager
    def talking(self, doing: str) -> Iterator[None]:
        """Own the connection for one exchange; whatever goes wrong closes it as a MailboxError."""
        try:
            with self._lock, self._explaining(doing):
                yield
        finally:
            # `drop` left the closing to us if it came while we held the lock.
            if self._dropped:
                self._close()

    @contextlib.contextmanager
    def _explaining(self, doing: str) -> Iterator[None]:
        if self._closed:
            raise MailboxError(f"{self.where}: the connection is closed already")
        try:
            yield
        except Exception as err:
            self._close()
            raise self._explained(err, doing) from None
        except BaseException:
            # Interrupted in the middle of an answer: the next one would be taken for another's.
            self._close()
            raise

    def _explained(self, err: Exception, doing: str) -> MailboxError:
        if self._dropped and not isinstance(err, MailboxError):
            return MailboxError(
                f"{self.where} took too long while {doing}, so the connection was cut"
            )
        error = explain.failure(err, self.where, doing, self.secrets)
        if doing != explain.CONNECTING or self._way is None:
            return error
        protocol, _, _ = self._way
        contradiction = ports.contradiction(*self._way)
        misled = explain.wrong_place(err, self.where, self._greeting, protocol, contradiction)
        return misled or error

    def drop(self) -> None:
        """Cut the connection from any thread, waking one that waits; never raises."""
        self._dropped = True
        # The base class's shutdown: SSLSocket's would first make itself a plain socket, and a
        # thread about to send could then send in the clear.
        with contextlib.suppress(OSError, ValueError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        # Closing while another thread waits would free the descriptor's number for a stranger.
        if self._lock.acquire(blocking=False):
            self._close()
            self._lock.release()

    def close(self) -> None:
        """Close the connection; harmless when it is closed already."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError, ValueError):
            self._sock.close()


def _nothing() -> None:
    """Nobody waits for progress."""
