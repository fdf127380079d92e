"""Mail as nobody should send it: samples broken at random, and messages made to be hard to read.

The same seed makes the same messages.
"""

import base64
import encodings.aliases
from collections.abc import Callable
from pathlib import Path
from random import Random

_SAMPLES = [
    file.read_bytes()
    for file in sorted((Path(__file__).parents[1] / "fixtures" / "messages").rglob("*.eml"))
]
# Each is a sign of something to one of the parsers.
TOKENS = (
    *(
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"\t",
        b" ",
        b"\x7f",
        b"\x1b[2J",
        b"\xff",
    ),
    *(b".\r\n", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\r\n..\r\n", b"From x\n", b">From x\n", b":"),
    *(
        b"<",
        b">",
        b"(",
        b")",
        b'"',
        b"\\",
        b"@",
        b",",
        b";",
        b"[",
        b"]",
        b"=",
        b"=?",
        b"?=",
        b"%00",
    ),
    *(
        b"=?utf-8?b?",
        b"=?utf-8?q?=00=0D=0A?=",
        b"=?x?q?=?=",
        b"=?utf-7?q?+ADw-?=",
        b"&#0;",
        b"<!--",
    ),
    *(b"--", b"--b\r\n", b"--b--\r\n", b"\xe4\xb8", b"\xed\xa0\x80", b"\xc0\xaf", b"\xe2\x80\xa8"),
    *(b"boundary=", b"charset=", b"filename*0*=", b"{5}\r\n", b"a" * 999, b"\xe4" * 999, b"\x85"),
)
NAMES = (
    *(b"From", b"To", b"Cc", b"Bcc", b"Sender", b"Reply-To", b"Subject", b"Date", b"Message-ID"),
    *(b"References", b"In-Reply-To", b"Received", b"Return-Path", b"MIME-Version", b"Content-Type"),
    *(b"Content-Transfer-Encoding", b"Content-Disposition", b"Content-ID", b"DKIM-Signature"),
    *(b"List-Id", b"X-Listbridge-Loop", b"Auto-Submitted", b"Precedence", b"X-", b"", b"F rom"),
    *(b"X-Original-Message-ID", b"ARC-Seal", b"Resent-From", b"\xc3\x84", b"X" * 300),
)
#: What files and fields that we read are made of.
SYNTAX = (
    *(b"10MB", b"5d", b"#", b"# ", b"Ann <ann@example.net>", b"ann@example.net", b"xn--a.example"),
    *(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n\r\nhi\r\n", b"; name=x"),
    *(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"=C3=BC", b"=\r\n", b"= \r\n"),
    *(b"Content-Transfer-Encoding: base64\r\n\r\n", b"R3LDvMOfZQ==", b"message/rfc822"),
    *(b"Sat, 21 Nov 2026 10:00:00 +0000", b"+9999", b"sqlite:///", b"postgresql://", b"[a.b]\n"),
    *(b'key = """\n', b"'''", b"{ x = [1,\n 2] }\n", b"k = 1\n", b"<script>", b"</p>", b"utf-16 "),
)
_TYPES = (
    *(
        b"text/plain",
        b"text/html",
        b"text/enriched",
        b"text",
        b"/",
        b"",
        b"application/pgp-encrypted",
    ),
    *(b"multipart/mixed", b"multipart/alternative", b"multipart/signed", b"multipart/digest"),
    *(b"multipart/report; report-type=delivery-status", b"multipart/encrypted", b"message/rfc822"),
    *(b"message/delivery-status", b"message/partial", b"message/external-body", b"text/calendar"),
    *(b"application/octet-stream", b"application/pkcs7-mime; smime-type=signed-data"),
)
_CODINGS = (
    b"7bit",
    b"8bit",
    b"binary",
    b"base64",
    b"quoted-printable",
    b"x-uuencode",
    b"base64 ;",
    b"",
)
_CHARSETS = (
    *(name.replace("_", "-").encode() for name in sorted(encodings.aliases.aliases)),
    *(
        b"x-unknown",
        b"utf-7",
        b"idna",
        b"punycode",
        b"rot13",
        b"utf-8'",
        b"../../etc/passwd",
        b"hex",
    ),
    *(b"unicode-1-1-utf-7", b"undefined", b"unicode-escape", b"iso-8859-8-i", b"\xff", b"a" * 500),
)
_DATES = (
    *(b"Thu, 1 Jan 1970 00:00:00 +0000", b"Sun, 31 Dec 2099 23:59:60 -1200", b"yesterday", b"0"),
    *(
        b"Fri, 31 Dec 9999 23:59:59 -9999",
        b"1 Jan 0001 00:00:00 +1400",
        b"Mon, 32 Foo 2026 25:61:61",
    ),
    *(
        b"Sat, 21 Nov 2026 10:00:00 +99999999999",
        b"99999999999999999999",
        b"\0",
        b"1 Jan 1 1:1",
        b"",
    ),
)
_IDS = (
    *(b"<>", b"<<<a@b>>>", b"a@b", b"<" + b"x" * 5000 + b"@example.net>", b"<a b@c d>", b"<\0@\0>"),
    *(
        b"<\xe4@\xf6>",
        b"<a@b> <c@d>",
        b"<=?utf-8?q?a?=@b>",
        b'<"a@b"@c>',
        b"<a@b\r\n>",
        b"",
        b"<@>",
    ),
)


def message(chance: Random) -> bytes:
    """Make one message."""
    raw = chance.choice(_KINDS)(chance)
    for _ in range(chance.randrange(4)):
        raw = chance.choice(_MUTATIONS)(raw, chance)
    return raw


def _sample(chance: Random) -> bytes:
    return chance.choice(_SAMPLES)


def _noise(chance: Random) -> bytes:
    return chance.randbytes(chance.randrange(2000))


def _soup(chance: Random) -> bytes:
    return b"".join(chance.choices(TOKENS + NAMES, k=chance.randrange(60)))


def _tree(chance: Random) -> bytes:
    """A message whose fields and parts are all of a kind that occurs, in a mix that does not."""
    fields = [
        b"From: Ann <ann%d@example.net>" % chance.randrange(5),
        b"Subject: " + _words(chance),
        b"Message-ID: " + chance.choice((*_IDS, b"<%d@example.net>" % chance.getrandbits(64))),
        b"Date: " + chance.choice(_DATES),
        b"MIME-Version: 1.0",
    ]
    fields += [chance.choice(NAMES) + b": " + _words(chance) for _ in range(chance.randrange(6))]
    chance.shuffle(fields)
    return b"\r\n".join(fields) + b"\r\n" + _part(chance, 0)


def _part(chance: Random, depth: int) -> bytes:
    kind = chance.choice(_TYPES)
    boundary = chance.choice((b"b", b"b", b"-", b"b b", b"\xe4", b"", b"x" * 100))
    head = [
        b"Content-Type: %s; charset=%s; boundary=%s"
        % (kind, chance.choice(_CHARSETS), chance.choice((boundary, b'"%s"' % boundary))),
        b"Content-Transfer-Encoding: " + chance.choice(_CODINGS),
        b"Content-Disposition: %s; filename=%s"
        % (chance.choice((b"inline", b"attachment", b"\xe4")), _words(chance)),
    ]
    lines = chance.sample(head, chance.randrange(1, 4))
    if depth < 4 and kind.startswith((b"multipart", b"message")):
        inner = [_part(chance, depth + 1) for _ in range(chance.randrange(4))]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary, one) for one in inner)
        body += chance.choice((b"--%s--\r\n" % boundary, b"", b"--%s" % boundary))
    else:
        body = _body(chance)
    return b"\r\n".join(lines) + chance.choice((b"\r\n\r\n", b"\r\n", b"\n\n")) + body


