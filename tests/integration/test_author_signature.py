"""What an author's domain has signed still holds where we promise it: through real servers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from listbridge import dmarc
from listbridge.dmarc import Policies
from tests.fakes.dns_server import DnsServer
from tests.letters import KINDS, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace

CANONICAL = [(head, body) for head in ("relaxed", "simple") for body in ("relaxed", "simple")]
# As the large providers do it: what must not be added is signed twice.
SIGNED = [
    *("from", "from", "to", "cc", "cc", "subject", "date", "message-id", "in-reply-to"),
    *("references", "reply-to", "reply-to", "mime-version", "content-type"),
    "content-transfer-encoding",
]
TRANSPARENT = """[posting]
non_members = "accept"
[message]
from = "{mode}"
reply_to = "author"
"""
ORDINARY = """[posting]
non_members = "accept"
[message]
subject_prefix = "[chess]"
footer = "The list"
"""


class Signer:
    """A domain that signs its mail."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])

    def signed(self, raw: bytes, head: str, body: str) -> bytes:
        """Return the message with a signature of these canonical forms on top."""
        return (
            dkim.sign(
                raw,
                b"key",
                b"example.net",
                self._private,
                canonicalize=(head.encode(), body.encode()),
                include_headers=[name.encode() for name in SIGNED],
            )
            + raw
        )

    def holds(self, message: bytes) -> bool:
        """Say whether a receiving server finds the signature good."""

        def record(name: bytes, timeout: int = 5) -> bytes:
            assert name == b"key._domainkey.example.net.", timeout
            return self._record

        return bool(dkim.verify(message, dnsfunc=record))


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """The name server that the program asks; it says that others may write for the domain."""
    with DnsServer({("_dmarc.example.net", "TXT"): ['"v=DMARC1; p=none"']}) as server:
        monkeypatch.setattr(dmarc, "shared", Policies(lambda: server.resolver))
        yield server


def copies(
    folder: Path, dovecot: Dovecot, relay: Relay, slug: str, protocol: str, more: str, *raw: bytes
) -> list[bytes]:
    """Send these messages to a list; return what its one subscriber gets, without the trace."""
    program = Program(folder, same_process=True)
    reader = f"{slug}-reader"
    dovecot.add_user(slug, "secret")
    relay.add_users([reader])
    toml = category_toml(
        slug,
        dovecot=dovecot,
        relay=relay,
        protocol=protocol,
        outgoing="foreign_from = true",
        more=more,
    )
    program.write_category(slug, toml, [f"{reader}@example.org"])
    for one in raw:
        dovecot.deliver(slug, one)
    assert program.poll_once()[slug]["sent"] == len(raw)
    relay.wait_until_idle()
    program.audit()
    return [split_trace(copy)[1].replace(b"\n", b"\r\n") for copy in relay.copies(reader)]


@pytest.mark.usefixtures("name_server")
@pytest.mark.parametrize(("protocol", "mode"), [("imap", "auto"), ("pop3", "author")])
def test_a_transparent_list_leaves_it_whole(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    signer: Signer,
    fresh_name: Callable[[str], str],
    protocol: str,
    mode: str,
) -> None:
    letters = [
        signer.signed(letter(number, run=kind, kind=kind), *canonical)
        for kind in KINDS
        for number, canonical in enumerate(CANONICAL)
    ]

    got = copies(
        tmp_path,
        dovecot,
        relay,
        fresh_name("open"),
        protocol,
        TRANSPARENT.format(mode=mode),
        *letters,
    )

    assert len(got) == len(letters)
    assert [signer.holds(copy) for copy in got] == [True] * len(got)
    assert all(b"\r\nFrom: Ann <ann@example.net>\r\n" in copy for copy in got)
    assert all(b"\r\nList-Id: " in copy for copy in got)


@pytest.mark.usefixtures("name_server")
def test_a_list_that_breaks_it_takes_over_and_says_so(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, signer: Signer, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("chess")
    raw = signer.signed(letter(1, kind="plain"), "relaxed", "relaxed")

    [copy] = copies(tmp_path, dovecot, relay, slug, "imap", ORDINARY, raw)

    assert b"X-Original-DKIM-Signature: " in copy
    assert f'From: "Ann via {slug}" <{slug}@example.org>\r\n'.encode() in copy


@pytest.mark.parametrize("trouble", ["is_silent", None])
def test_without_an_answer_a_copy_is_what_from_list_makes_it(
    tmp_path: Path,
    dovecot: Dovecot,
    relay: Relay,
    name_server: DnsServer,
    fresh_name: Callable[[str], str],
    trouble: str | None,
) -> None:
    name_server.answers.clear()
    if trouble:
        setattr(name_server, trouble, True)
    slug, raw = fresh_name("quiet"), letter(1, kind="plain")
    more = '[posting]\nnon_members = "accept"\n[message]\nfrom = "{}"\n'
    asked = copies(tmp_path / "a", dovecot, relay, slug, "imap", more.format("auto"), raw)

    other = fresh_name("other")
    unasked = copies(tmp_path / "b", dovecot, relay, other, "imap", more.format("list"), raw)

    assert [one.replace(slug.encode(), b"list") for one in asked] == [
        one.replace(other.encode(), b"list") for one in unasked
    ]
