"""The log: its two forms, how much of it there is, and what never gets into it."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from listbridge import maillog

Start = Callable[..., io.StringIO]
NASTY = 'a\r\nb\x1b[2J\x9b2J\u2028\u202e\x00" post=99 \ud800'


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Configure the log anew; return what is written from then on."""
    root, ours = logging.getLogger(), logging.getLogger("listbridge")
    before = root.handlers[:], root.level, ours.level
    monkeypatch.setenv("NO_COLOR", "1")

    def started(verbosity: int = 1, *, terminal: bool = False) -> io.StringIO:
        root.handlers.clear()  # pytest's own would fail where ours must not
        written = _Terminal() if terminal else io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        maillog.configure(verbosity)
        return written

    yield started
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def _lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


# The forms.


def test_elsewhere_than_on_a_terminal_each_event_is_one_json_object(start: Start) -> None:
    written = start()
    before = datetime.now(UTC)

    maillog.info("post.accepted", category="general", post=17, queued=40, parent=None)

    [line] = _lines(written)
    # The line has milliseconds, the clock microseconds.
    told = datetime.fromisoformat(line.pop("time")) + timedelta(milliseconds=1)
    assert before <= told <= datetime.now(UTC) + timedelta(milliseconds=1)
    assert line == {
        "level": "info",
        "event": "post.accepted",
        "category": "general",
        "post": "17",
        "queued": 40,
    }


def test_times_are_rfc_3339_in_utc(start: Start) -> None:
    written = start()

    maillog.info("delivery.deferred", next_attempt=datetime(2026, 11, 20, 9, 30, tzinfo=UTC))

    [line] = _lines(written)
    assert line["next_attempt"] == "2026-11-20T09:30:00.000Z"
    assert line["time"].endswith("Z")


def test_on_a_terminal_a_line_can_be_read(start: Start) -> None:
    written = start(terminal=True)

    maillog.warning(
        "delivery.sent", post=17, recipients=("ann@example.org", "bob@example.org"), reply="250 ok"
    )

    line = written.getvalue()
    assert "[warning  ] delivery.sent" in line
    assert line.endswith("post=17 recipients=ann@example.org,bob@example.org reply='250 ok'\n")
    assert "\x1b" not in line


def test_a_terminal_gets_colour_unless_no_color_is_set(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    written = start(terminal=True)

    maillog.info("post.accepted")

    assert "\x1b[" in written.getvalue()


# How much there is.


@pytest.mark.parametrize(
    ("verbosity", "told"),
    [(0, []), (1, ["one.info", "one.warning"]), (2, ["one.debug", "one.info", "one.warning"])],
)
def test_verbosity_decides_what_is_told(start: Start, verbosity: int, told: list[str]) -> None:
    written = start(verbosity)

    maillog.debug("one.debug")
    maillog.info("one.info")
    maillog.warning("one.warning")

    assert [line["event"] for line in _lines(written)] == told
    assert maillog.is_on() == (verbosity > 0)


def test_what_is_only_tried_is_not_told(start: Start) -> None:
    written = start()

    with maillog.silence():
        maillog.info("post.accepted")
        assert not maillog.is_on()
    maillog.info("post.held")

    assert [line["event"] for line in _lines(written)] == ["post.held"]


def test_configuring_twice_does_not_write_twice(start: Start) -> None:
    start()
    written = start()

    maillog.info("post.accepted")

    assert len(_lines(written)) == 1


# What comes from outside.


def test_nothing_in_a_value_breaks_a_json_line(start: Start) -> None:
    written = start()

    maillog.info("post.accepted", message_id=NASTY, recipients=[NASTY])

    [line] = _lines(written)
    assert (line["message_id"], line["recipients"]) == (NASTY, [NASTY])
    assert written.getvalue().strip().isascii()
    assert written.getvalue().strip().isprintable()


def test_nothing_in_a_value_steers_a_terminal_or_passes_for_another_key(start: Start) -> None:
    written = start(terminal=True)

    maillog.info("post.accepted", message_id=NASTY, recipients=[NASTY])

    line = written.getvalue()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert f"message_id={NASTY!r} recipients={NASTY!r}\n" in line


def test_a_log_that_cannot_be_written_stops_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)

    maillog.info("post.accepted")


# Libraries.


@pytest.mark.parametrize("terminal", [False, True])
def test_what_a_library_says_has_the_same_form(start: Start, terminal: bool) -> None:
    written = start(0, terminal=terminal)

    logging.getLogger("apscheduler.scheduler").warning("run of %s was missed", "job\n7")

    if terminal:
        assert "[warning  ] library.message" in written.getvalue()
        assert "library=apscheduler.scheduler text='run of job'" in written.getvalue()
    else:
        [line] = _lines(written)
        assert (line["event"], line["level"]) == ("library.message", "warning")
        assert (line["library"], line["text"]) == ("apscheduler.scheduler", "run of job")


def test_of_an_exception_there_is_its_kind_and_place_but_not_its_text(start: Start) -> None:
    written = start()

    try:
        raise ValueError("Dear all, the body")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it failed")

    [line] = _lines(written)
    assert line["error"] == "ValueError"
    assert [where.rpartition(" ")[2] for where in line["where"]] == [
        "test_of_an_exception_there_is_its_kind_and_place_but_not_its_text"
    ]
    assert "body" not in written.getvalue()


def test_a_warning_of_python_has_the_same_form(start: Start) -> None:
    logging.captureWarnings(False)  # an earlier test may have run the program
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        written = start()
        warnings.warn("this will go away", UserWarning, stacklevel=1)
        logging.captureWarnings(False)

    [line] = _lines(written)
    assert (line["event"], line["library"]) == ("library.message", "py.warnings")
    assert "UserWarning: this will go away" in line["text"]


@pytest.mark.parametrize(
    "name", ["imapclient.imaplib", "imapclient.imapclient", "sqlalchemy.engine.Engine"]
)
def test_a_library_that_would_tell_whole_messages_is_kept_quiet(start: Start, name: str) -> None:
    written = start(2)
    logging.getLogger().setLevel(logging.DEBUG)

    logging.getLogger(name).info("the body")

    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert written.getvalue() == ""


def test_arguments_that_do_not_fit_are_not_printed(start: Start) -> None:
    written = start()

    logging.getLogger("somebody").warning("%d letters", "the body")

    assert "the body" not in written.getvalue()
