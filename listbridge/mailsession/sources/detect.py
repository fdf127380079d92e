"""Which kind of file one is, by what stands in it."""

from collections.abc import Iterator
from pathlib import Path

from listbridge.mailsession.foreign import ForeignFile, ForeignSession, SourceError
from listbridge.mailsession.sources import (
    java_properties,
    liferay,
    liferay_lists,
    octets,
    plain,
    safe_xml,
    tomcat,
    weblogic,
    websphere,
)

_KINDS = (
    "expected Liferay's portal-ext.properties or list settings as CSV, JavaMail properties, or the "
    "XML of Tomcat, WebLogic or WebSphere"
)


def read(path: Path) -> ForeignFile:
    """Return everything that a file holds; raise `SourceError` if there is nothing for us."""
    raw = octets.read(path)
    # UTF-16 has zeros in every letter that XML begins with.
    if raw.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith(b"<"):
        return ForeignFile(path, _of_xml(raw, path))
    text = octets.text(raw)
    if liferay_lists.is_one(text):
        return ForeignFile(path, categories=liferay_lists.categories(text, path))
    return ForeignFile(path, (_of_properties(path),))


def _of_xml(raw: bytes, path: Path) -> tuple[ForeignSession, ...]:
    root = safe_xml.root(raw, path)

    def every() -> Iterator[ForeignSession]:
        for reader in (tomcat, weblogic, websphere):
            yield from reader.sessions(root)

    found = tuple(every())
    if not found:
        raise SourceError(f"{path} holds no mail session", cure=_KINDS)
    return found


def _of_properties(path: Path) -> ForeignSession:
    found = java_properties.read(path)
    if any(name.startswith(liferay.PREFIX) for name in found.values):
        return liferay.session(found.values, found.remarks)
    if any(name.startswith("mail.") for name in found.values):
        return plain.session(path, found.values, found.remarks)
    raise SourceError(f"{path} holds no mail session", cure=_KINDS)
