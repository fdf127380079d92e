"""What is written, where, and that it comes to the list that was meant."""

import errno
import stat
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listbridge import config
from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.guard import is_safe
from listbridge.mailsession import providers
from listbridge.membership import subscriber_file
from listbridge.membership.subscriber_file import Entry
from listbridge.secret import Secret
from listbridge.service.setup import Answers, NewFile, Place, Server, SetupError, write, writing

TODAY = date(2026, 11, 21)
MakeAnswers = Callable[..., Answers]


def _write(folder: Path, answers: Answers) -> Configuration:
    """Write the files and read them again."""
    service_file = folder / "listbridge.toml"
    write(Place.at(service_file).plan(answers, TODAY).files)
    return config.load(service_file)


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_files_come_to_the_list_that_was_meant(tmp_path: Path, answers: MakeAnswers) -> None:
    configuration = _write(tmp_path, answers())

    assert configuration.broken == {}
    assert configuration.warnings == ()
    choir = configuration.categories["choir"]
    assert (choir.name, choir.address) == ("Choir", "choir@example.org")
    assert choir.incoming is not None
    assert choir.incoming.since == TODAY
    assert choir.incoming.where == "imap.example.org:993"
    assert choir.incoming.password is not None
    assert choir.incoming.password.reveal() == "opensesame"
    assert choir.outgoing is not None
    assert choir.outgoing.account == "choir@example.org@smtp.example.org:587"
    assert choir.outgoing.password == choir.incoming.password
    assert choir.subscribers_file == tmp_path / "choir.subscribers"


def test_the_servers_stand_in_a_new_service_file_s_mail_session(
    tmp_path: Path, answers: MakeAnswers
) -> None:
    _write(tmp_path, answers())

    text = (tmp_path / "categories" / "choir.toml").read_text(encoding="utf-8")
    choir = tomllib.loads(text)
    assert choir["mail_session"] == "default"
    assert choir["incoming"] == {"since": TODAY}
    assert "outgoing" not in choir


_TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(is_safe)
_NAME = _TEXT.map(str.strip)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_NAME.filter(bool), username=_TEXT.filter(bool), people=st.lists(_NAME, max_size=3))
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory,
    answers: MakeAnswers,
    name: str,
    username: str,
    people: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("place")
    entries = tuple(Entry(f"#{i}@example.org", one) for i, one in enumerate(people))

    choir = _write(
        folder, answers(name=name, username=username, outgoing_username=username, people=entries)
    ).categories["choir"]

    assert choir.name == name
    assert choir.incoming is not None
    assert choir.incoming.username == username
    text = (folder / "choir.subscribers").read_text(encoding="utf-8")
    assert subscriber_file.parse(text) == (list(entries), [])


@pytest.mark.parametrize(
    "secret",
    [
        {"env": "CHOIR_PASSWORD"},
        {"file": '/etc/choir "x".password'},
        {"command": ("pass", "show", 'choir\'s \\ "password"')},
    ],
)
def test_a_password_kept_elsewhere_stays_there(
    tmp_path: Path, answers: MakeAnswers, secret: dict[str, object]
) -> None:
    elsewhere = Secret.model_validate(secret)

    choir = _write(tmp_path, answers(password=elsewhere)).categories["choir"]

    assert choir.incoming is not None
    assert choir.incoming.password == elsewhere
    assert not (tmp_path / "secrets").exists()


def test_every_answer_has_its_place(tmp_path: Path, answers: MakeAnswers) -> None:
    more = {
        "incoming": Server("pop3", "pop.example.org", "none", 8110),
        "outgoing": Server("smtp", "smtp.example.org", "none", 8025),
        "outgoing_username": None,
        "owners": ("ann@example.org",),
        "ca_file": Path("/etc/ca.pem"),
    }

    choir = _write(tmp_path, answers(**more)).categories["choir"]

    assert choir.owners == ("ann@example.org",)
    assert choir.incoming is not None
    assert choir.incoming.key == "pop3://choir@example.org@pop.example.org:8110/INBOX"
    assert choir.incoming.ca_file == Path("/etc/ca.pem")
    assert choir.outgoing is not None
    assert choir.outgoing.account == "@smtp.example.org:8025"
    assert choir.outgoing.password is None


