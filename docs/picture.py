"""Draws docs/demo.svg: what `listbridge demo --once` shows on a terminal."""

import io
import re
from pathlib import Path

from rich.console import Console

from listbridge import demo

console = Console(record=True, width=82, force_terminal=True, file=io.StringIO())
demo.run(once=True, console=console)
svg = console.export_svg(title="listbridge demo --once")
# The reader's own monospaced font will do; nothing is to be fetched for a picture.
svg = re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "monospace")
Path(__file__).with_name("demo.svg").write_text(svg, encoding="utf-8")
