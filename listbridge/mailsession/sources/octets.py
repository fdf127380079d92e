"""The bytes of a file of another system."""

from pathlib import Path

from listbridge.mailsession.foreign import SourceError

#: A server's whole configuration fits in; a session has some hundred bytes.
LARGEST = 4_000_000


def read(path: Path) -> bytes:
    """Return the content of a file; raise `SourceError` if it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as err:
        raise SourceError(f"{path} cannot be read: {err.strerror}") from None
    if len(raw) > LARGEST:
        raise SourceError(
            f"{path} has more than {LARGEST} bytes", cure="copy the mail session into a file"
        )
    return raw


def text(raw: bytes) -> str:
    """Return text in UTF-8 or, as Java's older files have it, ISO 8859-1."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("iso-8859-1")
