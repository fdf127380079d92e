"""A file of people: which format it has, by what stands in it, and whom it names."""

import codecs
from collections.abc import Callable, Iterator

from listbridge.errors import ListbridgeError
from listbridge.membership.people import lines, mailman, tables
from listbridge.membership.people.person import Format, Found, People
from listbridge.notices.catalogue import Texts

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PICKLE = (
    "this is a pickle, as Mailman's config.pck: reading it would run whatever it holds; "
    "write the list there instead: list_members --fullnames --preserve LIST > people.txt"
)
_CURES = {
    b"}q": _PICKLE,  # protocol 1, which Mailman 2.1 writes
    b"\x80": _PICKLE,  # the later ones
    b"PK\x03\x04": "this is a zip archive or a spreadsheet; unpack it, or save the table as CSV",
    b"\x1f\x8b": "this is a gzip file; unpack it first: gunzip FILE",
}

_Read = Callable[[str], Iterator[tuple[int, Iterator[Found]]]]
_READERS: dict[Format, _Read] = {
    Format.CSV: tables.own,
    Format.PLAIN: lines.plain,
    Format.MAILMAN2: mailman.roster,
    Format.MAILMAN3: mailman.mailman3,
    Format.GOOGLE: tables.google,
    Format.GROUPSIO: tables.groupsio,
}


def read(content: bytes, wanted: Format | None = None, texts: Texts | None = None) -> People:
    """Return everybody in the content of a file, and the lines that cannot be read.

    Without a `wanted` format it is known by what stands in the file. With an installation's
    `texts`, a language is one in which there are notices. Raises `ListbridgeError` for what is no
    list of people at all.
    """
    for mark, cure in _CURES.items():
        if content.startswith(mark):
            raise ListbridgeError(cure)
    text, guessed = _decoded(content)
    if "\0" in text:
        raise ListbridgeError("this is no text; save it as CSV or as a text file in UTF-8")
    return read_text(text, wanted, texts, guessed=guessed)


def read_text(
    text: str,
    wanted: Format | None = None,
    texts: Texts | None = None,
    *,
    guessed: int | None = None,
) -> People:
    """As `read`, of text, with the first line of which the encoding was `guessed`."""
    found = People(wanted or recognised(text), guessed=guessed, texts=texts)
    found.add(_READERS[found.format](text))
    return found


def recognised(text: str) -> Format:
    """Say how a list of people is written."""
    if text.lstrip()[:1] in ("{", "["):
        return Format.MAILMAN3
    if mailman.is_roster(text):
        return Format.MAILMAN2
    return tables.kind(text) or Format.PLAIN


def _decoded(content: bytes) -> tuple[str, int | None]:
    """Return the text, and the first line that is not what its file should be."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), None
            except UnicodeDecodeError:
                raise ListbridgeError("this is damaged text; save the file as UTF-8") from None
    try:
        return content.decode(), None
    except UnicodeDecodeError as err:
        # What Windows writes; of it Latin-1 is a part. Five octets mean nothing there.
        return content.decode("cp1252", "replace"), content.count(b"\n", 0, err.start) + 1
