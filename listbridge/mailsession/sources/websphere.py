"""WebSphere's mail sessions in resources.xml."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from listbridge.mailsession.foreign import ForeignSession
from listbridge.mailsession.javamail import Login, complete
from listbridge.mailsession.remarks import Remark
from listbridge.mailsession.sources.safe_xml import local_name

_XOR = "{xor}"
_XOR_KEY = ord("_")
_UNREADABLE = (
    "is encrypted and cannot be read here; give the password itself, in the session's own table"
)


def sessions(root: Element) -> Iterator[ForeignSession]:
    """Yield the mail sessions in the file's order."""
    protocols = dict(_protocols(root))
    for element in root.iter():
        if local_name(element.tag) == "factories" and _type(element) == "MailSession":
            yield _session(element, protocols)


def reveal(password: str) -> str | None:
    """Undo what hides a password from a glance; None if it is encrypted for good, or broken.

    `{xor}` is base64 over each byte of the password combined with an underscore.
    """
    if password.lower().startswith(_XOR):
        try:
            hidden = base64.b64decode(password[len(_XOR) :], validate=True)
            return bytes(octet ^ _XOR_KEY for octet in hidden).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None if password.startswith("{") and "}" in password else password


def _protocols(root: Element) -> Iterator[tuple[str, str]]:
    """Yield the ids of the protocols that the file defines, and what each is."""
    for element in root.iter():
        if local_name(element.tag) == "protocolProviders" and element.get("protocol"):
            yield _attribute(element, "id"), element.get("protocol", "")


def _attribute(element: Element, name: str) -> str:
    """Return an attribute in whatever namespace."""
    return next((value for key, value in element.items() if local_name(key) == name), "")


def _type(element: Element) -> str:
    return _attribute(element, "type").rpartition(":")[2]


def _session(element: Element, protocols: Mapping[str, str]) -> ForeignSession:
    properties = dict(_custom(element))
    for side, kind, default in (("Store", "store", "imap"), ("Transport", "transport", "smtp")):
        properties |= _fields(element, side, kind, protocols, default)
    outgoing = _login(element, "Transport")
    reading = complete(
        properties,
        reads_with=_login(element, "Store"),
        sends_with=outgoing,
        # The field of the user is for a server that requires a login.
        always_logs_in=bool(outgoing.username),
    )
    name = element.get("name") or "websphere"
    return ForeignSession(name, reading, element.get("jndiName") or None, remarks=_from(element))


def _fields(
    element: Element, side: str, kind: str, protocols: Mapping[str, str], default: str
) -> dict[str, str]:
    """Return the properties that the attributes of one side amount to."""
    host, port = (element.get(f"mail{side}{name}", "").strip() for name in ("Host", "Port"))
    named = _protocol(element.get(f"mail{side}Protocol", "").strip(), protocols)
    if not host:
        # WebSphere sets the protocol of a side without a server too.
        return {}
    protocol = named or default
    amount = {f"mail.{kind}.protocol": protocol, f"mail.{protocol}.host": host}
    return amount | ({f"mail.{protocol}.port": port} if port else {})


def _custom(element: Element) -> Iterator[tuple[str, str]]:
    for one in element.iter():
        if local_name(one.tag) == "resourceProperties" and one.get("name"):
            yield one.get("name", ""), one.get("value", "")


def _protocol(reference: str, protocols: Mapping[str, str]) -> str:
    """Return what a reference such as `builtin_smtp` or `…resources.xml#builtin_smtp` means."""
    known = reference.rpartition("#")[2].strip("()")
    return protocols.get(known, known.removeprefix("builtin_"))


def _login(element: Element, side: str) -> Login:
    name = f"mail{side}Password"
    user, password = element.get(f"mail{side}User", ""), element.get(name, "")
    revealed = reveal(password) if password else None
    unreadable = _UNREADABLE if password and revealed is None else None
    return Login(user.strip() or None, revealed or None, name, unreadable)


def _from(element: Element) -> tuple[Remark, ...]:
    if not element.get("mailFrom"):
        return ()
    return (Remark("mailFrom", "has its own place here: `address` of each category"),)
