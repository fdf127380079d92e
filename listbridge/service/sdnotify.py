"""Tells systemd how the service is: sd_notify(3), a datagram of a few lines."""

import os
import socket
from contextlib import suppress
from datetime import timedelta


def tell(**state: str) -> None:
    """Send lines such as READY=1 or STATUS=…; nothing happens where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    lines = "\n".join(f"{name}={value}" for name, value in state.items())
    # An abstract socket's name begins with NUL, which systemd writes as "@" (unix(7)).
    place = f"\0{address[1:]}" if address.startswith("@") else address
    # Whatever is wrong with that socket must not end the service.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(lines.encode(), place)


def watchdog_interval() -> timedelta | None:
    """Return how often systemd wants to hear from this process; None if it does not ask.

    Half of its limit, as sd_watchdog_enabled(3) recommends.
    """
    asked, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not asked.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return timedelta(microseconds=int(asked)) / 2
