"""How findings look: a JSON object each, or lines below the name of their category."""

from rich.text import Text

from listbridge.cli import output
from listbridge.service.checking import Finding

# As wide as the longer of the two words, and a gap.
_MARK = 8
_INDENT = " " * (2 + _MARK)


class Findings:
    """Prints findings as they come, those of one category in a row."""

    def __init__(self, *, as_json: bool, stderr: bool = False) -> None:
        self._as_json = as_json
        self._console = output.console(stderr=stderr)
        self._heading: str | None = None

    def show(self, finding: Finding) -> None:
        """Print one more."""
        if self._as_json:
            output.show_json(vars(finding))
            return
        heading = finding.category or "The service"
        if heading != self._heading:
            self._heading = heading
            self._console.print(Text(output.printable(heading), style=self._style("bold")))
        word, style = ("ok", "green") if finding.ok else ("not ok", "bold red")
        seen = output.printable(f"{finding.what}: {finding.seen}")
        self._console.print(Text.assemble("  ", (f"{word:<{_MARK}}", self._style(style)), seen))
        if finding.cure:
            self._console.print(Text(f"{_INDENT}→ {output.printable(finding.cure)}"))

    def _style(self, wanted: str) -> str:
        # Without colour rich would leave bold in, which tables are without, too.
        return "" if self._console.no_color else wanted
