"""The table as a picture: how far each figure is above or below its target."""

from collections.abc import Sequence
from math import log10
from xml.sax.saxutils import escape

from benchmarks.measure import Row

_TEXT, _BARS, _HEIGHT = 470, 480, 24  #: pixels
_FIRST, _LAST = -1.0, 2.0  #: decades: from a tenth of the target to a hundred times
_REACHED, _MISSED = "#2f855a", "#c05621"


def picture(rows: Sequence[Row]) -> str:
    """Return an SVG with one bar for each row, in decades from the target."""
    height = (len(rows) + 2) * _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_TEXT + _BARS} {height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for decade, words in ((-1, "a tenth"), (0, "the target"), (1, "10 ×"), (2, "100 ×")):
        x = _x(decade)
        parts.append(f'<path d="M{x:.0f} {_HEIGHT}V{height - _HEIGHT / 2}" stroke="#bbb"/>')
        anchor = "end" if decade == _LAST else "middle"
        parts.append(f'<text x="{x:.0f}" y="16" text-anchor="{anchor}" fill="#555">{words}</text>')
    for number, row in enumerate(rows, 1):
        parts += _bar(row, number * _HEIGHT)
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: Row, top: float) -> list[str]:
    end, target = _x(log10(row.ratio)), _x(0)
    left, width = min(end, target), max(abs(end - target), 1)
    colour = _REACHED if row.ratio >= 1 else _MISSED
    place = f'x="{left:.0f}" y="{top + 4:.0f}" width="{width:.0f}" height="{_HEIGHT - 8}"'
    title = escape(f"{row.ours}; {row.wanted}")
    return [
        f'<text x="4" y="{top + 16:.0f}">{row.target}. {escape(row.what)}</text>',
        f'<rect {place} fill="{colour}"><title>{title}</title></rect>',
    ]


def _x(decades: float) -> float:
    inside = min(max(decades, _FIRST), _LAST)
    return _TEXT + _BARS * (inside - _FIRST) / (_LAST - _FIRST)
