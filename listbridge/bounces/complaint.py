"""RFC 5965 feedback reports: a reader has called our mail spam at his provider."""

from listbridge.bounces.report import Failure, usable
from listbridge.message import headers, parts
from listbridge.message.headers import Head
from listbridge.message.parts import Part
from storage.states import BounceClass

_TYPE = "message/feedback-report"
_MOST_OCTETS = 64 * 1024
# Not `not-spam` (RFC 6430), `auth-failure` (RFC 6591) or `virus`, by which nobody wants to leave.
_COMPLAINTS = {"abuse", "fraud", "opt-out", "opt-out-list", "other"}
# Who complained: RFC 5965 3.2, its drafts, and what Microsoft puts into the returned message.
_IN_REPORT = ("Original-Rcpt-To", "Removal-Recipient")
_IN_RETURNED = ("X-HmXmrOriginalRecipient",)


def failures(raw: bytes, root: Part, returned: Head | None) -> list[Failure] | None:
    """Return who complained; None where there is no feedback report.

    Providers may leave out who it was; then there is one complaint of nobody. So there is where
    several are named: one reader complains at a time, and a forged report is to cost nobody much.
    """
    found = next((part for part in root.own() if part.type == _TYPE), None)
    if found is None:
        return None
    encoded = raw[found.body_start : min(found.end, found.body_start + _MOST_OCTETS)]
    head, _ = headers.split(parts.decoded(encoded, found.content.encoding).lstrip(b"\r\n"))
    kind = head.text("Feedback-Type").lower()
    if kind not in _COMPLAINTS:
        return []
    reason = f"a complaint ({kind})"
    people = _people(head, _IN_REPORT) or (_people(returned, _IN_RETURNED) if returned else [])
    who = people[0] if len(people) == 1 else None
    return [Failure(who, BounceClass.COMPLAINT, None, reason)]


def _people(head: Head, names: tuple[str, ...]) -> list[str]:
    found = (usable(field.text) for name in names for field in head.all(name))
    return list(dict.fromkeys(one for one in found if one))
