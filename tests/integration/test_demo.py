"""The demo as a whole: its story, what it says when something is wrong, and joining in."""

import io
import re
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from rich.console import Console

from listbridge import demo
from listbridge.demo.smtp import Relay


def test_demo_once_keeps_all_its_expectations(capfd: pytest.CaptureFixture[str]) -> None:
    shown = io.StringIO()

    held = demo.run(once=True, console=Console(file=shown, width=80))

    text = shown.getvalue()
    assert held, text
    assert re.search(r"All \d+ expectations held", text)
    assert "\x1b" not in text
    assert len(text.splitlines()) <= 64
    assert capfd.readouterr().err == ""


def test_demo_shows_threads_and_what_was_set_aside() -> None:
    shown = io.StringIO()

    demo.run(once=True, console=Console(file=shown, width=80))

    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    root = lines.index("  ├── Where shall we sing in summer?  Alice Archer")
    assert lines[root + 1] == "  │   └── Re: Where shall we sing in summer?  Carol Chandler"
    assert lines[root + 2] == "  │       └── Re: Where shall we sing in summer?  Bob Baker"
    assert "  held       sam@example.com    the author is not a member" in lines
    assert "  gil@example.org      4 failed                   550 5.1.1 no such user" in lines


def test_demo_fails_when_a_byte_of_a_body_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Relay.handle_DATA

    async def take_damaged(self: Relay, server: object, session: object, envelope: object) -> str:
        envelope.original_content = envelope.original_content.replace(b"cloister", b"Cloister")
        return await take(self, server, session, envelope)

    monkeypatch.setattr(Relay, "handle_DATA", take_damaged)
    shown = io.StringIO()

    held = demo.run(once=True, console=Console(file=shown, width=200))

    assert not held
    assert "not as it should be: bob@example.org should have 4 messages" in shown.getvalue()


def test_demo_without_its_extra_says_how_to_get_it() -> None:
    command = (
        "import sys; sys.modules['pymap'] = None; sys.argv = ['listbridge', 'demo', '--once'];"
        "from listbridge.cli import main; main()"
    )

    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)

    assert done.returncode == 1
    assert 'pip install "listbridge[demo]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_demo_takes_mail_until_it_is_stopped() -> None:
    with _live_demo() as (process, lines):
        ports = _wait_for(lines, r"SMTP 127\.0\.0\.1:(\d+)")
        config_file = _wait_for(lines, r"--config (\S+)")
        with smtplib.SMTP("127.0.0.1", int(ports[1]), timeout=10) as session:
            message = "From: alice@example.org\r\nSubject: [b]Hello\x1b[31m\r\n\r\nHi.\r\n"
            session.sendmail("alice@example.org", ["general@lists.example.org"], message)
        told = _wait_for(lines, r'general: "(.*)" is accepted')
        sent = _wait_for(lines, r"queued 7, sent 5, deferred 1, failed 1")

        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        errors = process.stderr.read()

    assert told[1] == "[b]Hello\ufffd[31m"
    assert sent
    assert process.returncode == 0
    assert errors == ""
    assert not Path(config_file[1]).parent.exists()


@contextmanager
def _live_demo() -> Iterator[tuple["subprocess.Popen[str]", "Queue[str]"]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "listbridge", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    lines: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    reader = Thread(target=read)
    reader.start()
    with process:
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join()


def _wait_for(lines: "Queue[str]", pattern: str) -> "re.Match[str]":
    while True:
        found = re.search(pattern, lines.get(timeout=30))
        if found:
            return found
