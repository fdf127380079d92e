"""TLS for the test servers: a private authority, and a certificate for the loopback."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme


@dataclass(frozen=True)
class Certificates:
    """PEM files; `authority` is what a client must trust, the other two are the server's."""

    authority: Path
    chain: Path
    key: Path


@contextmanager
def issued(*names: str, not_after: datetime.datetime | None = None) -> Iterator[Certificates]:
    """Issue a certificate for these names, or localhost and 127.0.0.1.

    The files go when the block ends.
    """
    authority = trustme.CA()
    server = authority.issue_cert(*(names or ("localhost", "127.0.0.1")), not_after=not_after)
    with TemporaryDirectory(prefix="listbridge-tls-") as folder:
        files = Certificates(*(Path(folder, name) for name in ("ca.pem", "chain.pem", "key.pem")))
        authority.cert_pem.write_to_path(files.authority)
        for blob in server.cert_chain_pems:
            blob.write_to_path(files.chain, append=True)
        server.private_key_pem.write_to_path(files.key)
        yield files
