"""Envelope senders that name the recipient (VERP): what comes back to one says whose it was.

`general+bounces-gone=example.net@example.org` stands for gone@example.net. It is no secret and
proves nothing by itself.
"""

_MARK = "bounces-"


def sender(list_address: str, recipient: str) -> str:
    """Return the envelope sender for one recipient's own copy."""
    local, _, domain = list_address.rpartition("@")
    who, _, where = recipient.rpartition("@")
    return f"{local}+{_MARK}{who}={where}@{domain}"


def recipient(list_address: str, address: str) -> str | None:
    """Return whose copy's envelope sender this is; None if it is none of this list's."""
    local, _, domain = list_address.rpartition("@")
    start, end = f"{local}+{_MARK}", f"@{domain}"
    if not address.lower().startswith(start.lower()) or not address.lower().endswith(end.lower()):
        return None
    who, equals, where = address[len(start) : len(address) - len(end)].rpartition("=")
    return f"{who}@{where}" if equals and who and where else None
