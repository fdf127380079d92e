"""On which line of a TOML file each key stands; `tomllib` does not say."""

import re
import tomllib
from collections.abc import Iterator

# One step through a valid file. Strings come first, so that nothing inside them counts.
_PIECE = re.compile(
    r'''
      """(?:\\.|(?!""").)*"{3,5}      # up to two quotation marks may stand before the closing three
    | \'\'\'.*?\'{3,5}
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    | \#[^\n]*
    | [A-Za-z0-9_-]+
    | [^\S\n]+
    | .
    ''',
    re.DOTALL | re.VERBOSE,
)


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of each table and key of a valid TOML text, by its full path.

    What stands inside a value (an inline table, an array) is not listed; look for the key above.
    """
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for line, pieces in _statements(text):
        path = tuple(_plain(piece) for piece in pieces if piece not in ("[", "]", "."))
        if pieces[0] == "[":
            table = path
        else:
            path = (*table, *path)
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], line)
    return found


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each table header and each key with its line, without the values."""
    line, depth, pieces, start, in_value = 1, 0, list[str](), 0, False
    for match in _PIECE.finditer(text + "\n"):
        piece = match[0]
        if piece == "\n" and depth == 0:
            if pieces:
                yield start, pieces
            pieces, in_value = [], False
        elif piece == "=" and depth == 0:
            in_value = True
        elif not (in_value or piece.isspace() or piece.startswith("#")):
            start = start if pieces else line
            pieces.append(piece)
        # A value goes on over line ends for as long as a bracket is open.
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece, 0)
        line += piece.count("\n")


def _plain(key: str) -> str:
    if key.startswith('"'):
        return str(tomllib.loads(f"key = {key}")["key"])
    return key.strip("'")
