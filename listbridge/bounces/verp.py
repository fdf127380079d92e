"""Envelope senders that name the recipient (VERP): what comes back to one says whose it was.

`general+bounces-gone=example.net@example.org` stands for gone@example.net. It is no secret and
proves nothing by itself.
"""

import re

_MARK = "bounces-"
# What needs no quotation marks before the @ (RFC 5321 4.1.2), and no more of it than servers have
# to take (4.5.3.1.1). Without the signs that ours would refuse when it comes back: Postfix takes
# `%` and `!` for a way to another server (allow_untrusted_routing), and Exim as Debian sets it up
# has none of [%!/|`#&?] in addresses of its own (CHECK_RCPT_LOCAL_LOCALPARTS).
_PLAIN = re.compile(r"[A-Za-z0-9$'*+=^_{}~.-]{1,64}")


def sender(list_address: str, recipient: str) -> str:
    """Return the envelope sender for one recipient's own copy.

    It is the list's address itself where his does not fit into one.
    """
    local, _, domain = list_address.rpartition("@")
    who, _, where = recipient.rpartition("@")
    own = f"{local}+{_MARK}{who}={where}"
    return f"{own}@{domain}" if _PLAIN.fullmatch(own) else list_address


def recipient(list_address: str, address: str) -> str | None:
    """Return whose copy's envelope sender this is; None if it is none of this list's."""
    local, _, domain = list_address.rpartition("@")
    start, end = f"{local}+{_MARK}", f"@{domain}"
    if not address.lower().startswith(start.lower()) or not address.lower().endswith(end.lower()):
        return None
    who, equals, where = address[len(start) : len(address) - len(end)].rpartition("=")
    return f"{who}@{where}" if equals and who and where else None
