"""What a category asks about header fields: a value that must be there, or must not.

Whoever writes a message can put any field into it. So where a value is required, only the topmost
field of that name counts, as the last server on the way writes it; a forbidden one counts anywhere.
"""

import re

from listbridge.message import Head
from listbridge.posting import HeaderRule
from listbridge.wildcards import pattern

# What filters say fits into less; more of a field is not looked at.
_LONGEST = 16 * 1024
_NUMBER = re.compile(r"\s*([+-]?\d{1,9}(?:\.\d{1,9})?)")


def objection(head: Head, rule: HeaderRule) -> str | None:
    """Return why the rule applies to a message with this head, or None."""
    values = [one.text[:_LONGEST] for one in head.all(rule.name)]
    if rule.required:
        if values and _fits(values[0], rule):
            return None
        return (
            f"its field {rule.name} {'does not say what is required' if values else 'is missing'}"
        )
    if any(_fits(value, rule) for value in values):
        return f"its field {rule.name} {_said(rule)}"
    return None


def _fits(value: str, rule: HeaderRule) -> bool:
    if rule.at_least is not None:
        found = number(value, rule.behind)
        return found is not None and found >= rule.at_least
    return rule.matches is None or pattern(rule.matches).matches(value)


def number(value: str, behind: str) -> float | None:
    """Return the number that stands right behind a text, or at the start where that is empty."""
    start = value.lower().find(behind.lower())
    found = _NUMBER.match(value, start + len(behind)) if start >= 0 else None
    return float(found[1]) if found else None


def _said(rule: HeaderRule) -> str:
    if rule.at_least is not None:
        return f"has a number of at least {rule.at_least:g}"
    return "is there" if rule.matches is None else f"is like {rule.matches!r}"
