"""Making files: all of them or none, and never one that is there already."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from listbridge.service.setup.answers import SetupError


@dataclass(frozen=True)
class NewFile:
    """A file to be made; a private one is for its owner alone, and so is a folder made for it."""

    path: Path
    text: str
    what: str  #: what it is, for people
    private: bool = False

    def __repr__(self) -> str:
        return f"NewFile({str(self.path)!r})"  # the text may be a password


def write(files: Sequence[NewFile]) -> None:
    """Make all the files with the folders they need; raise `SetupError` having made none."""
    made: list[Path] = []
    try:
        for one in files:
            _make_folder(one.path.parent, 0o700 if one.private else 0o777, made)
            _make_file(one, made)
    except OSError as err:
        _remove(made)
        # A full disk is noticed where no name is at hand.
        raise SetupError(
            f"{err.filename or one.path} cannot be written: {err.strerror}; nothing was written"
        ) from None
    except BaseException:
        _remove(made)
        raise


def _make_folder(folder: Path, mode: int, made: list[Path]) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode if path == folder else 0o777)
        made.append(path)


def _make_file(one: NewFile, made: list[Path]) -> None:
    # O_EXCL refuses whatever is there, a dangling link included.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(one.path, flags, 0o600 if one.private else 0o666)
    made.append(one.path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(one.text.encode())
        file.flush()
        os.fsync(descriptor)


def _remove(made: Sequence[Path]) -> None:
    for path in reversed(made):
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
