"""How a connection to a server is opened, whatever is spoken over it."""

import asyncio
import ipaddress
import socket
import time
from datetime import timedelta
from typing import Any, Literal

IpVersion = Literal["any", "ipv4", "ipv6"]

_FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
#: How long somebody who looks on waits for a connection. A firewall that drops what comes answers
#: never; the kernel asks four times until then.
LONGEST_LOOK = timedelta(seconds=20)
# However many addresses a host has, each is given so much time.
_LEAST_SECONDS = 0.1

# What `socket.getaddrinfo` gives for one address.
_Address = tuple[int, int, int, str, tuple[Any, ...]]


class NoSuchAddress(socket.gaierror):
    """The host is known, but not by an address of the version asked for."""


def server_name(text: str) -> str:
    """Return a host name or address as it was written; raise `ValueError` for anything more."""
    if not text or any(ch.isspace() or ch in "/@" for ch in text):
        raise ValueError('write only the name of the server, such as "mail.example.org"')
    # An IPv6 address has more of them.
    if text.count(":") == 1:
        raise ValueError("write only the name of the server; its port has a key of its own, `port`")
    return text


def dial(host: str, port: int, seconds: float, ip: IpVersion = "any") -> socket.socket:
    """Connect within `seconds` altogether, sharing them out among the addresses of `host`."""
    deadline = time.monotonic() + seconds
    addresses = resolve(host, port, ip)
    failed: OSError = TimeoutError("no address answered")
    for left, (*kind, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        sock = socket.socket(*kind)
        try:
            sock.settimeout(_share(deadline, left))
            sock.connect(address)
        except OSError as err:
            sock.close()
            failed = err
        else:
            sock.settimeout(seconds)
            return _without_delay(sock)
    raise failed


async def dial_async(host: str, port: int, seconds: float, ip: IpVersion = "any") -> socket.socket:
    """As `dial`, on the event loop; the socket does not block."""
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + seconds
    addresses = await asyncio.to_thread(resolve, host, port, ip)
    failed: OSError = TimeoutError("no address answered")
    for left, (*kind, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        sock = socket.socket(*kind)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(_share(deadline, left)):
                await loop.sock_connect(sock, address)
        except OSError as err:
            sock.close()
            failed = err
        except BaseException:
            sock.close()
            raise
        else:
            return _without_delay(sock)
    raise failed


def resolve(host: str, port: int, ip: IpVersion = "any") -> list[_Address]:
    """Return the addresses of a host as `socket.getaddrinfo` does; raise `socket.gaierror`."""
    try:
        return list(socket.getaddrinfo(host, port, _FAMILIES[ip], socket.SOCK_STREAM))
    except UnicodeError:
        # A name that cannot be written in the DNS, such as "a..b".
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
    except socket.gaierror as err:
        if ip == "any":
            raise
        resolve(host, port)
        raise NoSuchAddress(*err.args) from None


def is_this_machine(host: str) -> bool:
    """Say whether all addresses of a host lead back to this machine; False if it has none."""
    try:
        found = [str(one[4][0]) for one in resolve(host, 0)]
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(one).is_loopback for one in found)


def _share(deadline: float, left: int) -> float:
    return max((deadline - time.monotonic()) / left, _LEAST_SECONDS)


def _without_delay(sock: socket.socket) -> socket.socket:
    # Commands may be sent in two pieces; Nagle would hold the second back.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
