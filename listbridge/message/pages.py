"""An HTML page as text that goes out in its place: its words, and where its links lead."""

import html
import re

from listbridge.message import text, tokens

# Bounded, so that no tag costs more than one look.
_LINK = re.compile(
    r"""<a\s[^<>]{0,500}?\bhref\s*=\s*(?:"([^"<>]{1,2000})"|'([^'<>]{1,2000})'|([^\s"'<>]{1,2000}))"""
    r"""[^<>]{0,500}>|(</a\s*>)""",
    re.IGNORECASE,
)
_SHOWN = ("http://", "https://", "mailto:")


def as_text(page: str) -> str | None:
    """Return the words of a page; None where it has none, or is too long to be read through."""
    if len(page) > text.LONGEST_HTML:
        return None
    # What markup has kept apart grows together here, and may be a secret.
    return tokens.blotted(text.from_html(_with_links(page))) or None


def _with_links(page: str) -> str:
    """Write behind each link where it leads, unless its own words say so."""
    pieces: list[str] = []
    position, opened, target = 0, 0, ""
    for found in _LINK.finditer(page):
        if found[4] is None:
            opened, target = found.end(), html.unescape(found[1] or found[2] or found[3]).strip()
            continue
        if target.lower().startswith(_SHOWN) and not _says(page[opened : found.start()], target):
            pieces += (page[position : found.start()], f" &lt;{html.escape(target)}&gt;")
            position = found.start()
        target = ""
    return "".join((*pieces, page[position:]))


def _says(label: str, target: str) -> bool:
    bare = re.sub(r"^(https?://|mailto:)", "", target, flags=re.IGNORECASE).rstrip("/")
    return bare.lower() in html.unescape(label).lower()
