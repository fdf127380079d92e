"""Names in braces that stand for something in texts that operators write, such as footers.

Each is replaced by a value from a table, and nothing else happens: no expressions, no attributes,
no second round. All other braces mean themselves.
"""

import re
from collections.abc import Mapping

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def unknown(text: str, known: tuple[str, ...]) -> str | None:
    """Say which name in the text is none of those known; None if there is none such."""
    wrong = next((name for name in _NAME.findall(text) if name not in known), None)
    if wrong is None:
        return None
    names = ", ".join(f"{{{name}}}" for name in known)
    return f"there is no {{{wrong}}}; what may stand here is {names}"


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put in the values; a name that has none stays as it is."""
    return _NAME.sub(lambda found: values.get(found[1], found[0]), text)
