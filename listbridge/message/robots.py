"""Facts by which mail that no person wrote as a post is told apart: bounces, auto-replies, loops.

Each function answers with the reason, or None.
"""

import re

from listbridge.message import addresses
from listbridge.message.errors import AddressError
from listbridge.message.headers import Head
from listbridge.message.parse import ParsedMessage

LOOP_HEADER = "X-Listbridge-Loop"
_MOST_RECEIVED = (
    50  # RFC 5321 6.3 asks for at least 100 in a relay; a post has no such way behind it
)
_REPORTS = {"delivery-status": "a delivery report", "feedback-report": "a complaint report"}
_REPORT_PARTS = {f"message/{kind}": text for kind, text in _REPORTS.items()}
_DAEMONS = ("mailer-daemon", "mail-daemon", "mailerdaemon")
_POSTMASTERS = ("postmaster", *_DAEMONS)
# Only at the very start: a person answers with `Re: Out of Office: …`.
_ROBOT_SUBJECTS = (
    "automatic reply:",
    "auto reply:",
    "auto-reply:",
    "autoreply:",
    "out of office:",
    "out of office autoreply:",
    "out of the office:",
    "automatische antwort:",
    "abwesenheitsnotiz:",
    "réponse automatique",
    "respuesta automática:",
    "risposta automatica:",
    "automatisch antwoord:",
    "automatiskt svar:",
    "resposta automática:",
    "odpowiedź automatyczna:",
)
# vacation(1) and its relatives.
_WHOLE_SUBJECTS = ("away from my mail", "away from my e-mail", "away from my email")


def bounce_reason(parsed: ParsedMessage) -> str | None:
    """Say why this is a report about mail that could not be delivered, or None.

    Only the message itself counts; a person who forwards or quotes a report writes a post.
    """
    kind = parsed.root.type
    if kind in _REPORT_PARTS:
        return f"it is {_REPORT_PARTS[kind]}"
    if kind == "multipart/report":
        return _report(parsed)
    sender = _local_part(parsed)
    if sender in _DAEMONS:
        return "it comes from a mailer-daemon"
    if has_null_sender(parsed.head):
        if sender in _POSTMASTERS:
            return "it comes from a postmaster, with the empty envelope sender"
        if parsed.head.first("X-Failed-Recipients"):
            return "it has the empty envelope sender and names failed recipients"
    return None


def _report(parsed: ParsedMessage) -> str | None:
    declared = parsed.root.content.param("report-type").lower()
    if declared in _REPORTS:
        return f"it is {_REPORTS[declared]}"
    kinds = (child.type for child in parsed.root.children)
    return next((f"it is {_REPORT_PARTS[k]}" for k in kinds if k in _REPORT_PARTS), None)


def robot_reason(parsed: ParsedMessage) -> str | None:
    """Say why a program wrote this by itself (RFC 3834), or None; ask `bounce_reason` first."""
    head = parsed.head
    if (submitted := _keyword(head, "Auto-Submitted")) not in ("", "no"):
        return f"its Auto-Submitted field says {submitted}"
    if (precedence := _keyword(head, "Precedence")) in ("auto_reply", "auto-reply", "junk"):
        return f"its Precedence field says {precedence}"
    for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Mail-Autoreply"):
        if head.first(name) and _keyword(head, name) != "no":
            return f"it has the field {name}"
    if head.first("X-Autoreply-From"):
        return "it has the field X-Autoreply-From"
    if _is_disposition_report(parsed):
        return "it is a report that somebody opened a message"
    if has_null_sender(head):
        return "it has the empty envelope sender"
    subject = parsed.subject.casefold()
    found = next((s for s in _ROBOT_SUBJECTS if subject.startswith(s)), None)
    if found is not None:
        return f"its subject begins with “{found}”"
    # People write these words too, but hardly as all that there is to say.
    said = subject.rstrip(".! ")
    is_all = said in _WHOLE_SUBJECTS or f"{said}:" in _ROBOT_SUBJECTS
    return f"its subject is “{said}” and no more" if is_all else None


def loop_reason(parsed: ParsedMessage, own_address: str, own_list_id: str) -> str | None:
    """Say how it is known that this message has been through the category before, or None."""
    own = addresses.key(own_address)
    if own in passed(parsed.head):
        return "it has been sent out by this list before (loop header)"
    for name in ("List-Id", "X-Original-List-Id"):
        if any(_list_id(f.text) == own_list_id.lower() for f in parsed.head.all(name)):
            return f"it has been sent out by this list before ({name})"
    # A forwarder may take away everything else; nobody but the list writes the list's address here.
    if own in _addresses(parsed.head.value("Sender")):
        return "it has been sent out by this list before (Sender)"
    if parsed.received_count > _MOST_RECEIVED:
        return f"it has passed {parsed.received_count} servers, more than {_MOST_RECEIVED}"
    return None


def passed(head: Head) -> list[str]:
    """Return the lists that a message says it has passed, by the keys of their addresses."""
    return [addresses.key(one.text) for one in head.all(LOOP_HEADER)]


def _addresses(value: bytes) -> set[str]:
    try:
        return {addresses.key(one.address) for one in addresses.mailboxes(value)}
    except AddressError:
        return set()


def unanswerable_reason(parsed: ParsedMessage) -> str | None:
    """Say why a mail that is no robot's must not be answered by one all the same, or None.

    RFC 3834 2: neither what came by a list, nor what was sent to many.
    """
    if (precedence := _keyword(parsed.head, "Precedence")) in ("bulk", "list", "junk"):
        return f"its Precedence field says {precedence}"
    if any(one.key.startswith("list-") for one in parsed.head.fields):
        return "it came by a list"
    return None


def has_null_sender(head: Head) -> bool:
    """Say whether the topmost Return-Path is `<>`: mail that must never be answered."""
    found = head.first("Return-Path")
    return found is not None and found.value.replace(b" ", b"") == b"<>"


def _keyword(head: Head, name: str) -> str:
    """The first word of a field, without comment or parameters."""
    value = head.text(name).lower()
    return re.split(r"[;(\s]", value, maxsplit=1)[0]


def _is_disposition_report(parsed: ParsedMessage) -> bool:
    root = parsed.root
    if root.type == "message/disposition-notification":
        return True
    if root.type != "multipart/report":
        return False
    return root.content.param("report-type").lower() == "disposition-notification" or any(
        child.type == "message/disposition-notification" for child in root.children
    )


def _local_part(parsed: ParsedMessage) -> str:
    """The local part of From; also where the address is no usable one, as with `MAILER-DAEMON`."""
    shown = parsed.author or parsed.head.text("From").rpartition("<")[2]
    return shown.partition("@")[0].strip(' ">').lower()


def _list_id(value: str) -> str:
    inner = value.rpartition("<")[2].partition(">")[0] if "<" in value else value
    return inner.strip().lower()
