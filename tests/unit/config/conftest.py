"""A folder to write configuration files into, apart from everything else the machine has."""

from collections.abc import Callable
from pathlib import Path

import pytest

GENERAL = """\
address = "SLUG@example.org"
[incoming]
host = "imap.example.org"
[outgoing]
host = "smtp.example.org"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, and with no other place to find a service file in."""
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    monkeypatch.delenv("LISTBRIDGE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return current


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Write a file, in a folder that is made if need be."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def category(write: Callable[[str, str], Path]) -> Callable[..., Path]:
    """Write a good category file with something added at its top, in [incoming] or at its end."""

    def category(
        slug: str = "general", *, top: str = "", incoming: str = "", end: str = ""
    ) -> Path:
        text = GENERAL.replace("SLUG", slug).replace("[outgoing]", f"{incoming}\n[outgoing]")
        return write(f"categories/{slug}.toml", f"{top}\n{text}\n{end}\n")

    return category
