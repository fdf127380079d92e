"""Where the log goes, and how much of it: all of it to stderr, that of libraries too."""

import logging
import os
import sys

from listbridge.maillog.events import EVENTS

_NOTHING = logging.CRITICAL + 1
_LIBRARIES = logging.WARNING
# Below these, SQLAlchemy tells the values of its statements and imapclient whole messages; even
# its warnings quote what a server sent.
_TALKATIVE = {"imapclient": logging.ERROR, "sqlalchemy": logging.WARNING}


def configure(verbosity: int) -> None:
    """Send the log to stderr: nothing of ours (0), what happened (1), or every step too (2).

    Of libraries, warnings and errors are shown whatever the verbosity. May be called again.
    """
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if isinstance(one, _Stderr)]:
        root.removeHandler(earlier)
    root.addHandler(_Stderr())
    root.setLevel(_LIBRARIES)
    logging.captureWarnings(True)  # Python's own way is two lines of plain text
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(level)
    EVENTS.setLevel({0: _NOTHING, 1: logging.INFO}.get(verbosity, logging.DEBUG))


class _Stderr(logging.Handler):
    """Writes lines to whatever stderr is at the time: a progress bar puts itself in between."""

    def __init__(self) -> None:
        super().__init__()
        self._for_people = sys.stderr.isatty()
        self._colour = self._for_people and not os.environ.get("NO_COLOR")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        if self.formatter is None:
            # structlog takes a while to import, and most commands have nothing to tell.
            from listbridge.maillog.lines import formatter

            self.formatter = formatter(for_people=self._for_people, colour=self._colour)
        return self.formatter.format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a log that cannot be written stops nothing."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing: Python's own way would print the arguments, whatever they hold."""
