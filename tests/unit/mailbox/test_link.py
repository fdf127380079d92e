import socket
import threading
import time
from collections.abc import Iterator

import pytest

from listbridge.mailbox import MailboxError
from listbridge.mailbox.link import Link


@pytest.fixture
def ends() -> Iterator[tuple[Link, socket.socket]]:
    ours, theirs = socket.socketpair()
    link = Link(ours, "host:1")
    link.settimeout(5)
    with theirs:
        yield link, theirs
    link.close()


def test_lines_keep_their_ends(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends
    theirs.sendall(b"one\r\ntwo\nthree")

    assert [link.readline(100), link.readline(100)] == [b"one\r\n", b"two\n"]
    assert link.has_unread


def test_exact_reading_goes_on_where_a_line_ended(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends
    theirs.sendall(b"line\r\n0123456789rest")

    assert link.readline(100) == b"line\r\n"
    assert link.read(10) == b"0123456789"
    assert link.read(4) == b"rest"
    assert not link.has_unread


def test_line_above_the_limit_is_an_error(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends
    theirs.sendall(b"x" * 1000)

    with pytest.raises(MailboxError, match="line of more than 10 octets"):
        link.readline(10)


def test_end_before_the_announced_octets_is_an_error(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends
    theirs.sendall(b"short")
    theirs.shutdown(socket.SHUT_WR)

    with pytest.raises(EOFError):
        link.read(10)


def test_any_failure_closes_the_connection(ends: tuple[Link, socket.socket]) -> None:
    link, _ = ends

    with pytest.raises(MailboxError, match="nonsense while trying"), link.talking("trying"):
        raise ValueError
    with pytest.raises(MailboxError, match="closed already"), link.talking("again"):
        pass


def test_interruption_closes_the_connection(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends

    with pytest.raises(KeyboardInterrupt), link.talking("trying"):
        raise KeyboardInterrupt

    assert theirs.recv(1) == b""


def test_drop_from_another_thread_wakes_a_reader(ends: tuple[Link, socket.socket]) -> None:
    link, _ = ends
    begun = time.monotonic()
    threading.Timer(0.05, link.drop).start()

    with pytest.raises(MailboxError, match="took too long while waiting"), link.talking("waiting"):
        link.readline(10)

    assert time.monotonic() - begun < 2


def test_drop_twice_is_harmless(ends: tuple[Link, socket.socket]) -> None:
    link, theirs = ends

    link.drop()
    link.drop()

    assert theirs.recv(1) == b""
