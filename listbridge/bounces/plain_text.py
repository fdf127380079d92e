"""Reports in words only: what stands near an address, and addresses that stand near a refusal."""

import re
from collections.abc import Collection, Iterator

from listbridge.bounces import classes
from listbridge.bounces.report import MOST_FAILURES, Failure, shown, usable
from storage.states import BounceClass

#: Characters of a report in words that are read.
MOST = 64 * 1024
_LONGEST_LINE = 400
_NEAR = 4  #: lines behind an address that still speak of it
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]{1,64}@[A-Za-z0-9._-]{1,190}[A-Za-z0-9]")
_REFUSAL = re.compile(
    r"(?<![\d.\w])5\d\d[ -]|(?<![\d.])5\.\d\.\d{1,3}\b|unknown (user|recipient|address)"
    r"|(user|recipient|mailbox|address|account) (is )?(unknown|not found|disabled|full|unavailable)"
    r"|no such (user|recipient|mailbox|address|account)|does(n't| not) exist|quota"
    r"|could ?n[o']t be (delivered|reached)|undeliverable|has failed|permanent(ly)? (fail|error)"
    r"|delivery failed|failed to deliver|was(n't| not) delivered|unzustellbar",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"(has been|is) delayed|not yet been delivered|will (be retried|continue to|keep trying)"
    r"|still being retried|delivery delay",
    re.IGNORECASE,
)
# From here on it is the message that came back.
_RETURNED = re.compile(
    r"^\W{0,20}(original message|(the )?(header|copy|text) of (the|your)( original)? message|"
    r"(this is )?a copy of (the|your)( original)? message|"
    r"below this line is a copy|returned message|message (header|text)s? follow"
    r"|ursprüngliche nachricht)|^(return-path|received|message-id|dkim-signature):",
    re.IGNORECASE,
)


def said_of(recipient: str, text: str) -> str:
    """Return the server's words about an address, as far as they stand beside it."""
    lines = _lines(text)
    for at, line in enumerate(lines):
        place = line.lower().find(recipient.lower())
        if place >= 0:
            behind = line[place + len(recipient) :].strip(" >:;,.)]\"'\t")
            return shown(" ".join([behind, *_paragraph(lines, at, recipient)])) or _refusal(lines)
    return _refusal(lines)


def _refusal(lines: list[str]) -> str:
    """The first line that says with a code why; where several are named it may be another's."""
    return shown(next((line for line in lines if classes.status_in(line)), ""))


def failure(recipient: str, text: str, *, delayed: bool) -> Failure:
    """Make a failure of somebody of whom it is known, with what the report says of him."""
    words = said_of(recipient, text)
    status = classes.status_in(words)
    class_ = BounceClass.TEMPORARY if delayed else classes.of_failure(status, words)
    return Failure(recipient, class_, status, words)


def failures(text: str, without: Collection[str]) -> list[Failure]:
    """Return whom a report in words names beside a refusal; `without` are who it is from and to."""
    lines = _lines(text)
    found: dict[str, Failure] = {}
    for at, line in enumerate(lines):
        said = " ".join([*lines[max(0, at - 1) : at + 1], *_paragraph(lines, at, "")])
        delayed = bool(_DELAY.search(said))
        if not delayed and not _REFUSAL.search(said):
            continue
        for recipient in map(usable, _ADDRESS.findall(line)):
            if recipient is None or recipient.lower() in without or recipient in found:
                continue
            found[recipient] = failure(recipient, text, delayed=delayed)
            if len(found) == MOST_FAILURES:
                return list(found.values())
    return list(found.values())


def _lines(text: str) -> list[str]:
    return [line[:_LONGEST_LINE] for line in _report_only(text[:MOST].splitlines())]


def _report_only(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if _RETURNED.search(line):
            return
        yield line


def _paragraph(lines: list[str], at: int, recipient: str) -> list[str]:
    """The lines behind one, up to a blank line that ends them or to another's address."""
    behind: list[str] = []
    for line in lines[at + 1 : at + 1 + _NEAR]:
        another = any(one.lower() != recipient.lower() for one in _ADDRESS.findall(line))
        if another or (behind and not line.strip()):
            break
        behind += [line.strip()] if line.strip() else []
    return behind
