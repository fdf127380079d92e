"""One DMARC policy record (RFC 9989 4.7, 4.8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Policy(StrEnum):
    """What is to become of mail in a domain's name that nothing vouches for."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"
    ABSENT = "absent"  #: the domain exists, and nobody above it has published a policy either
    UNKNOWN = "unknown"  #: no answer, or no such domain

    @property
    def lets_others_write(self) -> bool:
        """Whether a copy in the author's name is not to be refused or taken for spam."""
        return self in (Policy.NONE, Policy.ABSENT)


_REQUESTS = {one.value: one for one in (Policy.NONE, Policy.QUARANTINE, Policy.REJECT)}


@dataclass(frozen=True)
class Record:
    """The tags that say what to do; `t`, the test mode, is not among them.

    It asks to weaken the policy, and those who change mail on its way to rewrite From all the same.
    """

    own: Policy  #: `p`: for the domain itself
    subdomains: Policy  #: `sp`: for those below it that exist
    missing: Policy  #: `np`: for those that do not
    #: "y": whose subdomains belong to different people; "n": an organisation's own; "u": not said.
    psd: str


def the_one(texts: Iterable[str]) -> Record | None:
    """Return the policy record among a name's TXT records; several count as none."""
    found = [tags for text in texts if (tags := _tags(text)) is not None]
    return _record(found[0]) if len(found) == 1 else None


def _record(tags: dict[str, str]) -> Record:
    # What is wrong counts as missing. Older receivers read it like that, and no policy gets weaker.
    own = _REQUESTS.get(tags.get("p", ""), Policy.NONE)
    subdomains = _REQUESTS.get(tags.get("sp", ""), own)
    missing = _REQUESTS.get(tags.get("np", ""), subdomains)
    psd = tags.get("psd", "u")
    return Record(own, subdomains, missing, psd if psd in ("y", "n") else "u")


def _tags(text: str) -> dict[str, str] | None:
    """Read the tags, names and values in lower case; None if it is no DMARC record."""
    first, *rest = text.split(";")
    name, _, version = first.partition("=")
    # The version's own letters are the only ones whose case matters.
    if name.strip().lower() != "v" or version.strip() != "DMARC1":
        return None
    tags: dict[str, str] = {}
    for piece in rest:
        name, _, value = piece.partition("=")
        tags.setdefault(name.strip().lower(), value.strip().lower())
    return tags
