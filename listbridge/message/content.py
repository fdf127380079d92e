"""The Content-* fields of a part: type and parameters (RFC 2045, 2231), encoding, file name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from listbridge.message import words
from listbridge.message.headers import Head

# Long enough for every honest field; a longer one is cut so that no hostile one costs time.
_LONGEST_FIELD = 8192
_PARAMETER = re.compile(
    rb';[ \t]*([^\s=;"]{1,80})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;\s"]*)', re.DOTALL
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
_COMMENT = re.compile(rb"\([^()]*\)")
IDENTITY = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True)
class Content:
    """What the Content-* fields of one part say."""

    type: str  #: lower case, such as "text/plain"; the default where the field is missing or broken
    params: Mapping[str, bytes]  #: of Content-Type, names in lower case, values unquoted
    encoding: str  #: the transfer encoding in lower case; "" where the field is missing
    disposition: str  #: "inline", "attachment" or ""
    filename: str  #: decoded, a label only and never a path to use; "" when there is none

    @property
    def main(self) -> str:
        """The part of the type before the slash."""
        return self.type.partition("/")[0]

    @property
    def charset(self) -> str:
        """The declared charset; us-ascii where none is (RFC 2045 5.2)."""
        return self.param("charset").lower() or "us-ascii"

    def param(self, name: str) -> str:
        """A parameter of the Content-Type field as text; "" where it is missing."""
        return words.text(self.params.get(name, b""), "utf-8").strip()


def read(head: Head, default: str = "text/plain") -> Content:
    """Read a part's Content-* fields; broken ones count as missing (RFC 2045 5.2)."""
    kind, params = _structured(head.value("Content-Type"))
    disposition, more = _structured(head.value("Content-Disposition"))
    # The obsolete comments are allowed here too: `7bit (plain text)`.
    encoding = _COMMENT.sub(b"", head.value("Content-Transfer-Encoding")[:200]).strip()
    return Content(
        type=_type(kind, default),
        params=params,
        encoding=encoding.decode("ascii", "replace").lower(),
        disposition=disposition,
        filename=_decoded(more, "filename") or _decoded(params, "name"),
    )


def file_names(head: Head) -> tuple[str, ...]:
    """Return every name that a part gives its file: in its disposition, and in its type."""
    found = (
        _decoded(_structured(head.value("Content-Disposition"))[1], "filename"),
        _decoded(_structured(head.value("Content-Type"))[1], "name"),
    )
    return tuple(dict.fromkeys(name for name in found if name))


def _type(kind: str, default: str) -> str:
    if not kind:
        return default
    return kind if _TYPE.fullmatch(kind) else "text/plain"


def _structured(value: bytes) -> tuple[str, dict[str, bytes]]:
    value = value[:_LONGEST_FIELD]
    kind = value.partition(b";")[0].decode("ascii", "replace").strip().lower()
    params: dict[str, bytes] = {}
    for match in _PARAMETER.finditer(value):
        name = match[1].decode("ascii", "replace").lower()
        given = match[2]
        if given.startswith(b'"'):
            given = _QUOTED_PAIR.sub(rb"\1", given[1:-1])
        params.setdefault(name, given)
    return kind, params


def _decoded(params: Mapping[str, bytes], name: str) -> str:
    """A parameter by RFC 2231, else with encoded words inside, which is wrong and common."""
    if name in params:
        return words.decode(params[name])
    if f"{name}*" in params:
        charset, octets = _charset_and_octets(params[f"{name}*"])
        return words.tidy(words.text(octets, charset))
    # RFC 2231 3: name*0*, name*1 … ; a star at the end says that the piece is percent-encoded.
    charset, octets, number = "utf-8", b"", 0
    while True:
        plain, starred = params.get(f"{name}*{number}"), params.get(f"{name}*{number}*")
        if starred is not None and number == 0:
            charset, octets = _charset_and_octets(starred)
        elif starred is not None:
            octets += unquote_to_bytes(starred)
        elif plain is not None:
            octets += plain
        else:
            return words.tidy(words.text(octets, charset))
        number += 1


def _charset_and_octets(value: bytes) -> tuple[str, bytes]:
    charset, quote, rest = value.partition(b"'")
    if not quote:
        return "utf-8", unquote_to_bytes(value)
    octets = unquote_to_bytes(rest.partition(b"'")[2])
    return charset.decode("ascii", "replace").lower() or "utf-8", octets
