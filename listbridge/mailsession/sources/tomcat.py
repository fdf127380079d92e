"""Tomcat's <Resource type="javax.mail.Session">, wherever in its files it stands."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from listbridge.mailsession.foreign import ForeignSession
from listbridge.mailsession.javamail import Login, complete
from listbridge.mailsession.sources.safe_xml import local_name

_TYPES = ("javax.mail.Session", "jakarta.mail.Session")
#: What a resource has besides the properties.
_OWN = {"name", "auth", "type", "factory", "description", "scope", "singleton", "closeMethod"}


def sessions(root: Element) -> Iterator[ForeignSession]:
    """Yield the mail sessions in the file's order."""
    for element in root.iter():
        if local_name(element.tag) == "Resource" and element.get("type") in _TYPES:
            yield _session(element)


def _session(element: Element) -> ForeignSession:
    attributes = {name: value for name, value in element.items() if name not in _OWN}
    # The attribute `password` is that of the user in mail.PROTOCOL.user or mail.user.
    login = Login(password=attributes.pop("password", "") or None)
    name = element.get("name") or "tomcat"
    reading = complete(attributes, reads_with=login, sends_with=login)
    return ForeignSession(name, reading, jndi_name=element.get("name"))
