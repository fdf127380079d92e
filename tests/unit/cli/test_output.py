"""What stands on a terminal while something is under way."""

import re
import sys

import click
import pytest

from listbridge.cli import output


def test_what_is_said_meanwhile_stands_on_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # Taken for a terminal.
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", sys.stdout)

    with output.progress("polling", 2) as advance:
        for slug in ("general", "garden"):
            advance(lambda slug=slug: click.echo(f"{slug}: nothing new"))

    shown = capsys.readouterr().out
    assert "polling" in shown
    # At the left, on a line that has just been wiped (ECMA-48 8.3.41).
    said = re.findall(r"(.)(?:\x1b\[[0-9;?]*[A-Za-z])*\x1b\[2K(?:general|garden): n", shown)
    assert said == ["\r", "\r"]
