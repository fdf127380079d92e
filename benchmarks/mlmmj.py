"""Beside mlmmj, a list manager in C: one post of 5 KB from the queue to its last member."""

import itertools
import subprocess
import tempfile
from pathlib import Path

from benchmarks.fan_out import took
from benchmarks.measure import Row, against_peer, seconds
from benchmarks.members import BODY, HEAD
from benchmarks.peers import smtp_sink, unpacked

_MEMBERS = 2_000
_FOLDERS = ("control", "subscribers.d", "queue/discarded", "archive", "requeue")
_posts = itertools.count(1)


def rows() -> list[Row]:
    """Measure; return the line of the table."""
    what = f"queue to last of {_MEMBERS:,}, 100 a transaction"
    with smtp_sink() as port, tempfile.TemporaryDirectory(prefix="listbridge-bench-") as folder:
        _make_list(Path(folder), port)
        return [
            against_peer(
                6,
                what,
                lambda: _MEMBERS / took(port, 100, _MEMBERS)[0],
                lambda: _MEMBERS / seconds(lambda: _post(Path(folder))),
                "mlmmj",
                1,
            )
        ]


def _make_list(folder: Path, port: int) -> None:
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True)
    # `verp` there, and empty, is what makes it put 100 recipients into a transaction.
    control = {
        "listaddress": "general@example.org",
        "relayhost": "127.0.0.1",
        "smtpport": port,
        "verp": "",
    }
    for name, value in control.items():
        (folder / "control" / name).write_text(f"{value}\n")
    members = "".join(f"member{number}@example.org\n" for number in range(_MEMBERS))
    (folder / "subscribers.d/m").write_text(members)


def _post(folder: Path) -> None:
    post = folder / f"archive/{next(_posts)}"
    post.write_bytes((HEAD + BODY).replace(b"\r\n", b"\n"))
    subprocess.run([unpacked("mlmmj-send"), "-L", f"{folder}/", "-m", post], check=True)