def _gmail(answers: MakeAnswers, **more: object) -> Answers:
    """Answers of whoever has an address of a known provider."""
    address = "choir@gmail.com"
    return answers(
        address=address,
        username=address,
        outgoing_username=address,
        incoming=Server("imap", "imap.gmail.com"),
        outgoing=Server("smtp", "smtp.gmail.com"),
        profile=providers.profile("gmail"),
        **more,
    )


def _service_table(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "listbridge.toml").read_text(encoding="utf-8"))


def test_a_provider_s_facts_are_in_effect(tmp_path: Path, answers: MakeAnswers) -> None:
    choir = _write(tmp_path, _gmail(answers)).categories["choir"]

    assert choir.incoming is not None
    assert choir.outgoing is not None
    assert choir.incoming.where == "imap.gmail.com:993"
    assert choir.outgoing.place == "smtp.gmail.com:465"
    assert choir.incoming.username == choir.outgoing.username == "choir@gmail.com"
    assert choir.incoming.password == choir.outgoing.password
    assert choir.incoming.after_fetch == "trash"
    assert choir.outgoing.max_per_day == 500


def test_beside_the_provider_only_the_login_is_written(
    tmp_path: Path, answers: MakeAnswers
) -> None:
    write(Place.at(tmp_path / "listbridge.toml")._files(_gmail(answers), TODAY))

    [session] = _service_table(tmp_path)["mail_sessions"].values()
    assert session == {
        "provider": "gmail",
        "username": "choir@gmail.com",
        "password": {"file": "secrets/choir"},
    }


def test_a_server_that_differs_in_its_port_alone_is_written_out(
    tmp_path: Path, answers: MakeAnswers
) -> None:
    other = Server("smtp", "smtp.gmail.com", "starttls")
    mixed = replace(_gmail(answers), outgoing=other)
    write(Place.at(tmp_path / "listbridge.toml")._files(mixed, TODAY))

    [session] = _service_table(tmp_path)["mail_sessions"].values()
    assert "provider" not in session
    assert session["outgoing"]["security"] == "starttls"


def test_a_provider_s_limits_are_for_its_own_servers(tmp_path: Path, answers: MakeAnswers) -> None:
    elsewhere = Server("smtp", "smtp.example.org")

    choir = _write(tmp_path, replace(_gmail(answers), outgoing=elsewhere)).categories["choir"]

    assert choir.incoming is not None
    assert choir.incoming.after_fetch == "trash"
    assert choir.outgoing is not None
    assert choir.outgoing.max_per_day is None


def test_tokens_are_used_in_both_halves(tmp_path: Path, answers: MakeAnswers) -> None:
    plan = Place.at(tmp_path / "listbridge.toml").plan(
        _gmail(answers, password=None, oauth2="google"), TODAY
    )

    for settings_of in (plan.category.incoming, plan.category.outgoing):
        assert settings_of is not None
        assert settings_of.oauth2 is not None
        assert settings_of.oauth2.provider == "google"
        assert settings_of.password is None
    assert plan.session_to_log_in == "default"
    assert not [one for one in plan.files if one.private]


def test_a_service_file_that_is_there_gets_no_session(tmp_path: Path, answers: MakeAnswers) -> None:
    (tmp_path / "listbridge.toml").write_text("")

    with pytest.raises(SetupError, match="needs a mail session there"):
        _write(tmp_path, _gmail(answers, password=None, oauth2="google"))


def _uncommented(text: str) -> str:
    """Turn the examples into keys, as somebody does who wants them."""
    lines = text.splitlines()
    return "\n".join(
        x[2:] if x.startswith("# [") or (x.startswith("# ") and " = " in x) else x for x in lines
    )


def test_every_example_can_be_used_as_it_stands(tmp_path: Path, answers: MakeAnswers) -> None:
    _write(tmp_path, answers())
    for name in ("listbridge.toml", "categories/choir.toml"):
        file = tmp_path / name
        file.write_text(_uncommented(file.read_text(encoding="utf-8")), encoding="utf-8")

    configuration = config.load(tmp_path / "listbridge.toml")

    assert configuration.broken == {}
    choir = configuration.categories["choir"]
    assert choir.message.subject_prefix == "[Choir]"
    assert choir.owners == ("you@example.org",)
    assert choir.outgoing is not None
    assert choir.outgoing.max_per_day == 400


