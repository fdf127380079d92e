"""The readable words of a message: its text parts, else its HTML reduced to text."""

import html
import re

from listbridge.message import parts, words
from listbridge.message.parts import Part

#: Octets of one part that are read as text; more serves no reader, search or moderator.
LONGEST = 1_000_000
_LONGEST_IN_ALL = 2_000_000
#: Characters of HTML: each tag costs a step here, and there is more markup than text in it.
LONGEST_HTML = 250_000
_ODD_LINE_END = re.compile(r"[\x0b\x0c\x85\u2028\u2029]")
_BLANKS = re.compile(r"\s+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BLOCK = frozenset(
    (
        *("address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figure"),
        *(
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "li",
            "main",
            "nav",
        ),
        *("ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
    )
)
_SILENT = frozenset(("script", "style", "head", "title", "template", "noscript"))
_TAG_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,20})")
# Tags as most are, to be passed over in one step.
_PLAIN_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,20})[^<>]{0,200}>")


def readable(raw: bytes, root: Part) -> str:
    """The body for people. What an attached message says is not part of it."""
    found = _inline(raw, root)
    if not found.strip():
        # `text/plain; name=body.txt` without a disposition is how some programs send the body.
        found = next((_plain(raw, p) for p in root.own() if _named_text(p)), "")
    return found.strip("\n")[:_LONGEST_IN_ALL]


def named_body(raw: bytes, root: Part) -> Part | None:
    """Return the part that is read as the body although it has a name as files have, or None."""
    found = next((part for part in root.own() if _named_text(part)), None)
    return found if found is not None and not _inline(raw, root).strip() else None


def is_body(part: Part) -> bool:
    """Say whether a leaf is text to be read in place, not a file that came along."""
    what = part.content
    if what.type not in ("text/plain", "text/html", "text/enriched") and not _is_broken(part):
        return False
    return what.disposition != "attachment" and not what.filename


def _is_broken(part: Part) -> bool:
    """A multipart without any part: its body is all there is to read."""
    return part.content.main == "multipart" and not part.children


def _named_text(part: Part) -> bool:
    what = part.content
    return what.type == "text/plain" and not what.disposition and bool(what.filename)


def _inline(raw: bytes, part: Part) -> str:
    if part.type == "multipart/alternative":
        return _best(raw, part)
    if part.content.main == "multipart" and part.children:
        return _joined(raw, part)
    return _leaf(raw, part) if is_body(part) else ""


def _joined(raw: bytes, part: Part) -> str:
    pieces: list[str] = []
    size = 0
    for child in part.children:
        piece = _inline(raw, child)
        if piece.strip():
            pieces.append(piece)
            size += len(piece)
        if size > _LONGEST_IN_ALL:
            break
    return "\n".join(pieces)


def _best(raw: bytes, part: Part) -> str:
    """The first alternative in plain text that says something, else the first that does at all."""
    plain_first = sorted(part.children, key=lambda child: child.type != "text/plain")
    return next((found for child in plain_first if (found := _inline(raw, child)).strip()), "")


def _leaf(raw: bytes, part: Part) -> str:
    found = _plain(raw, part)
    return from_html(found) if part.type == "text/html" else found


def _plain(raw: bytes, part: Part) -> str:
    encoded = raw[part.body_start : min(part.end, part.body_start + 3 * LONGEST)]
    octets = parts.decoded(encoded, part.content.encoding)[:LONGEST]
    # A regular expression takes ten times as long for the ordinary ones.
    found = words.text(octets, part.content.charset).replace("\r\n", "\n").replace("\r", "\n")
    return _without_controls(_ODD_LINE_END.sub("\n", found))


def _without_controls(value: str) -> str:
    return _CONTROLS.sub("\ufffd", value)


def from_html(source: str) -> str:
    """Reduce HTML to its text in one pass; no markup survives, broken markup included.

    `html.parser` of Python 3.11 takes quadratic time on unclosed constructs (CVE-2025-6069), so
    the tags are skipped by hand.
    """
    source = _BLANKS.sub(" ", source[:LONGEST_HTML])
    pieces: list[str] = []
    unclosed: set[str] = set()
    position = 0
    while (opening := source.find("<", position)) >= 0:
        if opening > position:
            pieces.append(_words(source[position:opening]))
        plain = _PLAIN_TAG.match(source, opening)
        if plain is not None and (name := plain[1].lower()) not in _SILENT:
            position = plain.end()
            if name in _BLOCK:
                pieces.append("\n")
        else:
            position, piece = _after_tag(source, opening, unclosed)
            pieces.append(piece)
    pieces.append(_words(source[position:]))
    lines = [" ".join(line.split()) for line in "".join(pieces).split("\n")]
    return _without_controls(_few_blank_lines(lines))


def _words(source: str) -> str:
    return _BLANKS.sub(" ", html.unescape(source)) if "&" in source else source


def _after_tag(source: str, opening: int, unclosed: set[str]) -> tuple[int, str]:
    """Where the text goes on after the markup at `opening`, and what it stands for in text."""
    if source.startswith("<!--", opening):
        return _after(source, "-->", opening + 4), ""
    match = _TAG_NAME.match(source, opening + 1)
    if match is None:
        # `<!doctype …>` and `<?xml …?>` are markup; `a < b` is not.
        is_markup = source[opening + 1 : opening + 2] in ("!", "?", "/")
        return (_after(source, ">", opening), "") if is_markup else (opening + 1, "<")
    name = match[1].lower()
    end = _after(source, ">", opening)
    if name in _SILENT and not source.startswith("</", opening):
        return _after_element(source, name, end, unclosed), ""
    return end, "\n" if name in _BLOCK else ""


def _after(source: str, what: str, position: int) -> int:
    found = source.find(what, position)
    return len(source) if found < 0 else found + len(what)


def _after_element(source: str, name: str, position: int, unclosed: set[str]) -> int:
    """Behind the end tag; where there is none, the element is taken as empty, so that text stays.

    `unclosed` remembers what was looked for in vain, or each start tag would search to the end.
    """
    for end_tag in (f"</{name}", f"</{name.upper()}"):
        found = -1 if end_tag in unclosed else source.find(end_tag, position)
        if found >= 0:
            return _after(source, ">", found)
        unclosed.add(end_tag)
    return position


def _few_blank_lines(lines: list[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n")
