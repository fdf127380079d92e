"""Opening connections: which addresses are tried, and for how long."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from listbridge import network

Dial = Callable[[str, int, float], socket.socket]


def dial_on_a_loop(host: str, port: int, seconds: float) -> socket.socket:
    return asyncio.run(network.dial_async(host, port, seconds))


both = pytest.mark.parametrize("dial", [network.dial, dial_on_a_loop])


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let any host have these addresses."""

    def have(*found: tuple[str, int]) -> None:
        entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", one) for one in found]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: entries)

    return have


@both
def test_an_address_that_refuses_leaves_the_next_one_to_be_tried(
    dial: Dial, port: int, addresses: Callable[..., None]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        addresses(nobody.getsockname(), ("127.0.0.1", port))

        with dial("two.example", 1, 5) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@both
def test_an_address_that_swallows_us_gets_only_its_share_of_the_time(
    dial: Dial, port: int, addresses: Callable[..., None]
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        first.connect(full.getsockname())
        addresses(full.getsockname(), ("127.0.0.1", port))
        # Linux leaves whoever comes second waiting, as a host does that swallows connections.
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            with dial("two.example", 1, 0.4) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)


@both
def test_nobody_there_is_the_last_address_s_error(
    dial: Dial, addresses: Callable[..., None]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        addresses(nobody.getsockname())

        with pytest.raises(ConnectionRefusedError):
            dial("one.example", 1, 1)


@both
def test_a_name_that_cannot_be_written_in_the_dns_is_an_unknown_one(dial: Dial) -> None:
    with pytest.raises(socket.gaierror):
        dial("a..b", 1, 1)


@pytest.mark.parametrize(("ip", "family"), [("ipv4", socket.AF_INET), ("ipv6", socket.AF_INET6)])
def test_only_the_chosen_kind_of_address_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, ip: network.IpVersion, family: int
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *told: asked.append(told[2]) or [])

    network.resolve("both.example", 993, ip)

    assert asked == [family]


def test_a_name_that_is_known_by_the_other_kind_of_address_only_is_told_apart() -> None:
    with pytest.raises(network.NoSuchAddress):
        network.resolve("127.0.0.1", 993, "ipv6")
    with pytest.raises(socket.gaierror) as unknown:
        network.resolve("a..b", 993, "ipv6")
    assert not isinstance(unknown.value, network.NoSuchAddress)
