"""Lists of people: as other programs export them, and as we write them."""

from listbridge.membership.people.person import Format, LeftOut, People, Person, Staff
from listbridge.membership.people.reading import read, read_text
from listbridge.membership.people.writing import write

__all__ = [
    "Format",
    "LeftOut",
    "People",
    "Person",
    "Staff",
    "read",
    "read_text",
    "write",
]
