"""Files that root makes for the user whom the service runs as."""

import os
from contextlib import suppress
from pathlib import Path


def give_to_owner_of(place: Path, descriptor: int) -> None:
    """Give a file to whom `place` belongs, if it is root who has it open.

    So a single command of root's does not lock the service out.
    """
    if os.geteuid() == 0:
        found = place.stat()
        with suppress(OSError):  # a file system, or a user namespace, that knows no owners
            os.fchown(descriptor, found.st_uid, found.st_gid)
