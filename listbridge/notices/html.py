"""The HTML of a notice, made of its plain text: paragraphs, and indented lines as they stand."""

from html import escape
from textwrap import dedent

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
        return f"<pre>{escape(dedent(block))}</pre>"
    return f"<p>{escape(' '.join(block.split()))}</p>"
