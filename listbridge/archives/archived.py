"""One message of an archive."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Archived:
    """The bytes of a message, where they were found, and when it came there."""

    raw: bytes
    where: str  #: for people: a line, or a file
    at: datetime | None = None  #: as the archive has it, which the message may not say
    problem: str | None = None  #: why it is not read; then there are no bytes
    position: int = 0  #: octets of the archive that are read by now
