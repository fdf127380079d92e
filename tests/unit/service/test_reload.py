"""Reading the files again while the service runs."""

from pathlib import Path

import pytest

from listbridge.bootstrap import Accounts, installation, reloaded
from listbridge.errors import ConfigError
from listbridge.service.roster import Roster
from listbridge.submission import OutgoingSettings

GOOD = 'address = "{0}@example.org"\n[outgoing]\nhost = "smtp.example.org"\n'
MAILBOX = '[incoming]\nhost = "imap.example.org"\nusername = "shared"\npassword = "secret"\n'


@pytest.fixture
def folder(tmp_path: Path, empty_database: bytes) -> Path:
    (tmp_path / "categories").mkdir()
    (tmp_path / "listbridge.toml").write_text("")
    (tmp_path / "listbridge.db").write_bytes(empty_database)
    for slug in ("general", "other"):
        write(tmp_path, slug, GOOD.format(slug))
    return tmp_path


def write(folder: Path, slug: str, toml: str) -> None:
    (folder / "categories" / f"{slug}.toml").write_text(toml)


def test_a_broken_file_keeps_the_category_as_it_was(folder: Path) -> None:
    with installation(folder / "listbridge.toml") as before:
        write(folder, "general", GOOD.format("general") + "colour = 1\n")
        after = reloaded(before)
    assert after.category("general") == before.category("general")
    assert after.ids == before.ids
    assert "colour" in after.broken["general"]


def test_a_broken_file_of_a_new_category_makes_none(folder: Path) -> None:
    with installation(folder / "listbridge.toml") as before:
        write(folder, "new", "colour = 1\n")
        after = reloaded(before)
    assert "new" not in after.ids
    assert "new" in after.broken


def test_a_category_that_was_kept_is_kept_again(folder: Path) -> None:
    with installation(folder / "listbridge.toml") as before:
        write(folder, "general", "nonsense")
        after = reloaded(reloaded(before))
    assert after.category("general") == before.category("general")


def test_new_and_vanished_categories_take_effect(folder: Path) -> None:
    with installation(folder / "listbridge.toml") as before:
        write(folder, "new", GOOD.format("new"))
        (folder / "categories" / "other.toml").unlink()
        after = reloaded(before)
    assert after.ids.keys() == {"general", "new"}


def test_another_database_is_not_changed_to(folder: Path) -> None:
    with installation(folder / "listbridge.toml") as before:
        (folder / "listbridge.toml").write_text('database = "sqlite:///other.db"\n')
        with pytest.raises(ConfigError, match="restart"):
            reloaded(before)
    assert not (folder / "other.db").exists()


def test_a_folder_that_is_gone_takes_no_category_away(folder: Path) -> None:
    with installation(folder / "listbridge.toml") as before:
        (folder / "categories").rename(folder / "elsewhere")
        with pytest.raises(ConfigError, match="gone"):
            reloaded(before)


def test_a_mailbox_that_a_new_file_reads_otherwise_is_polled_for_neither(folder: Path) -> None:
    write(folder, "general", GOOD.format("general") + MAILBOX)
    with installation(folder / "listbridge.toml") as before:
        write(folder, "new", GOOD.format("new") + MAILBOX + "since = 2026-11-20\n")
        after = reloaded(before)
    assert after.ids.keys() == {"other"}
    assert after.broken.keys() == {"general", "new"}


def test_who_shares_a_mailbox_follows_the_files(folder: Path) -> None:
    write(folder, "general", GOOD.format("general") + MAILBOX)
    with installation(folder / "listbridge.toml") as before:
        write(folder, "asleep", "active = false\n" + GOOD.format("asleep") + MAILBOX)
        write(folder, "new", GOOD.format("new") + MAILBOX)
        roster = Roster(reloaded(before))
        assert Roster(before).crowd("general") == ["general"]
        assert roster.crowd("new") == ["general", "new"]
        assert roster.installation.sharing("new") == ("asleep", "general", "new")
        assert roster.installation.crowds(roster.active()) == [["general", "new"], ["other"]]


def test_the_roster_names_what_is_active_and_sends(folder: Path) -> None:
    write(folder, "other", "active = false\n" + GOOD.format("other"))
    write(folder, "silent", 'address = "silent@example.org"\n[incoming]\nhost = "a"\n')
    with installation(folder / "listbridge.toml") as one:
        roster = Roster(one)
        assert roster.active().keys() == {"general", "silent"}
        assert roster.sends().keys() == {roster.id_of("general")}


async def test_only_accounts_whose_settings_have_changed_begin_anew() -> None:
    accounts = Accounts()
    kept, changed = OutgoingSettings(host="a"), OutgoingSettings(host="b")
    same, old = accounts.of(kept), accounts.of(changed)
    new_settings = changed.model_copy(update={"max_connections": 9})
    await accounts.close(unless=[kept, new_settings])
    assert accounts.of(kept) is same
    assert accounts.of(new_settings) is not old


async def test_an_account_that_was_in_trouble_is_used_anew() -> None:
    accounts, settings = Accounts(), OutgoingSettings(host="a")
    old = accounts.of(settings)
    await accounts.renew(settings)
    assert accounts.of(settings) is not old
