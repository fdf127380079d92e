"""Each sample of another system is read as it is: every value reaches its field."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from listbridge import mailsession
from listbridge.mailsession import ForeignSession, SourceError
from listbridge.mailsession.sources import liferay, websphere
from tests.unit.mailsession.conftest import SAMPLES

Sample = Callable[..., ForeignSession]

USER = "forum@example.org"
LOGIN = {"username": USER, "password": "sesame"}


def _imap(**more: Any) -> dict[str, Any]:
    server = {"protocol": "imap", "host": "imap.example.org", "port": 143, "security": "none"}
    return server | LOGIN | more


def _pop(**more: Any) -> dict[str, Any]:
    return _imap(protocol="pop3", host="pop.example.org", port=110) | more


def _smtp(**more: Any) -> dict[str, Any]:
    return {"host": "smtp.example.org", "port": 25, "security": "none"} | more


WHOLE = [
    (
        "liferay/imap.properties", None, None,
        _imap(security="starttls", password="säsam=1", timeout="21s"),
        _smtp(port=587, security="starttls", username=USER, password="säsam=1",
              hello_name="portal.example.org"),
    ),
    (
        "liferay/form.properties", None, None,
        _pop(port=995, security="tls", timeout="30s"),
        _smtp(port=465, security="tls", hello_name="form.example.org", **LOGIN),
    ),
    (
        "tomcat/ROOT.xml", None, "mail/MailSession",
        _imap(), _smtp(port=465, security="tls", **LOGIN),
    ),
    (
        "tomcat/server.xml", "mail/Forum", "mail/Forum",
        _imap(port=993, security="tls"), _smtp(port=587, security="starttls", **LOGIN),
    ),
    (
        "tomcat/server.xml", "java:comp/env/mail/Alerts", "mail/Alerts",
        None, {"host": "localhost", "port": 25, "security": "none"},
    ),
    ("weblogic/config.xml", "Forum", "mail/ForumSession", _imap(), _smtp(**LOGIN)),
    ("weblogic/config.xml", "mail/AlertSession", "mail/AlertSession", None, _smtp()),
    ("weblogic/blueprint.properties", None, None, _imap(), _smtp()),
    (
        "websphere/resources.xml", "mail/ForumSession", "mail/ForumSession",
        _pop(), _smtp(port=587, security="starttls", **LOGIN),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "jndi", "jndi_name", "incoming", "outgoing"), WHOLE)
def test_every_value_reaches_its_field(
    sample: Sample,
    name: str,
    jndi: str | None,
    jndi_name: str | None,
    incoming: dict[str, Any] | None,
    outgoing: dict[str, Any] | None,
) -> None:
    session = sample(name, jndi)

    assert session.jndi_name == jndi_name
    assert session.reading.incoming == incoming
    assert session.reading.outgoing == outgoing
    assert session.reading.problems == ()


def _problems(session: ForeignSession) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.name, one.key) for one in session.reading.problems]


def test_the_full_stop_of_liferays_defaults_is_reported(sample: Sample) -> None:
    session = sample("liferay/documented.properties")

    assert _problems(session) == [("mail.transport.protocol", ("outgoing", "security"))]
    assert session.reading.outgoing == {"host": "localhost", "port": 25}


def test_the_mistakes_of_the_documented_example_are_each_reported(sample: Sample) -> None:
    session = sample("liferay/gmail.properties")

    assert _problems(session) == [
        ("mail.pop3.port", ("incoming", "port")),
        ("mail.pop3.password", ("incoming", "password")),
        ("mail.smtp.port", ("outgoing", "port")),
        ("mail.smtp.password", ("outgoing", "password")),
    ]
    for half in (session.reading.incoming, session.reading.outgoing):
        assert not {"port", "password"} & (half or {}).keys()


def test_a_session_of_the_application_server_is_referred_to(sample: Sample) -> None:
    session = sample("liferay/jndi.properties")

    assert session.refers_to == "mail/MailSession"
    assert (session.reading.incoming, session.reading.outgoing) == (None, None)


def test_the_portals_own_session_goes_before_the_servers(sample: Sample) -> None:
    session = sample("liferay/form.properties")

    assert session.refers_to is None
    assert "mail.session.jndi.name" in {one.name for one in session.remarks}


def test_liferays_additional_properties_override_the_others() -> None:
    prefix = "mail.session.mail."
    session = liferay.session(
        {
            f"{prefix}pop3.host": "field.example.org",
            f"{prefix}advanced.properties": "mail.pop3.host=additional.example.org\n",
        }
    )

    assert (session.reading.incoming or {})["host"] == "additional.example.org"


def test_liferay_reads_by_pop3_where_nothing_else_is_said() -> None:
    prefix = "mail.session.mail."
    hosts = {f"{prefix}imap.host": "imap.example.org", f"{prefix}pop3.host": "pop.example.org"}

    assert (liferay.session(hosts).reading.incoming or {})["protocol"] == "pop3"


def test_a_list_with_the_protocol_of_tls_is_read_by_tls(tmp_path: Path) -> None:
    file = tmp_path / "lists.csv"
    file.write_text("emailAddress,inProtocol,inServerName,inUseSSL\na@example.org,imaps,h,0\n")
    [category] = mailsession.read_all(file).categories

    assert category.table["incoming"]["protocol"] == "imap"
    assert category.table["incoming"]["security"] == "tls"


def test_liferays_settings_around_the_session_are_shown_their_place(sample: Sample) -> None:
    told = {one.name: one.text for one in sample("liferay/imap.properties").remarks}

    assert "`active`" in told["pop.server.notifications.enabled"]
    assert "`address`" in told["admin.email.from.address"]
    assert "posts themselves" in told["message.boards.email.message.added.enabled"]
    assert "jdbc.default.username" not in told


@pytest.mark.parametrize(
    ("name", "jndi", "field"),
    [
        ("weblogic/config.xml", "Sealed", "session-password-encrypted"),
        ("websphere/resources.xml", "Sealed", "mailStorePassword"),
    ],
)
def test_an_encrypted_password_is_asked_for(
    sample: Sample, name: str, jndi: str, field: str
) -> None:
    session = sample(name, jndi)

    assert _problems(session) == [(field, ("incoming", "password"))]
    assert (session.reading.incoming or {})["username"] == USER


@pytest.mark.parametrize("password", ["sesame", "säsam 1", "{", "_"])
def test_xor_is_undone(password: str) -> None:
    hidden = base64.b64encode(bytes(octet ^ 0x5F for octet in password.encode())).decode()

    assert websphere.reveal(f"{{xor}}{hidden}") == password


@pytest.mark.parametrize("hidden", ["{xor}%", "{xor}oA==", "{aes}AAAA", "{custom}x"])
def test_what_cannot_be_undone_is_no_password(hidden: str) -> None:
    assert websphere.reveal(hidden) is None


def test_the_rest_of_a_password_with_a_semicolon_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "config.xml"
    file.write_text(
        "<domain><mail-session><name>x</name><properties>mail.imap.host=localhost;"
        "mail.imap.password=open;hunter2;hunter3=x</properties></mail-session></domain>"
    )
    [session] = mailsession.read_all(file).sessions

    said = "".join(map(str, session.reading.problems + session.reading.warnings))
    assert "entry 3" in said
    assert "entry 4" in said
    assert "hunter" not in said


def test_rows_of_liferays_lists_become_categories() -> None:
    general, news, broken = mailsession.read_all(SAMPLES / "liferay/lists.csv").categories

    login = {"username": "general@example.org", "password": "sesame"}
    assert general.table == {
        "address": "general@example.org",
        "active": True,
        "poll_every": "5m",
        "incoming": {"protocol": "imap", "security": "tls", "host": "imap.example.org",
                     "port": 993, **login},
        "outgoing": {"security": "tls", "host": "smtp.example.org", "port": 465, **login},
        "posting": {"non_members": "hold"},
    }  # fmt: skip
    assert (general.sends_by_session, general.problems) == (False, ())
    assert news.table["active"] is False
    assert news.table["posting"] == {"non_members": "accept"}
    assert news.table["incoming"]["password"] == 'ses"ame,2'
    assert (news.sends_by_session, "outgoing" in news.table) == (True, False)
    assert [one.name for one in news.warnings] == ["line 3, inUseSSL", "line 3, outEmailAddress"]
    assert [one.key for one in broken.problems] == [
        ("poll_every",), ("incoming", "port"), ("incoming", "password"),
    ]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lists_are_read_whatever_stands_between_columns_and_lines(
    tmp_path: Path, delimiter: str, line_end: str
) -> None:
    file = tmp_path / "lists.csv"
    rows = (["emailAddress", "inServerName", "inPassword"], ["a@example.org", "localhost", "NULL"])
    file.write_bytes(line_end.join(map(delimiter.join, rows)).encode())
    [category] = mailsession.read_all(file).categories

    assert category.table["incoming"]["host"] == "localhost"
    assert "password" not in category.table["incoming"]


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        (",pop3,localhost,true", ("address",)),
        ("a@example.org,nntp,localhost,true", ("incoming", "protocol")),
        ("a@example.org,pop3,,true", ("incoming", "host")),
        ("a@example.org,pop3,localhost,maybe", ("incoming", "security")),
        ('a@example.org,pop3,"local\nhost",true', ("incoming", "host")),
    ],
)
def test_a_cell_that_cannot_be_used_is_a_problem_with_its_line(
    tmp_path: Path, cells: str, key: tuple[str, ...]
) -> None:
    file = tmp_path / "lists.csv"
    file.write_text(f"EMAILADDRESS,inProtocol,inServerName,inUseSSL\n{cells}\n")
    [category] = mailsession.read_all(file).categories

    assert key in {one.key for one in category.problems}
    assert all(one.name.startswith("line ") for one in category.problems)


def test_of_several_sessions_one_has_to_be_named(sample: Sample) -> None:
    with pytest.raises(SourceError, match="'mail/Forum', 'mail/Alerts'; name one"):
        sample("tomcat/server.xml")


def test_a_session_that_is_not_there_is_refused_with_those_that_are(sample: Sample) -> None:
    with pytest.raises(SourceError, match="no mail session 'mail/Else'; there is 'mail/Mail"):
        sample("tomcat/ROOT.xml", "mail/Else")


def test_the_one_session_without_a_name_is_meant_by_any(sample: Sample) -> None:
    assert sample("weblogic/blueprint.properties", "mail/Anything").reading.incoming


def test_list_settings_are_no_mail_session(sample: Sample) -> None:
    with pytest.raises(SourceError, match="listbridge import-session"):
        sample("liferay/lists.csv")


@pytest.mark.parametrize(
    "content", ["", 'a"b"\r c', '"' * 9999, "jdbc.default.username=x", "<Context/>", "\0\0\0"]
)
def test_a_file_without_a_session_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file"
    file.write_text(content)

    with pytest.raises(SourceError, match="holds no mail session; expected"):
        mailsession.read_file(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing\.xml cannot be read: No such file"):
        mailsession.read_file(tmp_path / "missing.xml")


def test_no_repr_of_what_was_read_shows_a_password() -> None:
    for file in (x for x in SAMPLES.rglob("*") if x.suffix in (".xml", ".properties", ".csv")):
        if file.name != "site.properties":
            shown = repr(mailsession.read_all(file))
            assert "sesame" not in shown, file
            assert "säsam" not in shown, file
