"""Where a process can be made to die: after each database statement, commit and protocol line.

The product knows nothing of this; a process of a test patches itself before it runs the program.
"""

import functools
from collections.abc import Callable
from typing import Any

import aiosmtplib.protocol
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from listbridge.mailbox.link import Link
from listbridge.submission.wire import Wire

# What sends or takes in one line or one literal, by the words in which a failed test names it.
_STEPS: tuple[tuple[type[Any], str, str], ...] = (
    (Link, "sendall", "mailbox <"),
    (Link, "readline", "mailbox >"),
    (Link, "read", "mailbox > literal"),
    # Up to the login it is aiosmtplib that talks, after that our own wire.
    (aiosmtplib.protocol.SMTPProtocol, "write", "smtp <"),
    (aiosmtplib.protocol.SMTPProtocol, "data_received", "smtp >"),
    (Wire, "write", "smtp <"),
    (Wire, "_take", "smtp >"),
    (DefaultDialect, "do_commit", "database: COMMIT"),
)
_SHOWN = 60


def patch_in(reached: Callable[[str], None]) -> None:
    """Have this process call `reached` at every point, with words that name it."""
    for owner, name, words in _STEPS:
        setattr(owner, name, _followed(getattr(owner, name), words, reached))

    @event.listens_for(Engine, "after_cursor_execute")
    def executed(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        reached(f"database: {' '.join(statement.split())[:_SHOWN]}")


def _followed(
    step: Callable[..., Any], words: str, reached: Callable[[str], None]
) -> Callable[..., Any]:
    """Return the step, followed by a point; a step that raises is none."""

    @functools.wraps(step)
    def followed(*args: Any, **more: Any) -> Any:
        result = step(*args, **more)
        line = result if isinstance(result, bytes) else args[-1]
        is_line = isinstance(line, bytes | bytearray | memoryview)
        reached(f"{words} {bytes(line[:_SHOWN])!r}" if is_line else words)
        return result

    return followed
