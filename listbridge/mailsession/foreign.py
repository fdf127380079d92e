"""What a file of another system comes to."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from listbridge.errors import ListbridgeError
from listbridge.mailsession.javamail import Reading
from listbridge.mailsession.remarks import Remark


class SourceError(ListbridgeError):
    """A file of another system cannot be read, or holds no such session."""


@dataclass(frozen=True)
class ForeignSession:
    """One mail session as another system keeps it."""

    name: str  #: what the other system calls it
    reading: Reading
    jndi_name: str | None = None
    #: Liferay's mail.session.jndi.name: the session is the one of that name, kept elsewhere.
    refers_to: str | None = None
    remarks: tuple[Remark, ...] = ()  #: about what is no part of a session, but stands beside it


@dataclass(frozen=True)
class ForeignCategory:
    """One category's list settings as Liferay keeps them."""

    address: str
    table: dict[str, Any] = field(repr=False)  #: with a category file's keys; may hold passwords
    sends_by_session: bool  #: without an outgoing server of its own it uses the portal's session
    problems: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class ForeignFile:
    """Everything that a file holds for us."""

    path: Path
    sessions: tuple[ForeignSession, ...] = ()
    categories: tuple[ForeignCategory, ...] = ()
