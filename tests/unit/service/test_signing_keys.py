"""The operator hears of a key that cannot be read, once for all who sign with it."""

from datetime import datetime
from pathlib import Path

import pytest

from listbridge.category import Category
from listbridge.notices import What
from listbridge.service import signing_keys
from listbridge.submission import OutgoingSettings
from tests.signatures import rsa_pem


def signing(slug: str, **key: object) -> Category:
    dkim = {"domain": "example.org", "keys": {"s1": key}}
    outgoing = OutgoingSettings.model_validate({"host": "smtp.example.org", "dkim": dkim})
    return Category(slug=slug, address=f"{slug}@example.org", outgoing=outgoing)


def test_each_missing_key_is_told_once(tmp_path: Path, now: datetime) -> None:
    lost, other = tmp_path / "lost", tmp_path / "other"
    lists = [signing("a", file=lost), signing("b", file=lost), signing("c", file=other)]

    found = list(signing_keys.missing(lists, now))

    assert [(one.what, one.subject, one.since) for one in found] == [
        (What.KEY, "a", now),
        (What.KEY, "c", now),
    ]
    assert f"the DKIM key file {lost} cannot be read" in found[0].sentence


@pytest.mark.parametrize("text", [rsa_pem()[:200], ""])
def test_so_is_one_that_cannot_sign(tmp_path: Path, now: datetime, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)

    assert len(list(signing_keys.missing([signing("a", file=path)], now))) == 1


def test_a_good_key_is_not_told(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DKIM_KEY", rsa_pem())

    assert list(signing_keys.missing([signing("a", env="DKIM_KEY")], now)) == []


def test_of_who_sends_nothing_no_key_is_missed(tmp_path: Path, now: datetime) -> None:
    asleep = signing("a", file=tmp_path / "lost").model_copy(update={"active": False})
    silent = Category(slug="b", address="b@example.org")

    assert list(signing_keys.missing([asleep, silent], now)) == []


def test_no_command_is_run_each_minute(tmp_path: Path, now: datetime) -> None:
    trace = tmp_path / "trace"

    assert list(signing_keys.missing([signing("a", command=["touch", str(trace)])], now)) == []
    assert not trace.exists()
