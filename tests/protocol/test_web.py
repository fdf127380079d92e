"""The real server, asked over HTTP."""

import asyncio
import json
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from listbridge.config import Web
from listbridge.metrics import GAUGES, Metrics
from listbridge.web import app, server
from listbridge.web.app import make_app
from listbridge.web.gauges import InEffect
from listbridge.web.server import CannotListen, listen, serve_web
from storage import inbound, leases, pauses, polls, restored
from storage.database import Database, Tx
from storage.errors import StoreError
from storage.states import Source, Trouble
from tests.servers.process import free_ports


@dataclass
class Health:
    """What the process says of itself."""

    said: list[str] = field(default_factory=list)

    def reasons(self) -> list[str]:
        return self.said


@dataclass
class Site:
    """The running web part."""

    port: int
    stop: asyncio.Event
    health: Health
    metrics: Metrics
    in_effect: InEffect = field(default_factory=lambda: InEffect({"general"}, {"ann@smtp:25"}))

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Return status and text of what is answered."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)

        def ask() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as err:
                with err:
                    return err.code, err.read().decode()

        return await asyncio.to_thread(ask)


@asynccontextmanager
async def _running(db: Database) -> AsyncIterator[Site]:
    [port] = free_ports(1)
    site = Site(port, asyncio.Event(), Health(), Metrics())
    made = make_app(db, site.metrics, site.health, lambda: site.in_effect)
    running = asyncio.create_task(serve_web(made, listen(_web(port)), site.stop))
    try:
        yield site
    finally:
        site.stop.set()
        await running


@pytest.fixture
def db(sqlite: Database) -> Database:
    return sqlite


@pytest.fixture
async def site(db: Database) -> AsyncIterator[Site]:
    async with _running(db) as one:
        yield one


def _web(port: int, host: str = "127.0.0.1") -> Web:
    return Web(listen=f"{host}:{port}")


