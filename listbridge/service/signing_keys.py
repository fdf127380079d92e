"""Keys for DKIM that cannot be read while the service runs, so that mail waits for them."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from listbridge.category import Category
from listbridge.delivery import signing
from listbridge.delivery.signing import NoSigningKey
from listbridge.notices import Condition, What
from listbridge.secret import Secret


def missing(categories: Iterable[Category], now: datetime) -> Iterator[Condition]:
    """Yield a condition for each key in a file or the environment that does not serve.

    A command or the keyring is not asked each minute; that mail has not left shows there.
    """
    seen: set[Secret] = set()
    for category in categories:
        dkim = category.outgoing.dkim if category.active and category.outgoing else None
        for selector, secret in dkim.keys.items() if dkim else ():
            if secret in seen or (secret.file is None and secret.env is None):
                continue
            seen.add(secret)  # many categories may have the same
            try:
                signing.key(selector, secret)
            except NoSigningKey as err:
                yield _no_key(category.slug, err, now)


def _no_key(slug: str, err: NoSigningKey, now: datetime) -> Condition:
    return Condition(
        What.KEY,
        slug,
        now,
        f"Its mail waits, and that of every list with the same key: {err}",
        "put the key back, or take `dkim` out of the configuration to send without a signature. "
        "Nothing is lost, and what waits goes out by itself afterwards.",
    )
