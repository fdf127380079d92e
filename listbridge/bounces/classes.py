"""Which class a failure is of, by its status (RFC 3463) and by the server's own words.

What a status says plainly counts before any word; words decide where it says nothing.
"""

import re

from storage.states import BounceClass

# Of RFC 3463 and RFC 7372: the sender, or what he sent, is refused; and 5.1.7, 5.1.8: his address.
_POLICY_STATUS = re.compile(r"[45]\.(7\.\d+|1\.[78])")
# These say nothing more than that it failed (RFC 3463 3.1, and what servers use like that).
_VAGUE_STATUS = re.compile(r"[45]\.(\d+\.0|3\.\d+|5\.\d+|6\.\d+|4\.[0567])")
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"[45]\d\d\b")
_CODE = re.compile(r"(?<![\d.\w])([45]\d\d)(?=[ \-]|$)")
# The words of real servers, all repetitions bounded: this is text from outside.
_POLICY_WORDS = re.compile(
    r"\bspam|\bdmarc\b|\bdkim\b|\bspf\b|block ?list|black ?list|deny ?list|\brbl\b|\bdnsbl\b"
    r"|spamhaus|spamcop|barracuda|sorbs|\breputation\b|unsolicited|bulk mail|junk mail"
    r"|rate ?limit|too many messages|(sending|message) rate"
    r"|content (was )?(rejected|refused|blocked)|\bpolicy\b|poor reputation"
    r"|relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited)|unable to relay"
    r"|not authori[sz]ed|blocked (for|due to|because|by|using)|(ip|host|address) .{0,60}\bblocked",
    re.IGNORECASE,
)
# A dead address may well be told with a link to the anti-spam page.
_ADDRESS_WORDS = re.compile(
    r"(user|recipient|mailbox|address|account)\b.{0,40}\b(unknown|does ?n[o']t exist|not found"
    r"|disabled|inactive|unavailable|invalid|is full)|quota|mailbox full"
    r"|(unknown|no such|invalid|nonexistent) (\w{1,20} )?(user|recipient|mailbox|address|account)",
    re.IGNORECASE,
)


def status_in(text: str) -> str | None:
    """Return the first status within a server's words; else a general one for its reply code."""
    if found := _STATUS.search(text):
        return found[1]
    code = _CODE.search(text)
    return f"{code[1][0]}.0.0" if code else None


def best_status(declared: str | None, text: str) -> str | None:
    """Return the more telling of a declared status and the one within the words."""
    own = status_in(text)
    if declared is None or (own is not None and declared.endswith(".0.0")):
        return own or declared
    return declared


def of_failure(status: str | None, text: str) -> BounceClass:
    """Say whether a message that failed for good did so by the address, or by a policy."""
    if status and _POLICY_STATUS.fullmatch(status):
        return BounceClass.POLICY
    if status and not _VAGUE_STATUS.fullmatch(status):
        return BounceClass.PERMANENT
    if _POLICY_WORDS.search(text) and not _ADDRESS_WORDS.search(text):
        return BounceClass.POLICY
    return BounceClass.PERMANENT


def of_reply(reply: str, *, given_up: bool) -> BounceClass | None:
    """Say of which class a reply to our own attempts is; None where no server said it.

    What was given up failed for now each time: only a reply about the address itself (RFC 3463
    X.1.X, X.2.X) is taken to be final.
    """
    if not _REPLY.match(reply):
        return None
    status = status_in(reply)
    found = of_failure(status, reply)
    if given_up and found is BounceClass.PERMANENT and not (status and status[1:3] in (".1", ".2")):
        return BounceClass.TEMPORARY
    return found


def blames_address(class_: BounceClass, status: str | None, text: str) -> bool | None:
    """Say whether a failure speaks against the address; None where it says too little for that.

    RFC 3463: X.3.X is the mail system, X.5.X the protocol, X.6.X the content; 5.2.3 and 5.3.4 the
    message's size. None of these would become better by leaving a subscriber out.
    """
    if class_ is not BounceClass.PERMANENT:
        return False
    if _ADDRESS_WORDS.search(text):
        return True
    if status is None or status.endswith(".0.0"):
        return None
    return status[1:3] not in (".3", ".5", ".6") and status[1:] != ".2.3"
