"""Liferay's portal-ext.properties: mail.session.mail.X is JavaMail's mail.X.

Two things are Liferay's own: where the protocol is pop3s or smtps it still writes pop3 and smtp in
the names, and mail.session.mail.advanced.properties overrides them all.
"""

from collections.abc import Mapping

from listbridge.mailsession.foreign import ForeignSession, SourceError
from listbridge.mailsession.javamail import complete
from listbridge.mailsession.remarks import Remark
from listbridge.mailsession.sources import java_properties
from listbridge.mailsession.sources.java_properties import BadLine

PREFIX = "mail.session."
_BUILT_IN = "mail.session.mail"
_ADVANCED = "mail.session.mail.advanced.properties"
_JNDI_NAME = "mail.session.jndi.name"
_DEFAULT_STORE = "pop3"
_FORM = ("host", "port", "user", "password", "auth")

_PLACE = "has its own place here: `{}` of each category"
#: What becomes of the mail settings around the session.
_ELSEWHERE = {
    "pop.server.notifications.enabled": _PLACE.format("active"),
    "pop.server.notifications.interval": _PLACE.format("poll_every"),
    "pop.server.subdomain": _PLACE.format("address"),
    "admin.email.from.name": _PLACE.format("name"),
    "admin.email.from.address": _PLACE.format("address"),
    "message.boards.email.from.name": _PLACE.format("name"),
    "message.boards.email.from.address": _PLACE.format("address"),
    "message.boards.email.bulk": "is not needed here: every copy is marked as a list's",
    "message.boards.email.html.format": "is not needed here: a post keeps its form",
    "mail.send.blacklist": "is not needed here: only subscribers get mail",
}
_MESSAGES = "message.boards.email.message."


def session(values: Mapping[str, str], remarks: tuple[Remark, ...] = ()) -> ForeignSession:
    """Read the session of a file; an empty value is one that is not set."""
    given = {name: value for name, value in values.items() if value.strip()}
    properties = _properties(given)
    elsewhere = tuple(_elsewhere(name) for name in given if _is_elsewhere(name))
    refers_to = given.get(_JNDI_NAME, "").strip() or None
    if refers_to and given.get(_BUILT_IN, "").strip().lower() == "true":
        elsewhere += (
            Remark(_JNDI_NAME, f"is not used, since {_BUILT_IN} is true: the session stands here"),
        )
        refers_to = None
    reading = complete({} if refers_to else properties, store=_DEFAULT_STORE)
    return ForeignSession("liferay", reading, refers_to=refers_to, remarks=(*remarks, *elsewhere))


def _properties(given: Mapping[str, str]) -> dict[str, str]:
    """Return the session's properties as JavaMail gets them from Liferay."""
    own = {
        name.removeprefix(PREFIX): value
        for name, value in given.items()
        if name.startswith(f"{PREFIX}mail.") and name != _ADVANCED
    }
    advanced = _advanced(given.get(_ADVANCED, ""))
    both = own | advanced
    for kind, plain in (("store", "pop3"), ("transport", "smtp")):
        if both.get(f"mail.{kind}.protocol", "").strip() == f"{plain}s":
            for name in _FORM:
                value = own.pop(f"mail.{plain}.{name}", None)
                if value is not None:
                    own.setdefault(f"mail.{plain}s.{name}", value)
    return own | advanced


def _advanced(text: str) -> dict[str, str]:
    try:
        return dict(java_properties.parse(text))
    except BadLine as bad:
        raise SourceError(f"{_ADVANCED}: line {bad.number}: {bad}") from None


def _is_elsewhere(name: str) -> bool:
    return name in _ELSEWHERE or name.startswith(_MESSAGES)


def _elsewhere(name: str) -> Remark:
    return Remark(
        name, _ELSEWHERE.get(name, "is not needed here: members get the posts themselves")
    )
