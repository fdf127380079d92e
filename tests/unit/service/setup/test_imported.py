"""Sessions and lists of other systems as files of ours."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from listbridge import mailsession
from listbridge.category import CategoryBasics
from listbridge.config.models import ServiceFile
from listbridge.service.setup import imported
from listbridge.service.setup.imported import Imported

SAMPLES = Path(__file__).parents[4] / "fixtures" / "sessions"
TODAY = date(2026, 11, 21)
FILES = sorted(
    str(file.relative_to(SAMPLES))
    for file in SAMPLES.rglob("*.*")
    if file.suffix != ".md" and file.name != "site.properties"
)


def _every(sample: str, **more: Any) -> list[Imported]:
    return imported.every(mailsession.read_all(SAMPLES / sample), TODAY, **more)


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_what_our_files_may_say(name: str) -> None:
    for one in _every(name):
        table = tomllib.loads(one.toml)
        if one.kind == "session":
            ServiceFile.model_validate(table)
        else:
            table.pop("outgoing_session", None)
            CategoryBasics.model_validate(table)


@pytest.mark.parametrize("name", FILES)
def test_no_password_stands_in_what_is_written(name: str) -> None:
    for one in _every(name):
        for password in ("sesame", "säsam", 'ses"ame', "bm90", "***"):
            assert password not in one.toml
            assert password not in repr(one)


def test_each_password_has_a_private_file_that_the_toml_names() -> None:
    [one] = _every("tomcat/ROOT.xml")

    [incoming, outgoing] = one.secrets
    assert (str(incoming.path), incoming.text, incoming.private) == (
        "secrets/mailsession-incoming",
        "sesame\n",
        True,
    )
    session = tomllib.loads(one.toml)["mail_sessions"]["mailsession"]
    assert session["incoming"]["password"] == {"file": str(incoming.path)}
    assert session["outgoing"]["password"] == {"file": str(outgoing.path)}
    assert session["jndi_name"] == "mail/MailSession"


def test_a_password_that_could_not_be_read_is_missing_and_said_to_be() -> None:
    one = next(x for x in _every("weblogic/config.xml") if x.name == "sealed")

    assert (one.secrets, one.missing) == ((), ("secrets/sealed-incoming",))
    assert "# password: only WebLogic can decrypt it" in one.toml


def test_what_was_left_out_stands_there_as_a_comment() -> None:
    [one] = _every("liferay/gmail.properties")

    assert "# port: 465 is a port of SMTP" in one.toml
    assert "port" not in tomllib.loads(one.toml)["mail_sessions"]["liferay"]["incoming"]


def test_a_session_kept_elsewhere_comes_to_nothing_but_a_sentence() -> None:
    [one] = _every("liferay/jndi.properties")

    assert one.toml == ""
    assert "'mail/MailSession' of the application server" in str(one.problems[0])


def test_a_session_can_be_given_another_name() -> None:
    [one] = _every("liferay/form.properties", name="portal")

    assert "[mail_sessions.portal.incoming]" in one.toml
    assert {str(x.path) for x in one.secrets} == {
        "secrets/portal-incoming",
        "secrets/portal-outgoing",
    }


def test_lists_leave_alone_what_lies_in_the_mailbox_already() -> None:
    [general, *_] = _every("liferay/lists.csv")

    assert tomllib.loads(general.toml)["incoming"]["since"] == TODAY


def test_lists_without_a_server_of_their_own_send_by_the_session_that_is_named() -> None:
    general, news, _ = _every("liferay/lists.csv", outgoing_session="liferay")

    assert "outgoing_session" not in tomllib.loads(general.toml)
    assert tomllib.loads(news.toml)["outgoing_session"] == "liferay"


def test_without_that_name_it_is_asked_for() -> None:
    _, news, _ = _every("liferay/lists.csv")

    assert "--outgoing-session" in str(news.warnings[-1])


def test_two_lists_of_one_name_get_two_slugs(tmp_path: Path) -> None:
    row = "news@{},pop3,localhost\n"
    file = tmp_path / "lists.csv"
    file.write_text(
        "emailAddress,inProtocol,inServerName\n"
        + row.format("example.org")
        + row.format("a.example")
    )

    found = imported.every(mailsession.read_all(file), TODAY)

    assert [one.name for one in found] == ["news", "news-2"]
