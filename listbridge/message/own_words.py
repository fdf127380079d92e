"""What somebody has written himself in an answer: no quotation, no signature.

Mail programs quote in three ways: with `>` in front of each line; below a line such as "Original
Message" or the fields of a header (Outlook); and, as HTML reduced to text shows it, not marked at
all. Of a mail of ours with a token in its first and its last line all of them are told apart, for
tokens are blotted out in the text that is read.
"""

import re
from collections.abc import Sequence

from listbridge.message import tokens
from listbridge.message.parse import ParsedMessage

_QUOTED = re.compile(r"\s*>")
# Below these nothing is one's own, in English, German and French, as Outlook and its kin write it.
_ORIGINAL = re.compile(
    r"\s*(?:-{2,}\s*(?:original message|ursprüngliche nachricht|message d['’]origine"
    r"|forwarded message|weitergeleitete nachricht|message transféré)\s*-{2,}|_{20,}\s*$)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\s*\*?(?:from|von|de)\s?:\*?\s", re.IGNORECASE)
_NEXT_FIELD = re.compile(
    r"\s*\*?(?:sent|date|to|gesendet|datum|an|envoyé|à|subject|betreff|objet)\s?:", re.IGNORECASE
)
# "On Sat, 21 Nov 2026, General <general@example.org> wrote:", which may take two lines or three.
_WROTE = re.compile(r".*:\s*$")
_ON_A_DAY = re.compile(r"\s*(?:on|am|le)\b.*\d|\s*\d", re.IGNORECASE)
_MOST_LINES = 3


def own_words(parsed: ParsedMessage) -> str:
    """Return what stands above the quotation or, where that is nothing, what stands below it."""
    # Apple's programs put such a sign, which nobody sees, in front of what they quote.
    lines = parsed.text.replace("\ufeff", "").splitlines()
    marks = [at for at in range(len(lines)) if _begins_quotation(lines, at)]
    if not marks:
        return _text(lines)
    above = _text(_without_attribution(lines[: marks[0]]))
    if above:
        return above
    last = max(at for at in range(len(lines)) if _is_quoted(lines[at]) or at == marks[0])
    return _text(lines[last + 1 :])


def _begins_quotation(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    if _is_quoted(line) or _ORIGINAL.match(line):
        return True
    following = next((x for x in lines[at + 1 : at + 3] if x.strip()), "")
    # GMX and its kin say first when it was sent.
    return any(
        _FIELD.match(one) and _NEXT_FIELD.match(other)
        for one, other in ((line, following), (following, line))
    )


def _is_quoted(line: str) -> bool:
    return bool(_QUOTED.match(line)) or tokens.holds_blotted(line)


def _without_attribution(lines: Sequence[str]) -> Sequence[str]:
    """Leave out who wrote what is quoted, and when."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    if not end or not _WROTE.match(lines[end - 1]):
        return lines
    for start in range(end - 1, max(end - 1 - _MOST_LINES, -1), -1):
        if _ON_A_DAY.match(lines[start]):
            return lines[:start]
    return lines


def _text(lines: Sequence[str]) -> str:
    """The lines up to the signature (RFC 3676 4.3), without blank ones around them."""
    signature = next((at for at, line in enumerate(lines) if line.rstrip() == "--"), len(lines))
    return "\n".join(line.rstrip() for line in lines[:signature]).strip()
