"""What we sign, another program finds good; and nothing signed can be changed or added."""

from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from listbridge.message import Signer, UnusableKey, seal, signing_key, wire
from listbridge.message.headers import split
from listbridge.message.signing import body_hash
from tests.signatures import ec_pem, ed25519_pem, judged, records, rsa_pem

MESSAGES = Path(__file__).parents[3] / "fixtures" / "messages"
FIXTURES = sorted(MESSAGES.rglob("*.eml"))
DOMAIN = "example.org"
BARE = b"From: ann@example.net\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\nHello\r\n"
FULL = (
    b"From: ann@example.net\r\nTo: general@example.org\r\nCc: bob@example.net\r\n"
    b"Subject: Tea\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nReply-To: ann@example.net\r\n"
    b"Sender: general@example.org\r\nMessage-ID: <1@example.net>\r\n"
    b"In-Reply-To: <0@example.net>\r\n"
    b"References: <0@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
    b"Content-Transfer-Encoding: 7bit\r\nList-Id: <general.example.org>\r\n"
    b"List-Post: <mailto:general@example.org>\r\nList-Help: <mailto:general@example.org>\r\n"
    b"List-Unsubscribe: <mailto:general@example.org>\r\n\r\nHello\r\n"
)


@pytest.fixture(scope="module")
def both() -> Signer:
    return Signer(DOMAIN, (("r1", signing_key(rsa_pem())), ("e1", signing_key(ed25519_pem()))))


@pytest.fixture(scope="module")
def known() -> dict[bytes, bytes]:
    return records(DOMAIN, r1=rsa_pem(), e1=ed25519_pem())


def signed(message: bytes, signer: Signer) -> bytes:
    return seal(message, signer, 1_795_000_000).fields() + message


def as_it_leaves(raw: bytes) -> bytes:
    head, body = split(raw)
    if not head.value("From"):
        head = head.replaced("From", "ann@example.net")
    return wire(head.to_bytes(), body)


def test_the_fixtures_were_found() -> None:
    assert len(FIXTURES) > 50


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_receiver_finds_both_signatures_good(
    path: Path, both: Signer, known: dict[bytes, bytes]
) -> None:
    message = as_it_leaves(path.read_bytes())
    there = len(split(message)[0].all("DKIM-Signature"))

    assert judged(signed(message, both), known)[:2] == [True, True]
    assert len(split(signed(message, both))[0].all("DKIM-Signature")) == there + 2


VALUES = st.text(st.sampled_from("a:;= \tü\N{NO-BREAK SPACE}"), max_size=30)
FOLDS = st.lists(VALUES.filter(str.strip), min_size=1, max_size=4).map("\r\n ".join)
NAMES = st.sampled_from(["Subject", "to", "Cc", "REFERENCES", "List-Id", "X-Mine", "Sender"])
BODIES = st.text(st.sampled_from("a. \t\r\n\x0b\x0cü"), max_size=60)


@given(st.lists(st.tuples(NAMES, FOLDS), max_size=8), BODIES)
@example([], "")
@example([], "\r\n\r\n")
@example([], " \r\n\t\r\n")
@example([], "a \t b\t\r\n \r\n\r\n c \r\n\r\n \r\n")
def test_a_receiver_finds_any_message_signed_well(fields: list[tuple[str, str]], body: str) -> None:
    signer = Signer(DOMAIN, (("e1", signing_key(ed25519_pem())),))
    head = "From: ann@example.net\r\n" + "".join(f"{name}: {text}\r\n" for name, text in fields)

    message = as_it_leaves(f"{head}\r\n{body}".encode())

    assert judged(signed(message, signer), records(DOMAIN, e1=ed25519_pem())) == [True]


def test_a_large_body_has_the_hash_of_its_whole(both: Signer, known: dict[bytes, bytes]) -> None:
    """It is taken piece by piece; what counts only if something follows lies between two."""
    body = b"a line of text  with blanks \r\n" * 40_000 + b"\r\n" * 1_000_000 + b"end\r\n\r\n"

    assert judged(signed(BARE + body, both), known) == [True, True]


def test_the_hash_of_the_rfc_is_ours() -> None:
    """RFC 8463 A.3."""
    body = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

    assert body_hash(body, 0) == b"2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="


@pytest.mark.parametrize(
    "name", [line.split(":")[0] for line in split(FULL)[0].to_bytes().decode().split("\r\n")[:-2]]
)
def test_no_field_that_says_something_of_it_can_be_changed(
    name: str, both: Signer, known: dict[bytes, bytes]
) -> None:
    head, body = split(signed(FULL, both))

    changed = head.replaced(name, "another <x@example.com>").to_bytes() + body

    assert judged(changed, known) == [False, False]


@pytest.mark.parametrize(
    "name", ["From", "To", "Cc", "Subject", "Date", "Reply-To", "Content-Type"]
)
@pytest.mark.parametrize("message", [BARE, FULL], ids=["missing", "there"])
def test_no_second_one_can_be_put_above_it(
    name: str, message: bytes, both: Signer, known: dict[bytes, bytes]
) -> None:
    added = f"{name}: another <x@example.com>\r\n".encode() + signed(message, both)

    assert judged(added, known) == [False, False]


@pytest.mark.parametrize("name", ["Message-ID", "MIME-Version", "Sender", "Received"])
def test_a_server_may_add_what_is_missing(
    name: str, both: Signer, known: dict[bytes, bytes]
) -> None:
    added = f"{name}: <x@example.com>\r\n".encode() + signed(BARE, both)

    assert judged(added, known) == [True, True]


def test_a_longer_body_is_another_one(both: Signer, known: dict[bytes, bytes]) -> None:
    assert judged(signed(FULL, both) + b"more\r\n", known) == [False, False]


def test_the_signature_stands_on_top_in_short_lines(both: Signer) -> None:
    lines = signed(FULL, both).partition(b"\r\nFrom: ")[0].split(b"\r\n")

    assert lines[0].startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=")
    assert max(map(len, lines)) <= 78
    assert b"t=1795000000;" in b" ".join(lines)


def test_a_key_in_the_older_form_is_the_same_key() -> None:
    from cryptography.hazmat.primitives import serialization as forms

    private = forms.load_pem_private_key(rsa_pem().encode(), None)
    older = private.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.TraditionalOpenSSL, forms.NoEncryption()
    ).decode()

    assert older.startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert signing_key(older).record == signing_key(rsa_pem()).record


def _locked() -> str:
    from cryptography.hazmat.primitives import serialization as forms

    private = forms.load_pem_private_key(rsa_pem().encode(), None)
    lock = forms.BestAvailableEncryption(b"secret")
    return private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, lock).decode()


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (lambda: rsa_pem(1024), "1024 bits"),
        (ec_pem, "of a kind"),
        (_locked, "passphrase"),
        (lambda: "", "no private key"),
        (lambda: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private"),
        (lambda: rsa_pem()[:400], "no private key"),
    ],
)
def test_what_cannot_sign_is_refused_and_why_is_said(pem: object, why: str) -> None:
    with pytest.raises(UnusableKey, match=why) as caught:
        signing_key(pem())  # type: ignore[operator]

    assert "AAAA" not in str(caught.value)


def test_the_record_of_an_ed25519_key_is_the_key_alone() -> None:
    """RFC 8463 4.2."""
    record = signing_key(ed25519_pem()).record

    assert record.startswith("v=DKIM1; k=ed25519; p=")
    assert len(b64decode(record.rpartition("p=")[2])) == 32
