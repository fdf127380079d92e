"""`serve`, where nothing is as it was foreseen."""

import json
from pathlib import Path

import pytest

from listbridge.cli import serve
from tests.program import Program


def test_what_nobody_foresaw_ends_it_with_one_line_that_quotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object) -> bool:
        raise KeyError("Dear all, the body")

    monkeypatch.setattr(serve, "_serve", breaks)
    done = Program(tmp_path, same_process=True).run("serve", status=1)

    [line] = [json.loads(one) for one in done.stderr.splitlines()]
    assert (line["event"], line["error"]) == ("service.failed", "KeyError")
    assert line["where"][-1].endswith(" breaks")
    assert b"body" not in done.stderr
