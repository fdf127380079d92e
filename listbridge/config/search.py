"""Which service file is meant."""

import os
from collections.abc import Iterator
from pathlib import Path

from listbridge.errors import ConfigError

NAME = "listbridge.toml"


def service_file(explicit: Path | None) -> Path | None:
    """Return the service file's absolute path, None if there is none and the defaults apply.

    Raises `ConfigError` if a file that was named, by option or environment, does not exist.
    """
    if explicit is not None:
        return _named(explicit, "--config")
    if from_environment := os.environ.get("LISTBRIDGE_CONFIG"):
        return _named(Path(from_environment), "LISTBRIDGE_CONFIG")
    return next((path.absolute() for path in _usual_places() if _is_there(path)), None)


def _named(path: Path, by: str) -> Path:
    if not _is_there(path):
        raise ConfigError(f"there is no service file {path}, which {by} names")
    return path.absolute()


def _usual_places() -> Iterator[Path]:
    yield Path(NAME)
    # XDG Base Directory Specification: ~/.config by default; a relative path counts as none.
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(folder).is_absolute():
        yield Path(folder, "listbridge", NAME)
    elif home := os.environ.get("HOME"):
        yield Path(home, ".config", "listbridge", NAME)
    yield Path("/etc/listbridge", NAME)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass  # It may be there; reading it will say what is wrong, which silence would not.
    return True
