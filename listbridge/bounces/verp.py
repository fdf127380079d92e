"""Envelope senders that name the recipient (VERP): what comes back to one says whose it was.

`general+bounces-gone=example.net=k7wq2dm4@example.org` stands for gone@example.net. The last sign
of equality is followed by a code that only we can compute, and that his copy alone shows: whoever
reports to the address has it from there.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

_MARK = "bounces-"
# 8 digits of base32 (RFC 4648 6). Each guess takes a mail; more of them would leave less room.
_CODE_OCTETS = 5
# What needs no quotation marks before the @ (RFC 5321 4.1.2), and no more of it than servers have
# to take (4.5.3.1.1). Without the signs that ours would refuse when it comes back: Postfix takes
# `%` and `!` for a way to another server (allow_untrusted_routing), and Exim as Debian sets it up
# has none of [%!/|`#&?] in addresses of its own (CHECK_RCPT_LOCAL_LOCALPARTS).
_PLAIN = re.compile(r"[A-Za-z0-9$'*+=^_{}~.-]{1,64}")


@dataclass(frozen=True)
class Named:
    """Whom an envelope sender names, and the code in it, which may be made up."""

    recipient: str
    code: str = field(repr=False)

    def is_by(self, secret: str) -> bool:
        """Say whether we have made it; `secret` is the subscriber's (`storage.leaving`)."""
        return hmac.compare_digest(self.code.encode("utf-8", "replace"), _code(secret).encode())


def sender(list_address: str, recipient: str, secret: str | None) -> str:
    """Return the envelope sender for one recipient's own copy.

    `secret` is that by which he leaves. Without one, and where his address does not fit, it is the
    list's address itself.
    """
    if secret is None:
        return list_address
    local, _, domain = list_address.rpartition("@")
    who, _, where = recipient.rpartition("@")
    own = f"{local}+{_MARK}{who}={where}={_code(secret)}"
    return f"{own}@{domain}" if _PLAIN.fullmatch(own) else list_address


def named(list_address: str, address: str) -> Named | None:
    """Return whom an envelope sender of this list names; None if it is none."""
    local, _, domain = list_address.rpartition("@")
    start, end = f"{local}+{_MARK}", f"@{domain}"
    if not address.lower().startswith(start.lower()) or not address.lower().endswith(end.lower()):
        return None
    whom, _, code = address[len(start) : len(address) - len(end)].rpartition("=")
    who, _, where = whom.rpartition("=")
    # Servers may have written all of it in lower case or in capitals.
    return Named(f"{who}@{where}", code.lower()) if who and where else None


def _code(secret: str) -> str:
    """Return the code for whoever has this secret, which cannot be told from it."""
    digest = hashlib.sha256(f"{_MARK}{secret}".encode("ascii")).digest()
    return base64.b32encode(digest[:_CODE_OCTETS]).decode("ascii").lower()
