"""Signatures on what leaves: good for each copy in each form, and mail waits for its key."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from listbridge.bounces import Book
from listbridge.category import Category
from listbridge.delivery.worker import Account, Sent, send_due
from listbridge.mailbox import IncomingSettings
from listbridge.message import Signer, seal, signing_key
from listbridge.submission import OutgoingSettings
from storage import deliveries
from storage.database import Database
from storage.states import DeliveryState
from tests.fakes.courier import RecordingCourier
from tests.fakes.office import ADDRESS, general
from tests.fakes.queued import queue_post
from tests.signatures import ed25519_pem, judged, records, rsa_pem

PLAIN = (
    "From: ann@example.net\r\nMessage-ID: <1@example.net>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Grüße  an alle. \r\n.\r\n\r\n"
).encode()
BASE64 = (
    b"From: ann@example.net\r\nMessage-ID: <1@example.net>\r\nMIME-Version: 1.0\r\n"
    b"Subject: \xc3\xa4\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n"
)
PEOPLE = [f"s{number}@example.net" for number in range(5)]
KINDS: dict[str, dict[str, Any]] = {
    "alike": {},
    "own head": {"personalise": True},
    "own footer": {"personalise": True, "footer": "For {member}: {unsubscribe}"},
}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The RSA key, where the settings say it is."""
    path = tmp_path / "dkim.pem"
    path.write_text(rsa_pem())
    path.chmod(0o600)
    return path


@pytest.fixture
def outgoing(tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> OutgoingSettings:
    """An account whose mail is signed with two keys."""
    monkeypatch.setenv("DKIM_KEY", ed25519_pem())
    keys = {"r1": {"file": key_file}, "e1": {"env": "DKIM_KEY"}}
    return OutgoingSettings.model_validate(
        {"host": "smtp.example.org", "max_recipients": 2}
        | {"dkim": {"domain": "example.org", "keys": keys}}
    )


@pytest.fixture
def known() -> dict[bytes, bytes]:
    """What the DNS says."""
    return records("example.org", r1=rsa_pem(), e1=ed25519_pem())


def _category(outgoing: OutgoingSettings, kind: str) -> Category:
    incoming = IncomingSettings(host="imap.example.org", username=ADDRESS)
    message = {"subject_prefix": "[general]", **KINDS[kind]}
    return general(incoming=incoming, outgoing=outgoing, message=message)


async def _send(
    db: Database, category_id: int, courier: RecordingCourier, category: Category
) -> Sent:
    assert category.outgoing is not None
    book = Book(category_id, category)
    return await send_due(db, category_id, category.outgoing, Account(courier), book=book)


def _states(db: Database) -> Counter[str]:
    with db.reading() as tx:
        return Counter(x.state.value for x in deliveries.listed(tx, tuple(DeliveryState)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", [PLAIN, BASE64], ids=["8bit", "base64"])
@pytest.mark.parametrize("accepts_8bit", [True, False], ids=["8BITMIME", "7 bits"])
async def test_each_copy_bears_a_good_signature_of_each_key(
    db: Database,
    category_id: int,
    now: datetime,
    outgoing: OutgoingSettings,
    known: dict[bytes, bytes],
    kind: str,
    raw: bytes,
    accepts_8bit: bool,
) -> None:
    category = _category(outgoing, kind)
    queue_post(db, category_id, category, raw, PEOPLE, now)
    courier = RecordingCourier(accepts_8bit=accepts_8bit)

    await _send(db, category_id, courier, category)

    assert sorted(courier.recipients()) == PEOPLE
    copies = [content for _, content in courier.taken]
    assert [judged(one, known) for one in copies] == [[True, True]] * len(copies)
    assert len(set(copies)) == (1 if kind == "alike" else len(PEOPLE))
    assert all(one.isascii() for one in copies) or accepts_8bit
    assert all(one.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;") for one in copies)
    assert not any(b"X-Original-DKIM-Signature" in one for one in copies)


async def test_the_authors_signature_stays_beside_ours(
    db: Database,
    category_id: int,
    now: datetime,
    outgoing: OutgoingSettings,
    known: dict[bytes, bytes],
) -> None:
    transparent = general(outgoing=outgoing, message={"from": "author", "reply_to": "author"})
    plain = (
        b"From: ann@example.net\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        b"To: general@example.org\r\nMessage-ID: <1@example.net>\r\n\r\nHello\r\n"
    )
    author = Signer("example.net", (("ann", signing_key(ed25519_pem())),))
    raw = seal(plain, author, 1_795_000_000).fields() + plain
    queue_post(db, category_id, transparent, raw, PEOPLE, now)
    courier = RecordingCourier()

    await _send(db, category_id, courier, transparent)

    _, content = courier.taken[0]
    everybody = known | records("example.net", ann=ed25519_pem())
    assert judged(content, everybody) == [True, True, True]


async def test_without_a_key_everything_waits_and_goes_out_once_it_is_there(
    db: Database,
    category_id: int,
    now: datetime,
    outgoing: OutgoingSettings,
    known: dict[bytes, bytes],
    key_file: Path,
) -> None:
    category = _category(outgoing, "alike")
    queue_post(db, category_id, category, PLAIN, PEOPLE, now)
    courier = RecordingCourier()
    key_file.unlink()

    without = await _send(db, category_id, courier, category)

    assert courier.taken == []
    assert without.error == (
        f"the DKIM key file {key_file} cannot be read: No such file or directory; "
        f"make one with `openssl genrsa -out {key_file} 2048`"
    )
    assert _states(db) == {"pending": 5}

    key_file.write_text(rsa_pem())
    key_file.chmod(0o600)
    again = await _send(db, category_id, courier, category)

    assert again.error is None
    assert _states(db) == {"sent": 5}
    assert all(judged(content, known) == [True, True] for _, content in courier.taken)


async def test_mail_of_the_service_itself_tells_of_it_without_a_signature(
    db: Database, category_id: int, now: datetime, outgoing: OutgoingSettings, key_file: Path
) -> None:
    queue_post(db, category_id, _category(outgoing, "alike"), PLAIN, PEOPLE, now)
    key_file.unlink()
    courier = RecordingCourier()

    await send_due(db, category_id, outgoing, Account(courier))

    assert _states(db) == {"sent": 5}
    assert not any(b"DKIM-Signature" in content for _, content in courier.taken)


async def test_where_nothing_is_due_no_key_is_asked_for(
    db: Database, category_id: int, outgoing: OutgoingSettings, key_file: Path
) -> None:
    key_file.unlink()

    sent = await _send(db, category_id, RecordingCourier(), _category(outgoing, "alike"))

    assert sent.error is None
