"""Whether a message is a report at all: a mail system wrote it, and it is about a failure.

Without this, whoever shows a bounce to the list, or answers one, would be taken for one.
"""

import re

from listbridge import message
from listbridge.message import ParsedMessage

# Systems that say neither with the empty envelope sender nor by MAILER-DAEMON what they are.
_SYSTEM = re.compile(
    r"\b(postmaster|mdaemon|imss)\b|\bmail[ ._-]delivery\b|(_|\b)smtp(_|\b)"
    r"|\b(system administrator|jetmail system)\b",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"undeliver|non-?deliver|not (be |been )?delivered|returned mail|rejected mail|user unknown"
    r"|deliver\w{0,3} (status|report|notification|fail|warning|problem|error)"
    r"|fail(ed|ure)\b.{0,20}\b(mail|deliver|notice)|mail\b.{0,20}\b(fail|error)",
    re.IGNORECASE,
)


def is_report(parsed: ParsedMessage) -> bool:
    """Say whether a mail system reports with this message that another one was not delivered."""
    return message.bounce_reason(parsed) is not None or _is_old_fashioned(parsed)


def _is_old_fashioned(parsed: ParsedMessage) -> bool:
    """Know a system by its name and its subject; nobody's answer is taken for one."""
    if parsed.references or message.is_answer(parsed.subject):
        return False
    written_by = parsed.head.text("From")
    return bool(_SYSTEM.search(written_by) and _FAILURE.search(parsed.subject))
