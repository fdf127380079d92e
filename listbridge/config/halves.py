"""One half of a mail session or a category: its paths made absolute."""

from pathlib import Path
from typing import Any, TypeVar

from listbridge.mailbox import IncomingSettings
from listbridge.submission import OutgoingSettings

_Half = TypeVar("_Half", IncomingSettings, OutgoingSettings)


def absolute(half: _Half, folder: Path) -> _Half:
    """Return the settings with their relative paths counted from `folder`."""
    changed: dict[str, Any] = {}
    if half.ca_file is not None:
        changed["ca_file"] = folder / half.ca_file
    if half.password is not None and half.password.file is not None:
        path = folder / half.password.file
        changed["password"] = half.password.model_copy(update={"file": path})
    return half.model_copy(update=changed) if changed else half
