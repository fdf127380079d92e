"""The HTML of a notice, made of its plain text: paragraphs, and indented lines as they stand.

An indented line `what is to be done: <mailto:...>` becomes a link if there is a token in it. What
others wrote holds none any more, so nobody can have his own link look like one of ours.
"""

import re
from html import escape
from textwrap import dedent

from listbridge.message import tokens

_LINK = re.compile(r"( *)([^<>]+): <(mailto:[^<>\s]+)>")
_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head><meta charset="utf-8"><title>{title}</title></head>
<body style="font-family: sans-serif">
{body}
</body>
</html>
"""


def page(body: str, *, title: str, language: str) -> str:
    """Return a whole page around what stands in its body."""
    return _PAGE.format(body=body.strip("\n"), title=escape(title), language=escape(language))


def from_text(text: str) -> str:
    """Return paragraphs for what blank lines part; nothing of the text becomes markup."""
    return "\n".join(_block(one.strip("\n")) for one in text.split("\n\n") if one.strip())


def _block(block: str) -> str:
    if all(line.startswith(" ") for line in block.splitlines()):
        lines = dedent(block).splitlines()
        return "<pre>{}</pre>".format("\n".join(map(_line, lines)))
    return f"<p>{escape(' '.join(block.split()))}</p>"


def _line(line: str) -> str:
    link = _LINK.fullmatch(line)
    if link is None or not tokens.found_in(link[3]):
        return escape(line)
    blanks, label, target = link.groups()
    return f'{blanks}<a href="{escape(target)}">{escape(label)}</a>'