def _close_for_good(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the database cannot be read."""

    @contextmanager
    def refused() -> Iterator[Tx]:
        raise StoreError(f"the database {db.url} cannot be used: it is gone")
        yield

    monkeypatch.setattr(db, "reading", refused)


# What is answered.


async def test_a_living_process_says_so(site: Site) -> None:
    assert await site.get("/healthz") == (200, "alive\n")


async def test_it_is_ready_if_the_process_knows_no_reason_why_not(site: Site) -> None:
    status, text = await site.get("/readyz")

    assert (status, json.loads(text)) == (200, {"ready": True, "reasons": []})


async def test_it_is_not_ready_for_every_reason_the_process_knows(site: Site) -> None:
    site.health.said = ["the poll part has not started yet"]

    status, text = await site.get("/readyz")

    assert status == 503
    assert json.loads(text) == {"ready": False, "reasons": site.health.said}


async def test_it_is_not_ready_while_the_database_cannot_be_read(
    site: Site, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _close_for_good(db, monkeypatch)

    status, text = await site.get("/readyz")

    assert status == 503
    assert "cannot be used" in json.loads(text)["reasons"][0]


async def test_metrics_are_the_counters_with_the_gauges_of_the_store(
    site: Site, db: Database, category_id: int, now: datetime
) -> None:
    site.metrics.failed("login")
    with db.transaction() as tx:
        inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)
        polls.begin(tx, category_id, now=now)
        trouble = Trouble.LOGIN
        polls.end(
            tx, category_id, trouble=trouble, error="no", now=now, plan=lambda begun, failures: now
        )
        pauses.keep(tx, "ann@smtp:25", until=now, reason="no", now=now)
        leases.take(tx, "imap://a", now + timedelta(days=36500), now)

    status, text = await site.get("/metrics")

    assert status == 200
    lines = text.splitlines()
    assert 'listbridge_errors_total{kind="login"} 1.0' in lines
    assert "listbridge_database_up 1.0" in lines
    assert 'listbridge_undecided_messages{category="general"} 1.0' in lines
    assert 'listbridge_poll_failures{category="general"} 1.0' in lines
    assert 'listbridge_account_paused{account="ann@smtp:25"} 1.0' in lines
    assert "listbridge_leases 1.0" in lines
    assert {line.split()[2] for line in lines if line.startswith("# TYPE")} >= GAUGES.keys()


async def test_what_is_given_up_looks_like_no_trouble(
    site: Site, db: Database, category_id: int, now: datetime
) -> None:
    site.in_effect = InEffect((), ())
    with db.transaction() as tx:
        polls.begin(tx, category_id, now=now)
        polls.end(tx, category_id, trouble=Trouble.LOGIN, error="no", now=now)
        pauses.keep(tx, "ann@smtp:25", until=now, reason="no", now=now)

    _, text = await site.get("/metrics")

    assert 'category="general"' not in text
    assert "ann@smtp:25" not in text


async def test_what_still_waits_in_a_category_that_is_given_up_shows(
    site: Site, db: Database, category_id: int, now: datetime
) -> None:
    site.in_effect = InEffect((), ())
    with db.transaction() as tx:
        inbound.keep(tx, category_id, b"x", source=Source.CLI, now=now)

    _, text = await site.get("/metrics")

    assert 'listbridge_undecided_messages{category="general"} 1.0' in text.splitlines()


async def test_while_the_database_is_down_metrics_say_just_that_of_it(
    site: Site, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.metrics.failed("login")
    _close_for_good(db, monkeypatch)

    status, text = await site.get("/metrics")

    assert status == 200
    assert "listbridge_database_up 0.0" in text.splitlines()
    assert "listbridge_errors_total" in text
    assert "listbridge_held_posts" not in text


async def test_everything_else_is_not_found(site: Site) -> None:
    paths = ("/", "/docs", "/openapi.json", "/redoc", "/metrics/x", "/%0d%0a")
    answers = [await site.get(path) for path in paths]

    assert {status for status, _ in answers} == {404}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_it_can_be_asked_for_the_status_alone(site: Site, path: str) -> None:
    assert await site.get(path, method="HEAD") == (200, "")


async def test_what_is_no_http_does_not_fill_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"\x16\x03\x01 no HTTP\r\n\r\n")

    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()
    assert caplog.records == []


async def test_nothing_can_be_posted(site: Site) -> None:
    status, _ = await site.get("/metrics", method="POST")

    assert status == 405


# How it is served.


async def test_a_database_that_hangs_is_given_up_and_named(
    site: Site, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(app, "_LONGEST_READING_SECONDS", 0.05)
    monkeypatch.setattr(restored, "standing", lambda *_: answered.wait())

    status, text = await site.get("/readyz")
    answered.set()

    assert status == 503
    assert "does not answer" in json.loads(text)["reasons"][0]


async def test_a_client_that_never_asks_is_left_in_the_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LONGEST_CONNECTION_SECONDS", 0.05)
    async with _running(db) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_connections_beyond_the_limit_are_turned_away_and_the_others_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 1)
    _, first = await asyncio.open_connection("127.0.0.1", site.port)
    reader, second = await asyncio.open_connection("127.0.0.1", site.port)
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    first.close()
    second.close()
    await first.wait_closed()
    monkeypatch.undo()

    assert (await site.get("/healthz"))[0] == 200


async def test_a_broken_body_is_refused_and_no_defect_of_ours(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")

    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert (await site.get("/healthz"))[0] == 200  # by then the first one has come to its end too
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == []


async def test_a_connection_serves_one_request(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2)

    answer = await reader.read()
    writer.close()

    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answer.lower()
    assert b"server:" not in answer.lower()


async def test_it_ends_when_it_is_told_to_though_a_client_is_connected(db: Database) -> None:
    async with _running(db) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.close()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", site.port)


async def test_signals_are_left_to_the_service(db: Database) -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    async with _running(db) as site:
        await site.get("/healthz")
        during = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    assert during == before


def test_a_port_that_somebody_has_is_named_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            listen(_web(port))

    assert str(caught.value) == (
        f"the web part cannot listen at 127.0.0.1:{port}: Address already in use; if another "
        "program has the port, end that one or choose another port: `listen` in [web]"
    )


def test_a_host_that_is_not_known_is_named() -> None:
    with pytest.raises(CannotListen, match=r"cannot listen at nowhere\.invalid:8025: "):
        listen(_web(8025, "nowhere.invalid"))


def test_an_ipv6_address_is_listened_at() -> None:
    [port] = free_ports(1)
    try:
        [one] = listen(_web(port, "[::1]"))
    except CannotListen:
        pytest.skip("this machine has no IPv6")
    with one:
        assert one.getsockname()[:2] == ("::1", port)
