"""Tell what happened: a name such as "post.accepted", and keys. docs/log.md lists them all.

Tell it only once it is committed. A key whose value is None is left out. Never hand over a body,
a subject or a secret; control characters are dealt with where the line is written.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: What all events come from; libraries have loggers of their own.
EVENTS = logging.getLogger("listbridge")

_silent: ContextVar[bool] = ContextVar("silent", default=False)


def debug(event: str, /, **keys: object) -> None:
    """Tell a step on the way."""
    _tell(logging.DEBUG, event, keys)


def info(event: str, /, **keys: object) -> None:
    """Tell what is as it should be."""
    _tell(logging.INFO, event, keys)


def warning(event: str, /, **keys: object) -> None:
    """Tell what somebody may have to see to."""
    _tell(logging.WARNING, event, keys)


def error(event: str, /, **keys: object) -> None:
    """Tell what somebody has to see to."""
    _tell(logging.ERROR, event, keys)


def is_on() -> bool:
    """Say whether `info` leads to anything, for keys that cost something to find out."""
    return EVENTS.isEnabledFor(logging.INFO) and not _silent.get()


def where(error: BaseException) -> list[str]:
    """Say where an error that nobody foresaw came from; its text may quote a message."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{one.filename}:{one.lineno} {one.name}" for one in frames]


@contextmanager
def silence() -> Iterator[None]:
    """Tell nothing of what this thread or task does: it is only tried, and undone."""
    before = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(before)


def _tell(level: int, event: str, keys: dict[str, object]) -> None:
    if EVENTS.isEnabledFor(level) and not _silent.get():
        EVENTS.log(level, event, extra={"keys": keys})
