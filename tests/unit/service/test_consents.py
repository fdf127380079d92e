"""Which accounts log in by OAuth 2.0, and what an operator is alerted of about them."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from listbridge.config import load
from listbridge.errors import ConfigError
from listbridge.mailbox import IncomingSettings
from listbridge.notices import Condition
from listbridge.oauth2 import OAuth2Settings
from listbridge.service import conditions, consents
from listbridge.service.conditions import Watched
from listbridge.submission import OutgoingSettings
from storage.database import Database
from tests.fakes.office import general

USER = "list@example.org"
OAUTH2 = 'oauth2 = { provider = "microsoft", client_id = "x" }'
DAY = timedelta(days=1)


def _write(folder: Path, service: str = "", **categories: str) -> Path:
    (folder / "categories").mkdir()
    (folder / "listbridge.toml").write_text(service)
    for slug, text in categories.items():
        address = f'address = "{slug}@example.org"\n'
        (folder / f"categories/{slug}.toml").write_text(address + text)
    return folder / "listbridge.toml"


HALF = f'host = "h"\nusername = "u"\n{OAUTH2}\n'
BOTH = f"[incoming]\n{HALF}[outgoing]\n{HALF}"
TWO = BOTH.replace('username = "u"', 'username = "v"', 1)


def test_two_halves_of_one_user_are_one_account_with_both_scopes(tmp_path: Path) -> None:
    [account] = consents.every(load(_write(tmp_path, choir=BOTH)))

    assert account.username == "u"
    assert {"IMAP.AccessAsUser.All", "SMTP.Send"} <= {x.split("/")[-1] for x in account.scopes}
    assert account.users == ("choir",)


@pytest.mark.parametrize("name", ["choir", "u"])
def test_an_account_is_found_by_category_and_by_user(tmp_path: Path, name: str) -> None:
    configuration = load(_write(tmp_path, choir=BOTH))
    assert consents.find(configuration, name, None).username == "u"


def test_an_account_is_found_by_its_mail_session(tmp_path: Path) -> None:
    service = f'[mail_sessions.office.outgoing]\nusername = "u"\n{OAUTH2}\n'
    assert consents.find(load(_write(tmp_path, service)), "office", None).username == "u"


def test_two_accounts_have_to_be_told_apart(tmp_path: Path) -> None:
    configuration = load(_write(tmp_path, choir=TWO))

    with pytest.raises(ConfigError, match="add --half"):
        consents.find(configuration, "choir", None)

    assert consents.find(configuration, "choir", "incoming").username == "v"
    assert consents.find(configuration, "choir", "outgoing").username == "u"


def test_a_name_that_is_unknown_leads_to_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="what does: choir, u"):
        consents.find(load(_write(tmp_path, choir=BOTH)), "chior", None)


def test_a_configuration_without_any_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing in the configuration logs in by OAuth2"):
        consents.find(load(_write(tmp_path)), "choir", None)


def test_a_broken_category_is_named_with_its_problem(tmp_path: Path) -> None:
    configuration = load(_write(tmp_path, choir=BOTH.replace("host", "hosts", 1)))
    with pytest.raises(ConfigError, match="hosts"):
        consents.find(configuration, "choir", None)


# Alerts.


def _holding(
    db: Database, folder: Path, now: datetime, tokens: dict[str, object] | None, **oauth2: object
) -> list[Condition]:
    file = folder / "t.json"
    if tokens is not None:
        usual = {
            "username": USER,
            "client_id": "x",
            "token_endpoint": "https://h/t",
            "expires_at": now.isoformat(),
            "refreshed_at": now.isoformat(),
        }
        file.touch(0o600)
        file.write_text(json.dumps(usual | tokens, default=str))
    given = {"provider": "google", "client_id": "x", "token_file": file, **oauth2}
    settings = OAuth2Settings(**given)  # type: ignore[arg-type]
    category = general(incoming=IncomingSettings(host="h", username=USER, oauth2=settings))
    with db.reading() as tx:
        watched = Watched({"general": category}, OutgoingSettings(host="h"), None)
        return conditions.holding(tx, watched, now)


def _named(found: list[Condition]) -> list[tuple[str, str]]:
    return [(one.what.value, one.subject) for one in found]


def test_a_good_consent_is_left_alone(
    db: Database, category_id: int, tmp_path: Path, now: datetime
) -> None:
    assert _holding(db, tmp_path, now, {}) == []


def test_no_tokens_are_no_alert_of_their_own(
    db: Database, category_id: int, tmp_path: Path, now: datetime
) -> None:
    assert _holding(db, tmp_path, now, None) == []


def test_a_refused_refresh_is_told_at_once(
    db: Database, category_id: int, tmp_path: Path, now: datetime
) -> None:
    noted = {"refused_because": "it was withdrawn", "refused_since": now.isoformat()}

    [found] = _holding(db, tmp_path, now, noted)

    assert _named([found]) == [("consent", USER)]
    assert "it was withdrawn" in found.sentence
    assert found.since == now


@pytest.mark.parametrize(
    ("left", "life", "told"), [(13, 180, 1), (15, 180, 0), (4, 7, 0), (3, 7, 1)]
)
def test_a_consent_about_to_end_is_told_days_before(
    db: Database, category_id: int, tmp_path: Path, now: datetime, left: int, life: int, told: int
) -> None:
    ends = now + left * DAY
    tokens = {"consent_ends": ends.isoformat(), "granted_at": (ends - life * DAY).isoformat()}

    found = _holding(db, tmp_path, now, tokens)

    assert _named(found) == [("consent", USER)] * told
    assert all(f"`listbridge oauth login {USER}`" in one.cure for one in found)


@pytest.mark.parametrize(("left", "told"), [(31, 0), (29, 1), (-5, 1)])
def test_a_client_secret_about_to_end_is_told_a_month_before(
    db: Database, category_id: int, tmp_path: Path, now: datetime, left: int, told: int
) -> None:
    day: date = (now + left * DAY).astimezone(UTC).date()

    found = _holding(db, tmp_path, now, {}, secret_expires=day)

    assert _named(found) == [("client", USER)] * told
    assert all(str(day) in one.sentence for one in found)
