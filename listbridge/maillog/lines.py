"""How one line of the log looks, ours and that of libraries alike."""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from structlog.dev import (
    Column,
    ConsoleRenderer,
    KeyValueColumnFormatter,
    LogLevelColumnFormatter,
)
from structlog.processors import JSONRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict

from listbridge.maillog.events import where

# Numbers of ours, written as strings like everywhere in JSON.
_IDS = ("post", "inbound", "parent", "delivery")
_UNQUOTED = re.compile(r"[^\s\"'=,]+")
_EVENT_WIDTH = 18
_LONGEST_TEXT = 500  #: of what a library says


def formatter(*, for_people: bool, colour: bool) -> logging.Formatter:
    """Make lines for a terminal, or JSON with nothing but ASCII in it."""
    if not for_people:
        return ProcessorFormatter(processors=[_line, JSONRenderer()])
    console = ConsoleRenderer(columns=_columns(colour=colour), sort_keys=False)
    return ProcessorFormatter(processors=[_line, console])


def _columns(*, colour: bool) -> list[Column]:
    styles = ConsoleRenderer.get_default_column_styles(colour)
    levels = LogLevelColumnFormatter(ConsoleRenderer.get_default_level_styles(colour), styles.reset)

    def column(key: str, key_style: str | None, style: str, width: int = 0) -> Column:
        formatter = KeyValueColumnFormatter(key_style, style, styles.reset, _shown, width=width)
        return Column(key, formatter)

    return [
        column("time", None, styles.timestamp),
        Column("level", levels),
        column("event", None, styles.bright, _EVENT_WIDTH),
        column("", styles.kv_key, styles.kv_value),
    ]


def _line(_logger: object, _name: str, event_dict: EventDict) -> EventDict:
    """Put together what a line holds, in its order."""
    record: logging.LogRecord = event_dict["_record"]
    line: EventDict = {"time": _time(record.created), "level": record.levelname.lower()}
    keys: Mapping[str, object] | None = getattr(record, "keys", None)
    if keys is None:
        return {**line, "event": "library.message", **_of_library(record, event_dict)}
    ours = {key: _plain(key, value) for key, value in keys.items() if value is not None}
    return {**line, "event": event_dict["event"], **ours}


def _of_library(record: logging.LogRecord, event_dict: EventDict) -> EventDict:
    # Behind the first line asyncio prints what its tasks hold, which may be a message.
    text = (str(event_dict["event"]).splitlines() or [""])[0][:_LONGEST_TEXT]
    found: EventDict = {"library": record.name, "text": text}
    error = event_dict.get("exc_info")
    if isinstance(error, tuple) and error[0] is not None:
        found["error"] = error[0].__name__
        found["where"] = where(error[1])
    return found


def _shown(value: object) -> str:
    """Write a value so that nothing in it steers the terminal or passes for another key."""
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    text = value if isinstance(value, str) else str(value)
    # What is not printable, line separators and direction marks too, `repr` writes in ASCII.
    return text if text.isprintable() and _UNQUOTED.fullmatch(text) else repr(text)


def _plain(key: str, value: object) -> Any:
    if isinstance(value, datetime):
        return _time(value.timestamp())
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return str(value) if key in _IDS else value


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"
