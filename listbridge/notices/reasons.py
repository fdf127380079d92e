"""Why a post is held, in other languages than that of the record.

The record and the log have it in English, as the rules (`moderation.rules`) say it. What is said
there is known again by the English text in the catalogue, with whatever stands in it in the place
of the names; so a post that was held before the texts changed is told as it was recorded.
"""

import re
from collections.abc import Mapping
from functools import cache
from string import Template

from listbridge.notices import catalogue
from listbridge.notices.catalogue import FALLBACK, Texts

_WHY, _DOUBT = "why-", "doubt-"
_IN_DOUBT = "doubt"  #: of whom a reason says why; that is a text by itself
_NAME = re.compile(r"\\\$([a-z]+)")


def reason(english: str, language: str, own: Texts) -> str:
    """Return what the rules have said in a language; as it is where nobody has written it so."""
    return _said(_WHY, english, language, own) or english


def _said(kind: str, english: str, language: str, own: Texts) -> str | None:
    for name, pattern in _patterns(kind).items():
        if found := pattern.fullmatch(english):
            values = _values(found.groupdict(), language, own)
            return Template(catalogue.word(name, language, own) or "").safe_substitute(values)
    return None


def _values(found: Mapping[str, str], language: str, own: Texts) -> dict[str, str]:
    values = dict(found)
    if doubt := values.get(_IN_DOUBT):
        values[_IN_DOUBT] = _said(_DOUBT, doubt, language, own) or doubt
    return values


@cache
def _patterns(kind: str) -> dict[str, re.Pattern[str]]:
    """Return how the built-in English texts of a kind look, filled in."""
    return {
        name: re.compile(_NAME.sub(r"(?P<\1>.+)", re.escape(text)), re.DOTALL)
        for name, text in catalogue.words(FALLBACK).items()
        if name.startswith(kind)
    }
