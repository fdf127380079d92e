"""The bytes that may leave: CRLF only, no NUL, ending with a line end.

A bare CR or LF lets some servers see the end of a message where others see text, so that a second
message can be smuggled in (CVE-2023-51764 and its family). None leaves, wherever it came from.
"""

LONGEST_LINE = 998  # RFC 5322 2.1.1, without CRLF


def wire(head: bytes, body: bytes) -> bytes:
    """Join head (blank line included) and body into what is given to the server.

    A body that is clean already passes byte for byte; one that lacks the last line end gets it.
    """
    message = clean(head) + clean(body)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def clean(data: bytes) -> bytes:
    """Return `data` with CRLF line ends only and without NUL; the same object when it is clean."""
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    crlf = data.count(b"\r\n")
    if data.count(b"\n") == crlf == data.count(b"\r"):
        return data
    # By way of LF alone: a regular expression takes gigabytes for a large body of line ends.
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def is_deliverable(data: bytes, start: int = 0, end: int | None = None) -> bool:
    """Say whether nothing but line ends may have to be mended: no NUL, no line over 998 octets."""
    end = len(data) if end is None else end
    return data.find(b"\0", start, end) < 0 and not _has_long_line(data, start, end)


def _has_long_line(data: bytes, start: int, end: int) -> bool:
    """From the start of a line, jump behind the last line end that a lawful line can be away."""
    while start + LONGEST_LINE < end:
        window_end = start + LONGEST_LINE + 1
        line_end = max(data.rfind(b"\n", start, window_end), data.rfind(b"\r", start, window_end))
        if line_end < 0:
            return True
        start = line_end + 1
    return False
