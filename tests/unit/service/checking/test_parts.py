"""What `check` finds out without any server."""

from dataclasses import replace
from pathlib import Path
from typing import Literal
from unittest.mock import AsyncMock

import pytest

from listbridge import message
from listbridge.category import Category
from listbridge.mailbox import MailboxBusy
from listbridge.membership.subscriptions import subscribe
from listbridge.secret import Secret
from listbridge.service.checking import probe, servers
from listbridge.service.checking.category import check_category
from listbridge.service.checking.finding import Finding, fine
from listbridge.service.checking.secrets import source
from listbridge.submission import OutgoingSettings
from storage import subscriptions
from storage.database import Database
from storage.states import Origin
from tests.fakes.office import general

SENDING = OutgoingSettings(host="smtp.example.org")


def offline(category: Category, db: Database | None = None) -> dict[str, Finding]:
    return {one.what: one for one in check_category(category, offline=True, db=db)}


@pytest.mark.parametrize(
    ("host", "security", "whats"),
    [
        ("192.0.2.1", "none", ["outgoing password", "outgoing TLS"]),
        ("192.0.2.1", "tls", ["outgoing password"]),
        ("127.0.0.1", "none", ["outgoing password"]),
    ],
)
def test_a_password_that_others_can_read_on_its_way_is_told(
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    security: Literal["tls", "none"],
    whats: list[str],
) -> None:
    monkeypatch.setattr(servers, "_inspect", AsyncMock(return_value=[]))
    password = Secret.model_validate("secret")
    account = OutgoingSettings(host=host, security=security, username="ann", password=password)

    found = list(servers.check_outgoing("general", account, 1_000))

    assert [(one.what, one.ok) for one in found] == [(what, True) for what in whats]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (Secret.model_validate("secret"), "in the configuration itself"),
        (Secret(env="LIST_PASSWORD"), "in the environment variable LIST_PASSWORD"),
        (Secret(command=("pass", "show", "list")), "from the command 'pass'"),
        (Secret(keyring=("mail", "ann")), "in the keyring, 'ann' at 'mail'"),
        (Secret(file=Path("secrets/list")), "in secrets/list"),
    ],
)
def test_where_a_password_comes_from_is_said_without_it(secret: Secret, said: str) -> None:
    assert source(secret) == said


def test_whoever_takes_the_probe_in_does_not_post_it() -> None:
    parsed = message.parse(
        probe._message("general@example.org", probe._Message("general@example.org"))
    )

    assert message.bounce_reason(parsed) is None
    assert message.robot_reason(parsed) is not None


def test_a_mailbox_that_is_just_being_polled_is_no_mistake() -> None:
    finding = servers._finding("general", "incoming login", MailboxBusy("[IN-USE] by another"))

    assert finding.ok
    assert "look again later" in finding.seen


def test_an_account_that_several_share_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(slug: str, settings: OutgoingSettings, _size: int, _of: object) -> list[Finding]:
        looked.append(slug)
        return [fine(slug, "outgoing login", settings.host), fine(slug, "outgoing envelope", "ok")]

    monkeypatch.setattr(servers, "check_outgoing", look)
    accounts = servers.Accounts()
    first = accounts.check("first", SENDING, 1000)
    second = accounts.check("second", SENDING, 1000)

    assert looked == ["first"]
    assert [one.what for one in first] == ["outgoing login", "outgoing envelope"]
    assert second == [replace(first[0], category="second")]


def test_a_limit_below_the_number_of_subscribers_is_told_in_days(
    tmp_path: Path, db: Database
) -> None:
    file = tmp_path / "general.subscribers"
    file.write_text("".join(f"reader{number}@example.net\n" for number in range(25)))
    sending = SENDING.model_copy(update={"max_per_day": 10})

    found = offline(general(outgoing=sending, subscribers_file=file), db)

    assert found["subscribers"].seen == "25 active"
    assert "25 subscribers takes 3 days" in found["outgoing budget"].seen
    assert found["outgoing budget"].ok


def test_looking_at_the_subscriber_file_subscribes_nobody(
    tmp_path: Path, db: Database, category_id: int
) -> None:
    file = tmp_path / "general.subscribers"
    file.write_text("new@example.net\n")

    offline(general(subscribers_file=file), db)

    with db.reading() as tx:
        assert subscriptions.find(tx, category_id, "new@example.net") is None


def test_lines_that_name_nobody_are_named_without_a_store_too(tmp_path: Path) -> None:
    file = tmp_path / "general.subscribers"
    file.write_text("ann@example.net\nnot an address\n")

    found = offline(general(subscribers_file=file))["subscribers"]

    assert not found.ok
    assert "line 2" in found.seen


def test_a_category_without_a_file_or_a_store_has_no_finding_about_subscribers() -> None:
    assert offline(general()) == {}


def test_a_probe_needs_both_directions() -> None:
    [*_, last] = check_category(general(outgoing=SENDING), offline=True, probe=True)

    assert last.what == "probe"
    assert "not possible" in last.seen


def test_a_file_that_names_the_list_itself_is_told(
    db: Database, category_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "general.subscribers"
    file.write_text("ann@example.net\nGeneral@example.org\n")

    for store in (db, None):
        found = check_category(general(subscribers_file=file), offline=True, db=store)
        assert ["own address" in one.seen for one in found if not one.ok] == [True]


def test_a_list_that_is_subscribed_to_itself_is_named(db: Database, category_id: int) -> None:
    with db.transaction() as tx:
        for one in ("ann@example.net", "General@example.org"):
            subscribe(tx, category_id, one, "", Origin.ADMIN)

    found = [one for one in check_category(general(), offline=True, db=db) if not one.ok]

    assert [one.seen for one in found] == [
        "general@example.org is the list's own address: each post would come back as a loop"
    ]