def test_the_password_is_for_its_owner_alone(tmp_path: Path, answers: MakeAnswers) -> None:
    _write(tmp_path, answers())

    modes = [stat.S_IMODE((tmp_path / x).stat().st_mode) for x in ("secrets", "secrets/choir")]
    assert modes == [0o700, 0o600]
    others = {name: text for name, text in _files(tmp_path).items() if name != "secrets/choir"}
    assert not any(b"opensesame" in text for text in others.values())


def test_no_repr_shows_the_password(tmp_path: Path, answers: MakeAnswers) -> None:
    plan = Place.at(tmp_path / "listbridge.toml").plan(answers(), TODAY)

    assert "opensesame" not in f"{plan!r} {answers()!r}"


def test_what_is_tried_needs_nothing_on_disk(tmp_path: Path, answers: MakeAnswers) -> None:
    category: Category = Place.at(tmp_path / "listbridge.toml").plan(answers(), TODAY).category

    assert category.subscribers_file is None
    for settings_of in (category.incoming, category.outgoing):
        assert settings_of is not None
        assert settings_of.password is not None
        assert settings_of.password.reveal() == "opensesame"
    assert _files(tmp_path) == {}


def test_another_list_joins_those_that_are_there(tmp_path: Path, answers: MakeAnswers) -> None:
    (tmp_path / "lists").mkdir()
    service = 'categories = "lists"\n# mine\n'
    (tmp_path / "listbridge.toml").write_text(service)
    _write(tmp_path, answers())

    other = answers(address="band@example.org", slug="band", username="band@example.org")
    configuration = _write(tmp_path, other)

    assert set(configuration.categories) == {"band", "choir"}
    assert (tmp_path / "listbridge.toml").read_text() == service
    assert (tmp_path / "lists" / "band.toml").exists()


@pytest.mark.parametrize("name", ["categories/choir.toml", "secrets/choir", "choir.subscribers"])
def test_nothing_is_ever_overwritten(tmp_path: Path, answers: MakeAnswers, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")

    with pytest.raises(SetupError, match=name):
        _write(tmp_path, answers())

    assert _files(tmp_path) == {name: b"mine"}


def test_a_mailbox_that_another_list_reads_otherwise_is_refused(
    tmp_path: Path, answers: MakeAnswers
) -> None:
    _write(tmp_path, answers())
    file = tmp_path / "categories" / "choir.toml"
    file.write_text(file.read_text().replace("[incoming]", '[incoming]\nprotocol = "pop3"'))

    with pytest.raises(SetupError, match="'choir' and 'other' share the mailbox"):
        _write(tmp_path, answers(slug="other", address="other@example.org"))


def test_a_mailbox_may_be_shared_with_a_list_that_is_made_later(
    tmp_path: Path, answers: MakeAnswers
) -> None:
    _write(tmp_path, answers())
    other = answers(slug="other", address="other@example.org")
    place = Place.at(tmp_path / "listbridge.toml")
    write(place.plan(other, TODAY + timedelta(days=30)).files)

    found = config.load(tmp_path / "listbridge.toml").categories
    assert list(found) == ["choir", "other"]
    assert {one.incoming.since for one in found.values() if one.incoming} == {TODAY}


def test_after_a_failure_nothing_is_left(tmp_path: Path, answers: MakeAnswers) -> None:
    folder = tmp_path / "new" / "lists"
    plan = Place.at(folder / "listbridge.toml").plan(answers(), TODAY)

    with (
        mock.patch.object(writing.os, "fsync", side_effect=[None, None, OSError(28, "full", "x")]),
        pytest.raises(SetupError, match="x cannot be written: full; nothing was written"),
    ):
        write(plan.files)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_in_between_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")

    with pytest.raises(SetupError, match="b cannot be written: File exists"):
        write([NewFile(tmp_path / "a", "", ""), NewFile(tmp_path / "b", "", "")])

    assert _files(tmp_path) == {"b": b"mine"}


def test_a_link_to_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")

    with pytest.raises(SetupError):
        write([NewFile(tmp_path / "a", "secret", "", private=True)])

    assert not (tmp_path / "nowhere").exists()


def test_a_full_disk_is_said_with_the_file_that_found_no_room(
    tmp_path: Path, answers: MakeAnswers
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch.object(writing.os, "fsync", side_effect=full),
        pytest.raises(SetupError, match=r"listbridge\.toml cannot be written: No space left"),
    ):
        _write(tmp_path, answers())
    assert _files(tmp_path) == {}
