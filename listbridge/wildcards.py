"""Patterns as in a shell: `*` is any text, `?` any one character, and `\\` makes either plain.

Who writes to a list chooses the text they are compared with. So there is no way back to an earlier
place in it: each character is looked at once, whatever the pattern (Baeza-Yates and Gonnet, "A new
approach to text searching", 1992).
"""

from functools import lru_cache

_ANY = ("*", "?")


def is_pattern(text: str) -> bool:
    """Say whether anything in the text stands for something else."""
    return any(sign in text for sign in (*_ANY, "\\"))


class Pattern:
    """One pattern; upper and lower case are the same."""

    def __init__(self, text: str) -> None:
        self._stars = 0  # places where anything may stand, one bit each
        self._anything = 0  # places where any one character may
        self._places: dict[str, int] = {}  # places of each character
        end = 1
        for sign, plain in _signs(text.casefold()):
            if sign == "*" and not plain:
                self._stars |= end
                continue
            if sign == "?" and not plain:
                self._anything |= end
            else:
                self._places[sign] = self._places.get(sign, 0) | end
            end <<= 1
        self._end = end

    def matches(self, text: str) -> bool:
        """Say whether the whole text is like the pattern."""
        reached, stars, anything, places = 1, self._stars, self._anything, self._places
        for character in text.casefold():
            fitting = anything | places.get(character, 0)
            reached = (reached & fitting) << 1 | reached & stars
            if not reached:
                return False
        return bool(reached & self._end)


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """Return the pattern; the same few are asked for with each message."""
    return Pattern(text)


def _signs(text: str) -> list[tuple[str, bool]]:
    """Return each sign, and whether it stands for nothing but itself."""
    signs: list[tuple[str, bool]] = []
    escaped = False
    for character in text:
        if character == "\\" and not escaped:
            escaped = True
            continue
        signs.append((character, escaped))
        escaped = False
    return [*signs, ("\\", True)] if escaped else signs
