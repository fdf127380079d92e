"""Where passwords come from, and who else could read them."""

import stat
from pathlib import Path

from listbridge.secret import Secret


def source(secret: Secret) -> str:
    """Say where a secret that could be read was read from, and what is unwise about it."""
    if secret.env is not None:
        return f"in the environment variable {secret.env}"
    if secret.command:
        return f"from the command {secret.command[0]!r}"
    if secret.file is None:
        return "in the configuration itself"
    if _is_open(secret.file):
        # Only a hint: what mounts secrets into containers often makes them so.
        return f"in {secret.file}, which every user of this machine can read; chmod 600 closes it"
    return f"in {secret.file}"


def _is_open(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IROTH)
