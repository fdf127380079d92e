"""What `serve` is made of: parts that run side by side on one event loop."""

from datetime import timedelta
from typing import Protocol


class Part(Protocol):
    """One part of the service, such as polling or sending."""

    async def run(self) -> None:
        """Do the work until stopped; raise `ListbridgeError` if it cannot be done at all."""

    async def apply(self) -> None:
        """Go on with the configuration that the roster has now."""

    async def stop(self, within: timedelta) -> bool:
        """Begin nothing new, wait for what goes on; say whether all of it has ended in time."""
