"""`listbridge demo`: the whole way of a post on mail servers of its own, to be looked at."""

import asyncio

from rich.console import Console

from listbridge.errors import ListbridgeError

# What the extra brings, and what that brings along.
_EXTRA = {"aiosmtpd", "proxyprotocol", "pymap", "pysasl"}


class DemoUnavailable(ListbridgeError):
    """The demo's mail servers are not installed."""


def run(*, once: bool, console: Console | None = None) -> bool:
    """Play the demo; True if everything in it came out as it should.

    With `once` it ends by itself; otherwise the servers stay up, for trying out, until Ctrl-C.
    Raises `DemoUnavailable` without the packages of the extra `demo`.
    """
    try:
        from listbridge.demo import story
    except ModuleNotFoundError as err:
        if (err.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise DemoUnavailable(
            f"the demo's mail servers are not installed ({err.name} is missing); "
            'get them with: pip install "listbridge[demo]"'
        ) from None
    return asyncio.run(story.play(console or Console(), once=once))
