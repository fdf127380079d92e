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


def demanding_context() -> ssl.SSLContext:
    """Return the context of a server that wants to see a certificate of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority().cert_pem.bytes().decode())
    return context


def write_client_files(folder: Path) -> tuple[Path, Path]:
    """Write a client's certificate and its key into `folder`; return their paths."""
    issued = authority().issue_cert("lists.example.org")
    certificate, key = folder / "client.pem", folder / "client.key"
    certificate.write_bytes(issued.cert_chain_pems[0].bytes())
    key.write_bytes(issued.private_key_pem.bytes())
    return certificate, key
