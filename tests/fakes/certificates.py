"""Certificates for the fake servers: one authority for a whole test run."""

import datetime
import functools
import ssl
from pathlib import Path

import trustme


@functools.cache
def authority() -> trustme.CA:
    """The authority that a test trusts by `ca_file`."""
    return trustme.CA()


@functools.cache
def server_context(
    name: str = "localhost", *, expired: bool = False, foreign: bool = False
) -> ssl.SSLContext:
    """Return a server's context for `name`; `foreign`: issued by an authority nobody trusts."""
    issuer = trustme.CA() if foreign else authority()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = issuer.issue_cert(name, not_after=yesterday if expired else None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def write_ca_file(folder: Path) -> Path:
    """Write the authority's certificate into `folder` and return its path."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path
