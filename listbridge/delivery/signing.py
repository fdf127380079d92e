"""The keys with which what is sent is signed, read anew whenever something is due."""

import shlex

from listbridge import clock, message
from listbridge.errors import ListbridgeError, SecretError
from listbridge.message import Key, Seal, Signer, UnusableKey, signing_key
from listbridge.secret import Secret
from listbridge.submission import DkimSettings


class NoSigningKey(ListbridgeError):
    """A key cannot be read, or cannot sign."""


def signer(settings: DkimSettings) -> Signer:
    """Read all keys; raise `NoSigningKey` for the first that does not serve."""
    assert settings.domain is not None
    keys = tuple((selector, key(selector, one)) for selector, one in settings.keys.items())
    return Signer(settings.domain, keys)


def key(selector: str, secret: Secret) -> Key:
    """Read the key of a selector; raise `NoSigningKey`."""
    try:
        return signing_key(secret.reveal_all("DKIM key"))
    except SecretError as err:
        raise NoSigningKey(err.fault, cure=err.cure or _cure(secret)) from None
    except UnusableKey as err:
        raise NoSigningKey(f"the DKIM key {selector!r} is of no use: {err}") from None


def seal(octets: bytes, signer: Signer) -> Seal:
    """Prepare the signatures of a message as it leaves, as of now."""
    return message.seal(octets, signer, int(clock.now().timestamp()))


def _cure(secret: Secret) -> str | None:
    if secret.file is None or secret.file.exists():
        return None
    return f"make one with `openssl genrsa -out {shlex.quote(str(secret.file))} 2048`"
