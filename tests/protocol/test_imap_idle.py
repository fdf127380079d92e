"""IDLE against servers that tell of new mail, tell nonsense, fall silent, or end it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from listbridge.mailbox import IncomingSettings, MailboxError, NoIdle, Watch, open_watch
from tests.fakes.imap_server import (
    ALL_CAPABILITIES,
    PASSWORD,
    Behaviour,
    ImapServer,
    Session,
    answers,
    hangs_up,
)

LONG, SHORT = 60.0, 0.2


def idles(*lines: bytes, before: bytes = b"", after: str = "OK done") -> Behaviour:
    """Go on, send these pieces, wait for DONE, and end it so."""

    def behaviour(session: Session, tag: str, _: str) -> None:
        session.wire.send(before + b"+ idling\r\n")
        for piece in lines:
            session.wire.send(piece)
            time.sleep(0.05)
        assert session.wire.readline() == b"DONE"
        session.send(f"{tag} {after}")

    return behaviour


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with ImapServer(b"one", capabilities=f"{ALL_CAPABILITIES} IDLE") as one:
        yield one


def settings(server: ImapServer) -> IncomingSettings:
    return IncomingSettings(
        host="127.0.0.1",
        port=server.port,
        security="none",
        username="list@example.org",
        password=PASSWORD,  # type: ignore[arg-type]
        timeout="1s",  # type: ignore[arg-type]
    )


@pytest.fixture
def watching(server: ImapServer) -> Iterator[Callable[[Behaviour], Watch]]:
    opened = []

    def watch(behaviour: Behaviour) -> Watch:
        server.instead["IDLE"] = behaviour
        opened.append(open_watch(settings(server)))
        return opened[-1]

    yield watch
    for one in opened:
        one.drop()


def test_new_mail_is_told_at_once(watching: Callable[[Behaviour], Watch]) -> None:
    assert watching(idles(b"* 2 EXISTS\r\n* 1 RECENT\r\n")).wait(LONG) is True


def test_a_line_that_comes_in_pieces_is_one_line(watching: Callable[[Behaviour], Watch]) -> None:
    assert watching(idles(b"* 2 EX", b"IS", b"TS\r\n")).wait(LONG) is True


def test_what_was_told_before_idling_began_is_not_lost(
    watching: Callable[[Behaviour], Watch],
) -> None:
    assert watching(idles(before=b"* 2 EXISTS\r\n")).wait(LONG) is True


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"* 1 EXPUNGE\r\n",
        b"* 0 EXISTS\r\n",
        b"* OK Still here\r\n",
        b"* 1 FETCH (FLAGS ())\r\n",
    ],
)
def test_what_is_no_new_mail_is_not_told(
    watching: Callable[[Behaviour], Watch], told: bytes
) -> None:
    assert watching(idles(told)).wait(SHORT) is False


def test_mail_in_the_place_of_what_was_expunged_is_new(
    watching: Callable[[Behaviour], Watch],
) -> None:
    assert watching(idles(b"* 1 EXPUNGE\r\n* 1 EXISTS\r\n")).wait(LONG) is True


def test_the_folder_is_only_looked_into(
    watching: Callable[[Behaviour], Watch], server: ImapServer
) -> None:
    watching(idles()).wait(SHORT)
    assert "EXAMINE INBOX" in [x.replace('"', "") for x in server.commands]
    assert not any(x.startswith("SELECT") for x in server.commands)


def test_it_can_wait_again_and_again(
    watching: Callable[[Behaviour], Watch], server: ImapServer
) -> None:
    watch = watching(idles())
    assert [watch.wait(SHORT) for _ in range(3)] == [False] * 3
    assert server.commands.count("IDLE") == 3


def test_a_server_without_idle_says_so(server: ImapServer) -> None:
    server.capabilities = ALL_CAPABILITIES
    with pytest.raises(NoIdle):
        open_watch(settings(server))


def test_a_server_that_refuses_says_so(watching: Callable[[Behaviour], Watch]) -> None:
    watch = watching(answers("BAD", "not today"))
    with pytest.raises(NoIdle, match="not today"):
        watch.wait(LONG)


def test_a_connection_that_ends_is_an_error(watching: Callable[[Behaviour], Watch]) -> None:
    watch = watching(hangs_up)
    with pytest.raises(MailboxError, match="closed the connection"):
        watch.wait(LONG)


def test_a_goodbye_is_an_error_with_the_servers_words(
    watching: Callable[[Behaviour], Watch],
) -> None:
    watch = watching(idles(b"* BYE going down\r\n"))
    with pytest.raises(MailboxError, match="going down"):
        watch.wait(LONG)


def test_a_server_that_does_not_answer_done_is_given_up(
    watching: Callable[[Behaviour], Watch],
) -> None:
    def deaf(session: Session, _tag: str, _: str) -> None:
        session.send("+ idling")
        session.server.stopping.wait(30)

    watch = watching(deaf)
    with pytest.raises(MailboxError, match="did not answer in time"):
        watch.wait(SHORT)


def test_a_flood_is_ended(watching: Callable[[Behaviour], Watch]) -> None:
    watch = watching(idles(b"* OK chatter\r\n" * 20_000))
    with pytest.raises(MailboxError, match="nobody asked for"):
        watch.wait(LONG)


def test_an_endless_line_is_ended(watching: Callable[[Behaviour], Watch]) -> None:
    watch = watching(idles(b"* OK " + b"x" * 100_000))
    with pytest.raises(MailboxError):
        watch.wait(LONG)


def test_a_line_that_never_comes_to_its_end_is_waited_for_no_longer_than_said(
    watching: Callable[[Behaviour], Watch],
) -> None:
    def drips(session: Session, _tag: str, _: str) -> None:
        session.send("+ idling")
        while not session.server.stopping.wait(0.05):
            session.wire.send(b".")

    watch = watching(drips)
    with pytest.raises(MailboxError, match="did not answer in time"):
        watch.wait(SHORT)


def test_a_wait_is_ended_from_another_thread(watching: Callable[[Behaviour], Watch]) -> None:
    watch = watching(idles())
    threading.Timer(0.2, watch.drop).start()
    with pytest.raises(MailboxError):
        watch.wait(LONG)
