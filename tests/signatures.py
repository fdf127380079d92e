"""Keys to sign with, and a receiving server's look at the signatures (dkimpy)."""

from base64 import b64decode
from functools import cache
from types import SimpleNamespace

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from listbridge.message import signing_key, split


@cache
def rsa_pem(bits: int = 2048) -> str:
    """A private key as `openssl genrsa` makes it, PKCS#8."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=bits))


@cache
def ed25519_pem() -> str:
    """A private key of the kind that few receivers know yet."""
    return _pem(ed25519.Ed25519PrivateKey.generate())


@cache
def ec_pem() -> str:
    """A private key of a kind that DKIM has not."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def records(domain: str, **pems: str) -> dict[bytes, bytes]:
    """What the DNS says of these keys, by their selectors."""
    return {
        f"{selector}._domainkey.{domain}.".encode(): signing_key(pem).record.encode()
        for selector, pem in pems.items()
    }


def judged(message: bytes, known: dict[bytes, bytes]) -> list[bool]:
    """Say of each signature in a message, topmost first, whether a receiver finds it good."""
    number = len(split(message)[0].all("DKIM-Signature"))
    seen = dkim.DKIM(message)

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        return known.get(name)

    return [_is_good(seen, index, ask) for index in range(number)]


def _is_good(seen: dkim.DKIM, index: int, ask: object) -> bool:
    try:
        return bool(seen.verify(idx=index, dnsfunc=ask))
    except dkim.DKIMException:
        return False


class _VerifyKey:
    """What dkimpy takes from PyNaCl, which the tests have no other use for."""

    def __init__(self, encoded: bytes, encoder: object) -> None:
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(b64decode(encoded))

    def verify(self, digest: bytes, signature: bytes) -> None:
        self._key.verify(signature, digest)


dkim.nacl = SimpleNamespace(
    signing=SimpleNamespace(VerifyKey=_VerifyKey),
    encoding=SimpleNamespace(Base64Encoder=None),
    exceptions=SimpleNamespace(BadSignatureError=InvalidSignature, ValueError=ValueError),
)