def _body(chance: Random) -> bytes:
    octets = b" ".join(_words(chance) for _ in range(chance.randrange(20)))
    if chance.random() < 0.3:
        return base64.encodebytes(octets)
    return octets


def _words(chance: Random) -> bytes:
    plain = (
        b"hello",
        b"world",
        "grüße".encode(),
        b"caf\xe9",
        b"=?utf-8?b?w6Q=?=",
        b"a@example.net",
    )
    return b" ".join(chance.choices((*plain, chance.choice(TOKENS)), k=chance.randrange(1, 8)))


def _many_of_one(chance: Random) -> bytes:
    """A field of a few thousand octets that repeats one thing."""
    unit = chance.choice((*TOKENS, b"a@b.c, ", b"<a@b> ", b"=?utf-8?q?a?= ", b"\r\n <a@b.c>"))
    value = unit * chance.randrange(2, 4000 // len(unit) + 3)
    return b"From: ann@example.net\r\n%s: %s\r\n\r\nhello\r\n" % (chance.choice(NAMES), value)


_KINDS: tuple[Callable[[Random], bytes], ...] = (
    *(_sample, _sample, _sample, _tree, _tree, _tree, _soup, _noise, _many_of_one),
)


def _cut(raw: bytes, chance: Random) -> bytes:
    return raw[: _place(raw, chance)]


def _without_a_piece(raw: bytes, chance: Random) -> bytes:
    start = _place(raw, chance)
    return raw[:start] + raw[start + chance.randrange(1, 60) :]


def _with_a_piece_twice(raw: bytes, chance: Random) -> bytes:
    start = _place(raw, chance)
    piece = raw[start : start + chance.randrange(1, 300)]
    return raw[:start] + piece * chance.randrange(2, 6) + raw[start:]


def _with_tokens(raw: bytes, chance: Random) -> bytes:
    for _ in range(chance.randrange(1, 6)):
        at = _place(raw, chance)
        raw = raw[:at] + chance.choice(TOKENS) + raw[at:]
    return raw


def _with_octets_changed(raw: bytes, chance: Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(min(len(changed), chance.randrange(1, 12))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _with_lines_shuffled(raw: bytes, chance: Random) -> bytes:
    lines = raw.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _with_other_line_ends(raw: bytes, chance: Random) -> bytes:
    plain = raw.replace(b"\r\n", b"\n")
    return plain.replace(b"\n", chance.choice((b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r")))


def _with_a_field(raw: bytes, chance: Random) -> bytes:
    value = chance.choice((_words(chance), *_DATES, *_IDS))
    return chance.choice(NAMES) + b": " + value + b"\r\n" + raw


def _joined_to_another(raw: bytes, chance: Random) -> bytes:
    other = chance.choice(_SAMPLES)
    return raw[: _place(raw, chance)] + other[_place(other, chance) :]


_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_cut, _without_a_piece, _with_a_piece_twice, _with_tokens, _with_octets_changed),
    *(_with_lines_shuffled, _with_other_line_ends, _with_a_field, _joined_to_another),
)


def _place(raw: bytes, chance: Random) -> int:
    return chance.randrange(len(raw) + 1)
