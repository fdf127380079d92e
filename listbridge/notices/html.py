"""The HTML of a notice, made of its plain text: paragraphs, and indented lines as they stand.

An indented line `what is to be done: <mailto:...>` becomes a link.
"""

import re
from html import escape
from textwrap import dedent

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
    return "\n".join(map(_block, text.strip("\n").split("\n\n")))


def _block(block: str) -> str:
    if all(line.startswith(" ") for line in block.splitlines()):
        lines = dedent(block).splitlines()
        return "<pre>{}</pre>".format("\n".join(map(_line, lines)))
    return f"<p>{escape(' '.join(block.split()))}</p>"


def _line(line: str) -> str:
    link = _LINK.fullmatch(line)
    if link is None:
        return escape(line)
    blanks, label, target = link.groups()
    return f'{blanks}<a href="{escape(target)}">{escape(label)}</a>'
