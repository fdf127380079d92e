"""Expectations: what must have come out, checked while the demo runs."""


class Expectations:
    """Counts what was looked at, and keeps a sentence for everything that was not as it should."""

    def __init__(self) -> None:
        self.checked = 0
        self.failed: list[str] = []

    @property
    def all_held(self) -> bool:
        """Say whether everything was as it should be."""
        return not self.failed

    def equal(self, what: str, seen: object, expected: object) -> None:
        """Expect two values to be equal."""
        self.true(seen == expected, f"{what}: expected {expected!r}, but it was {seen!r}")

    def true(self, holds: bool, otherwise: str) -> None:
        """Expect something to hold; if not, `otherwise` says what is wrong."""
        self.checked += 1
        if not holds:
            self.failed.append(otherwise)
