"""Named mail sessions: where each setting comes from, and who is told what is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.category import Category
from listbridge.config import load
from listbridge.errors import ConfigError

Write = Callable[[str, str], Path]

LIFERAY = """
mail.session.mail=true
mail.session.mail.store.protocol=imap
mail.session.mail.imap.host=imap.portal.example
mail.session.mail.imap.port=143
mail.session.mail.imap.user=portal
mail.session.mail.imap.password=of the file
mail.session.mail.imap.starttls.required=true
mail.session.mail.smtp.host=smtp.portal.example
mail.session.mail.smtp.port=587
mail.session.mail.smtp.auth=true
mail.session.mail.smtp.user=portal
mail.session.mail.smtp.password=of the file
mail.session.mail.smtp.starttls.required=true
"""


def loaded(write: Write, service: str, category: str, slug: str = "chess") -> Category:
    write("listbridge.toml", service)
    write(f"categories/{slug}.toml", category)
    configuration = load()
    assert configuration.broken == {}
    return configuration.categories[slug]


def places(one: Category) -> tuple[str, str]:
    assert one.incoming is not None
    assert one.outgoing is not None
    return one.incoming.where, one.outgoing.place


def refused(write: Write, service: str) -> list[str]:
    write("listbridge.toml", service)
    with pytest.raises(ConfigError) as caught:
        load()
    return str(caught.value).splitlines()


CLUB = """
[mail_sessions.club]
username = "{slug}@example.org"
password = { file = "secrets/{slug}" }
incoming = { host = "imap.example.org" }
outgoing = { host = "smtp.{domain}" }
"""


def test_a_category_is_a_name_and_nothing_else(write: Write, folder: Path) -> None:
    chess = loaded(write, CLUB, 'mail_session = "club"\n')

    assert chess.address == "chess@example.org"
    assert chess.incoming is not None
    assert chess.incoming.username == "chess@example.org"
    assert chess.incoming.password is not None
    assert chess.incoming.password.file == folder / "secrets/chess"
    assert chess.outgoing is not None
    assert (chess.outgoing.host, chess.outgoing.username) == (
        "smtp.example.org",
        "chess@example.org",
    )


def test_an_address_of_its_own_goes_before_the_user_name(write: Write) -> None:
    chess = loaded(write, CLUB, 'mail_session = "club"\naddress = "chess@lists.example.net"\n')

    assert chess.address == "chess@lists.example.net"
    assert chess.outgoing is not None
    assert chess.outgoing.host == "smtp.lists.example.net"


def test_a_literal_password_keeps_its_braces(write: Write) -> None:
    service = CLUB.replace('{ file = "secrets/{slug}" }', '"a{slug}b"')

    chess = loaded(write, service, 'mail_session = "club"\n')

    assert chess.incoming is not None
    assert chess.incoming.password is not None
    assert chess.incoming.password.reveal() == "a{slug}b"


def test_a_pattern_that_means_nothing_is_told_with_those_that_do(write: Write) -> None:
    [found] = refused(
        write, '[mail_sessions.a.incoming]\nhost = "h"\nusername = "{slugg}@b.example"\n'
    )

    assert found == (
        "listbridge.toml:3: mail_sessions.a.incoming.username: nothing is known by {slugg}; "
        "known are {slug}, {address}, {local}, {domain}"
    )


@pytest.mark.parametrize("name", ["main", "mail/MailSession", "java:comp/env/mail/MailSession"])
def test_a_category_refers_to_a_session_by_either_name(write: Write, name: str) -> None:
    service = '[mail_sessions.main]\njndi_name = "mail/MailSession"\nincoming = { host = "h" }\n'

    chess = loaded(write, service, f'address = "c@example.org"\nmail_session = "{name}"\n')

    assert chess.incoming is not None
    assert chess.incoming.host == "h"


def test_a_second_name_that_is_taken_is_refused(write: Write) -> None:
    service = '[mail_sessions.a]\njndi_name = "m/S"\n[mail_sessions.b]\njndi_name = "m/S"\n'

    assert refused(write, service) == [
        "listbridge.toml:4: mail_sessions.b.jndi_name: the mail session 'a' has that name already; "
        "choose another"
    ]


def test_a_profile_supplies_all_but_the_login_and_its_limits_hold(write: Write) -> None:
    service = '[mail_sessions.a]\nprovider = "yahoo"\nusername = "ann@yahoo.com"\npassword = "x"\n'

    chess = loaded(write, service, 'address = "ann@yahoo.com"\nmail_session = "a"\n')

    assert places(chess) == ("imap.mail.yahoo.com:993", "smtp.mail.yahoo.com:465")
    assert chess.outgoing is not None
    assert chess.outgoing.username == "ann@yahoo.com"
    assert chess.outgoing.max_per_day == 500


def test_a_profile_gives_the_user_name_the_form_its_server_wants(write: Write) -> None:
    service = (
        '[mail_sessions.a]\nprovider = "icloud"\nusername = "ann@icloud.com"\npassword = "x"\n'
    )

    chess = loaded(write, service, 'address = "ann@icloud.com"\nmail_session = "a"\n')

    assert chess.incoming is not None
    assert chess.outgoing is not None
    assert (chess.incoming.username, chess.outgoing.username) == ("ann", "ann@icloud.com")


def test_an_unknown_profile_is_told_with_the_nearest(write: Write) -> None:
    assert refused(write, '[mail_sessions.a]\nprovider = "yahooo"\n') == [
        "listbridge.toml:2: mail_sessions.a.provider: there is no profile 'yahooo'; "
        "did you mean 'yahoo'?"
    ]


def test_each_source_overrides_those_below(write: Write) -> None:
    write("portal-ext.properties", LIFERAY)
    service = (
        '[mail_sessions.a]\nprovider = "yahoo"\nproperties_file = "portal-ext.properties"\n'
        'incoming = { host = "imap.field.example" }\n'
        '[mail_sessions.a.properties]\n"mail.smtp.host" = "smtp.property.example"\n'
        '"mail.imap.timeout" = 7000\n'
    )

    chess = loaded(
        write,
        service,
        'address = "c@example.org"\nmail_session = "a"\n[outgoing]\nmax_per_day = 7\n',
    )

    assert places(chess) == ("imap.field.example:143", "smtp.property.example:587")
    assert chess.incoming is not None
    assert chess.outgoing is not None
    assert chess.incoming.timeout.total_seconds() == 7
    assert chess.incoming.security == "starttls"
    assert chess.incoming.username == "portal"
    assert chess.outgoing.max_per_day == 7


def test_a_port_goes_where_the_security_is_changed_above_it(write: Write) -> None:
    service = '[mail_sessions.a]\nprovider = "yahoo"\noutgoing = { security = "starttls" }\n'

    chess = loaded(write, service, 'address = "ann@yahoo.com"\nmail_session = "a"\n')

    assert places(chess)[1] == "smtp.mail.yahoo.com:587"


@pytest.mark.parametrize(
    ("below", "above", "left"),
    [
        ('password = "x"', 'oauth2 = { provider = "google" }', "oauth2"),
        ('oauth2 = { provider = "google" }', 'password = "x"', "password"),
    ],
)
def test_a_login_of_one_kind_takes_the_place_of_the_other(
    write: Write, below: str, above: str, left: str
) -> None:
    service = f'[mail_sessions.a.incoming]\nhost = "h"\n{below}\n'

    chess = loaded(
        write, service, f'address = "c@example.org"\nmail_session = "a"\n[incoming]\n{above}\n'
    )

    assert chess.incoming is not None
    logins = {"password": chess.incoming.password, "oauth2": chess.incoming.oauth2}
    assert [name for name, one in logins.items() if one is not None] == [left]


def test_a_file_that_leaves_its_session_to_the_server_leads_to_that_name(write: Write) -> None:
    write("portal-ext.properties", "mail.session.jndi.name=mail/MailSession\n")
    service = (
        '[mail_sessions.portal]\nproperties_file = "portal-ext.properties"\n'
        '[mail_sessions.tomcat]\njndi_name = "mail/MailSession"\n'
        'incoming = { host = "h.example" }\n'
    )

    chess = loaded(write, service, 'address = "c@example.org"\nmail_session = "portal"\n')

    assert chess.incoming is not None
    assert chess.incoming.host == "h.example"


def test_a_name_that_the_file_leads_to_and_nobody_has_is_told(write: Write) -> None:
    write("portal-ext.properties", "mail.session.jndi.name=mail/MailSession\n")

    [found] = refused(write, '[mail_sessions.p]\nproperties_file = "portal-ext.properties"\n')

    assert "as 'mail/MailSession'; define a mail session with that jndi_name" in found


def test_files_that_lead_to_each_other_are_told(write: Write) -> None:
    write("a.properties", "mail.session.jndi.name=mail/B\n")
    write("b.properties", "mail.session.jndi.name=mail/A\n")
    service = (
        '[mail_sessions.a]\njndi_name = "mail/A"\nproperties_file = "a.properties"\n'
        '[mail_sessions.b]\njndi_name = "mail/B"\nproperties_file = "b.properties"\n'
    )

    assert all("and back" in one for one in refused(write, service))


def test_what_is_wrong_in_a_file_is_cured_by_the_session_itself(write: Write) -> None:
    write("portal-ext.properties", LIFERAY.replace("smtp.port=587", "smtp.port=110"))
    service = '[mail_sessions.a]\nproperties_file = "portal-ext.properties"\n'

    [found] = refused(write, service)
    assert found.startswith(
        "listbridge.toml:2: mail_sessions.a.properties_file: portal-ext.properties: "
        "mail.smtp.port: 110"
    )

    cured = loaded(
        write,
        service + "outgoing = { port = 588 }\n",
        'address = "c@example.org"\nmail_session = "a"\n',
    )
    assert places(cured)[1] == "smtp.portal.example:588"


def test_a_missing_file_is_told_and_stops_only_who_needs_it(write: Write) -> None:
    write("listbridge.toml", '[mail_sessions.a]\nproperties_file = "gone.properties"\n')
    both = 'address = "{}@example.org"\nmail_session = "a"\n{}'
    write("categories/chess.toml", both.format("chess", 'incoming = { host = "h" }\n'))
    write("categories/go.toml", both.format("go", ""))

    configuration = load()

    assert "there is no file gone.properties" in str(configuration.warnings[0])
    assert list(configuration.categories) == ["chess"]
    assert "neither [incoming] nor [outgoing]" in str(configuration.broken["go"][0])


def test_a_property_that_cannot_be_honoured_is_told_where_it_stands(write: Write) -> None:
    service = (
        '[mail_sessions.a]\nincoming = { host = "h" }\n'
        '[mail_sessions.a.properties]\n"mail.imap.port" = "99999"\n'
    )

    [found] = refused(write, service)

    assert found.startswith('listbridge.toml:4: mail_sessions.a.properties."mail.imap.port": ')


def test_a_property_that_nobody_knows_is_a_warning(write: Write) -> None:
    service = (
        '[mail_sessions.a]\nincoming = { host = "h" }\n'
        '[mail_sessions.a.properties]\n"mail.imap.hots" = "x"\n'
    )
    write("listbridge.toml", service)

    [warning] = load().warnings

    assert "did you mean mail.imap.host?" in str(warning)


def test_a_wrong_login_for_both_halves_is_told_once_and_without_it(write: Write) -> None:
    found = refused(write, '[mail_sessions.a]\npassword = ["hunter2"]\nincoming = { host = "h" }\n')

    assert len(found) == 1
    assert found[0].startswith("listbridge.toml:2: mail_sessions.a.password: expected ")
    assert "hunter2" not in found[0]


def test_what_only_a_category_makes_wrong_is_told_there(write: Write) -> None:
    write("listbridge.toml", CLUB.replace("smtp.{domain}", "{local} {domain}"))
    write("categories/chess.toml", 'mail_session = "club"\n')

    with pytest.raises(ConfigError, match="only the name of the server"):
        load()
