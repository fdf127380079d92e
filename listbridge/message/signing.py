"""DKIM signatures of our own (RFC 6376, RFC 8301; with Ed25519: RFC 8463), relaxed throughout.

What is signed are bytes as they leave, CRLF only. The hash of the body is one for all copies that
have the same body; a copy with a head of its own costs one signature per key and no more.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from listbridge.message.dkim import canonical
from listbridge.message.errors import UnusableKey
from listbridge.message.headers import Head, body_start, fold, read_head

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

# What is said of a message, who said it, and which list it came by (RFC 6376 5.4.1). What is
# missing is not signed, so that a server may add it, except for the first of them.
_SIGNED = (
    *("From", "To", "Cc", "Subject", "Date", "Reply-To", "Content-Type"),
    *("Sender", "Message-ID", "In-Reply-To", "References"),
    *("MIME-Version", "Content-Transfer-Encoding"),
    *("List-Id", "List-Post", "List-Help", "List-Subscribe", "List-Unsubscribe"),
    *("List-Unsubscribe-Post", "List-Owner", "List-Archive"),
)
# Signed once more than they occur (RFC 6376 8.15): a second one, put above the first, is what many
# mail programs would show.
_NO_MORE_OF = frozenset(_SIGNED[:7])

# RFC 8301 3.2: 2048 bits should be had, and no verifier has to take more than 4096.
_LEAST_BITS, _MOST_BITS = 2048, 4096
_PIECE = 1 << 20
_DIGITS_IN_A_LINE = 72

_Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Key:
    """A private key, and what the DNS should say of the public one."""

    kind: str  #: "rsa" or "ed25519"
    public: str  #: base64
    sign: _Sign
    bits: int

    @property
    def record(self) -> str:
        """The TXT record by which receivers find it good (RFC 6376 3.6.1)."""
        return f"v=DKIM1; k={self.kind}; p={self.public}"


@dataclass(frozen=True)
class Signer:
    """A domain that signs, with each of its keys."""

    domain: str
    keys: tuple[tuple[str, Key], ...]  #: each with its selector


@dataclass(frozen=True)
class Seal:
    """All that the signatures of one message are made of."""

    signer: Signer
    at: int  #: seconds since 1970
    names: bytes  #: of the fields that are signed, as they are listed
    head: bytes  #: these fields in their canonical form
    body: bytes  #: the hash of the body, in base64

    def of_copy(self, message: bytes, head: bytes, *, own_body: bool) -> "Seal":
        """Return the seal of a copy whose signed fields are `head`, and maybe its body its own."""
        if own_body:
            body = body_hash(message, body_start(message))
            return replace(self, head=head, body=body)
        return replace(self, head=head)

    def fields(self) -> bytes:
        """Return the fields to be put on top of the message."""
        return b"".join(self._field(selector, key) for selector, key in self.signer.keys)

    def _field(self, selector: str, key: Key) -> bytes:
        tags = (
            f"v=1; a={key.kind}-sha256; c=relaxed/relaxed; d={self.signer.domain}; s={selector}; "
            f"t={self.at}; h="
        )
        value = tags.encode("ascii") + self.names + b"; bh=" + self.body + b"; b="
        signature = b64encode(key.sign(self.head + b"dkim-signature:" + value))
        lines = (
            signature[at : at + _DIGITS_IN_A_LINE]
            for at in range(0, len(signature), _DIGITS_IN_A_LINE)
        )
        return b"\r\n ".join((fold(b"DKIM-Signature: " + value), *lines)) + b"\r\n"


def seal(message: bytes, signer: Signer, at: int) -> Seal:
    """Prepare the signatures of a message as it leaves."""
    head, start = read_head(message, 0, len(message))
    names, fields = _covered(head)
    return Seal(signer, at, names, fields, body_hash(message, start))


def _covered(head: Head) -> tuple[bytes, bytes]:
    names: list[str] = []
    fields: list[bytes] = []
    for name in _SIGNED:
        # RFC 6376 5.4.2: of several, the lowest is signed first.
        found = head.all(name)[::-1]
        names += [name] * (len(found) + (name in _NO_MORE_OF))
        fields += [canonical(one) + b"\r\n" for one in found]
    return ": ".join(names).encode("ascii"), b"".join(fields)


def body_hash(message: bytes, start: int) -> bytes:
    """Return the hash of the body from `start` on, in base64 (RFC 6376 3.4.4)."""
    digest = hashlib.sha256()
    line_ends, is_empty = b"", True  # line ends count only if something follows
    for piece in _whole_lines(message, start):
        made = _with_single_blanks(piece).replace(b" \r\n", b"\r\n")
        content = made.rstrip(b"\r\n")
        if content:
            digest.update(line_ends + content)
            line_ends, is_empty = b"", False
        line_ends += made[len(content) :]
    if not is_empty:
        digest.update(b"\r\n")
    return b64encode(digest.digest())


def _with_single_blanks(text: bytes) -> bytes:
    # A regular expression takes fifteen times as long, and each copy with its own body pays it.
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _whole_lines(message: bytes, start: int) -> Iterator[bytes]:
    while start < len(message):
        end = message.find(b"\n", start + _PIECE) + 1 or len(message)
        yield message[start:end]
        start = end


@lru_cache(maxsize=1024)
def signing_key(pem: str) -> Key:
    """Read a private key (PKCS#1 or PKCS#8); raise `UnusableKey` where it cannot sign."""
    # Every command loads this module, and few sign.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise UnusableKey("the key has a passphrase; take it off, and guard the file") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnusableKey(
            'it is no private key in PEM, which begins with "-----BEGIN PRIVATE KEY-----"'
        ) from None
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return _ed25519(private)
    if isinstance(private, rsa.RSAPrivateKey):
        return _rsa(private)
    raise UnusableKey("it is a key of a kind that DKIM has not; make one of RSA or Ed25519")


def _rsa(private: "rsa.RSAPrivateKey") -> Key:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if not _LEAST_BITS <= private.key_size <= _MOST_BITS:
        raise UnusableKey(
            f"an RSA key of {private.key_size} bits is none that receivers trust; make one of "
            f"{_LEAST_BITS} bits"
        )
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()

    def sign(content: bytes) -> bytes:
        return private.sign(content, scheme, digest)

    return Key("rsa", b64encode(public).decode("ascii"), sign, private.key_size)


def _ed25519(private: "ed25519.Ed25519PrivateKey") -> Key:
    public = private.public_key().public_bytes_raw()

    def sign(content: bytes) -> bytes:
        return private.sign(hashlib.sha256(content).digest())  # RFC 8463 3

    return Key("ed25519", b64encode(public).decode("ascii"), sign, 256)
