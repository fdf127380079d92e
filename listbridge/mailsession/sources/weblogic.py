"""WebLogic's <mail-session> in config.xml."""

import re
from collections.abc import Iterator
from dataclasses import replace
from xml.etree.ElementTree import Element

from listbridge.mailsession.foreign import ForeignSession
from listbridge.mailsession.javamail import Login, complete
from listbridge.mailsession.remarks import Remark
from listbridge.mailsession.sources.safe_xml import child_text, local_name

_ENCRYPTED = "session-password-encrypted"
_NO_ENTRY = (
    "is not mail.NAME=value; correct it, and write a value with a semicolon in the session's own "
    "table"
)


def sessions(root: Element) -> Iterator[ForeignSession]:
    """Yield the mail sessions in the file's order."""
    for element in root.iter():
        if local_name(element.tag) == "mail-session":
            yield _session(element)


def _session(element: Element) -> ForeignSession:
    name = child_text(element, "name") or "weblogic"
    login = _login(element, name)
    properties, broken = _properties(child_text(element, "properties") or "")
    reading = complete(properties, reads_with=login, sends_with=login)
    reading = replace(reading, problems=(*reading.problems, *broken))
    return ForeignSession(name, reading, jndi_name=child_text(element, "jndi-name"))


def _login(element: Element, name: str) -> Login:
    username = child_text(element, "session-username")
    password = child_text(element, "session-password")
    if password or not child_text(element, _ENCRYPTED):
        return Login(username, password, "session-password")
    text = f"only WebLogic can decrypt it; give the password of {name!r} in the session's own table"
    return Login(username, None, _ENCRYPTED, text)


def _properties(text: str) -> tuple[dict[str, str], list[Remark]]:
    """Read `a=b;c=d`, or one in a line."""
    properties: dict[str, str] = {}
    broken: list[Remark] = []
    for number, entry in enumerate(filter(str.strip, re.split(r"[;\r\n]", text)), start=1):
        name, separator, value = entry.strip().partition("=")
        if separator and name.startswith("mail."):
            properties[name.strip()] = value
        else:
            # It is not repeated: it may be the rest of a password that holds a semicolon.
            broken.append(Remark("properties", f"entry {number} {_NO_ENTRY}"))
    return properties, broken
