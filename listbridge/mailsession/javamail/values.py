"""How the values of properties are read; Java keeps them all as texts."""


class Wrong(Exception):
    """A value that cannot be used; the sentence repeats it only where it can be no secret."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


def text(value: object) -> str | None:
    """Return a value as Java would write it; None for what no property can be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def flag(name: str, value: str) -> bool:
    """Read true or false; JavaMail takes all else for its default, which nobody can mean."""
    if value.lower() not in ("true", "false"):
        raise Wrong(name, "expected true or false")
    return value.lower() == "true"


def number(name: str, value: str) -> int:
    """Read a whole number of Java's size."""
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise Wrong(name, "expected a whole number")
    if int(digits) >= 2**31:
        raise Wrong(name, "the number is too large")
    return int(value)
