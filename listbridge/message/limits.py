"""The caps that keep reading a message short, whatever its bytes were made to do."""

from dataclasses import dataclass

from listbridge.message import headers
from listbridge.message.errors import TooComplex
from listbridge.message.headers import Head

HEAD_BYTES = 256 * 1024  #: common libraries decode encoded words in quadratic time
PART_HEAD_BYTES = 64 * 1024
FIELD_BYTES = 64 * 1024
FIELDS = 2_000  #: in one head
FIELDS_IN_ALL = 20_000
MULTIPARTS = 100  #: each declares a boundary to look for
PARTS = 1_000
DEPTH = 100
# Lines that begin like a delimiter: a boundary of one dash in a body of dashes would otherwise make
# each level of nesting look at every line again.
CANDIDATES = 20_000


@dataclass
class Budget:
    """What reading one message may still spend; at its end `TooComplex` is raised."""

    parts: int = PARTS
    multiparts: int = MULTIPARTS
    fields: int = FIELDS_IN_ALL
    candidates: int = CANDIDATES

    def part(self, depth: int) -> None:
        """Count one part at that depth of nesting."""
        if depth > DEPTH:
            raise TooComplex(f"its parts are nested more than {DEPTH} deep")
        self.parts -= 1
        if self.parts < 0:
            raise TooComplex(f"it has more than {PARTS:,} parts")

    def multipart(self) -> None:
        """Count one multipart, hence one boundary."""
        self.multiparts -= 1
        if self.multiparts < 0:
            raise TooComplex(f"it declares more than {MULTIPARTS} boundaries")

    def candidate(self) -> None:
        """Count one line that may be a delimiter."""
        self.candidates -= 1
        if self.candidates < 0:
            raise TooComplex("too many of its lines look like boundaries")

    def head(self, raw: bytes, start: int, end: int, cap: int) -> tuple[Head, int]:
        """Read a head of at most `cap` octets; return it and where its body begins."""
        stop = min(end, start + cap)
        head, body_start = headers.read_head(raw, start, stop)
        if body_start == stop < end:
            raise TooComplex(f"a header block is larger than {cap // 1024} KB")
        if any(len(f.raw) > FIELD_BYTES for f in head.fields):
            raise TooComplex(f"a header field is larger than {FIELD_BYTES // 1024} KB")
        if len(head.fields) > FIELDS:
            raise TooComplex(f"a header block has more than {FIELDS:,} fields")
        self.fields -= len(head.fields)
        if self.fields < 0:
            raise TooComplex(f"its parts have more than {FIELDS_IN_ALL:,} header fields")
        return head, body_start
