"""The first lines of a text, for whoever wants to know what it is about."""

from textwrap import shorten

_LINES = 8
_SIGNS = 500


def opening(text: str) -> str:
    """Return the first lines that are the author's own, without what he quotes and his signature.

    A line that is cut, and more that follows, is shown by an ellipsis.
    """
    kept: list[str] = []
    left = _SIGNS
    for line in text.splitlines():
        if line.rstrip() == "--":  # RFC 3676 4.3
            break
        line = " ".join(line.split())
        if not line or line.startswith(">"):
            continue
        if len(kept) == _LINES or left <= 0:
            kept.append("…")
            break
        kept.append(shorten(line, left, placeholder=" …") if len(line) > left else line)
        left -= len(line)
    return "\n".join(kept)
