"""What JavaMail's properties come to, as overrides and as a whole session."""

from typing import Any

import pytest

from listbridge.mailbox import IncomingSettings
from listbridge.mailsession import Reading, overlay
from listbridge.mailsession.javamail import Login, complete, names
from listbridge.submission import OutgoingSettings

SECRET = "hunter2"


def _incoming(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    reading = overlay(properties, **more)
    assert (reading.problems, reading.outgoing) == ((), None)
    return reading.incoming or {}


def _outgoing(properties: dict[str, Any]) -> dict[str, Any]:
    reading = overlay(properties)
    assert (reading.problems, reading.incoming) == ((), None)
    return reading.outgoing or {}


def _problems(reading: Reading) -> dict[str, str]:
    return {one.name: one.text for one in reading.problems}


def _warnings(reading: Reading) -> dict[str, str]:
    return {one.name: one.text for one in reading.warnings}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"mail.imap.host": "imap.example.org"}, {"host": "imap.example.org"}),
        ({"mail.imap.port": "1143"}, {"port": 1143}),
        ({"mail.imap.port": 1143}, {"port": 1143}),
        ({"mail.imap.user": "joe", "mail.imap.password": "x y"},
         {"username": "joe", "password": "x y"}),
        ({"mail.imap.ssl.enable": True}, {"security": "tls"}),
        ({"mail.imap.ssl.enable": "false"}, {"security": "none"}),
        ({"mail.imap.starttls.enable": "true"}, {"security": "starttls"}),
        ({"mail.imap.starttls.required": "TRUE"}, {"security": "starttls"}),
        ({"mail.imap.starttls.enable": "false"}, {}),
        ({"mail.imap.ssl.enable": "true", "mail.imap.starttls.enable": "true"},
         {"security": "tls"}),
        ({"mail.imap.ssl.enable": "false", "mail.imap.starttls.enable": "true"},
         {"security": "starttls"}),
        ({"mail.imap.socketFactory.class": "javax.net.ssl.SSLSocketFactory",
          "mail.imap.socketFactory.port": "1993", "mail.imap.port": "1143"},
         {"security": "tls", "port": 1993}),
        ({"mail.imap.socketFactory.port": "1993"}, {}),
        ({"mail.store.protocol": "imaps"}, {"protocol": "imap", "security": "tls"}),
        ({"mail.store.protocol": "pop3", "mail.pop3.host": "pop.example.org"},
         {"protocol": "pop3", "host": "pop.example.org"}),
        ({"mail.imaps.host": "imap.example.org"},
         {"host": "imap.example.org", "security": "tls"}),
        ({"mail.imap.connectiontimeout": "10000"}, {"timeout": "10s"}),
        ({"mail.imap.connectiontimeout": "10000", "mail.imap.timeout": "20001",
          "mail.imap.writetimeout": "5"}, {"timeout": "21s"}),
        ({"mail.imap.timeout": "1"}, {"timeout": "1s"}),
        ({"mail.imap.host": "", "mail.imap.user": "  "}, {}),
        ({"mail.imap.host": " imap.example.org "}, {"host": "imap.example.org"}),
    ],
)  # fmt: skip
def test_properties_set_the_incoming_fields_they_name_and_no_others(
    properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert _incoming(properties) == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"mail.smtp.host": "smtp.example.org"}, {"host": "smtp.example.org"}),
        ({"mail.smtp.user": "joe", "mail.smtp.password": "x"},
         {"username": "joe", "password": "x"}),
        ({"mail.smtp.auth": "false", "mail.smtp.user": "joe"},
         {"username": None, "password": None}),
        ({"mail.smtp.auth": "true"}, {}),
        ({"mail.transport.protocol": "smtps"}, {"security": "tls"}),
        ({"mail.transport.protocol": "smtp"}, {}),
        ({"mail.transport.protocol": "smtp", "mail.transport.protocol.rfc822": "smtps"},
         {"security": "tls"}),
        ({"mail.smtps.port": "4650"}, {"security": "tls", "port": 4650}),
        ({"mail.smtp.localhost": "portal.example.org"}, {"hello_name": "portal.example.org"}),
        ({"mail.smtp.chunksize": "8192"}, {"chunking": "auto"}),
        ({"mail.smtp.chunksize": "-1"}, {"chunking": "off"}),
    ],
)  # fmt: skip
def test_properties_set_the_outgoing_fields_they_name_and_no_others(
    properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert _outgoing(properties) == expected


def test_the_protocols_own_property_goes_before_the_sessions() -> None:
    reading = overlay({"mail.host": "all", "mail.user": "u", "mail.imap.host": "mine"})

    assert reading.incoming == {"host": "mine", "username": "u"}
    assert reading.outgoing == {"host": "all", "username": "u"}


def test_pipelining_of_pop3_can_be_switched_off() -> None:
    assert _incoming({"mail.pop3.pipelining": "false"}, protocol="pop3") == {"pipelining": "off"}


def test_names_of_a_protocol_that_is_not_used_have_no_effect_and_are_warned_about() -> None:
    reading = overlay({"mail.pop3.host": "pop.example.org"})

    assert reading.incoming is None
    assert "mail.store.protocol to pop3" in _warnings(reading)["mail.pop3.host"]


def test_plain_names_have_no_effect_where_the_protocol_is_the_one_with_tls() -> None:
    reading = overlay({"mail.transport.protocol": "smtps", "mail.smtp.host": "smtp.example.org"})

    assert reading.outgoing == {"security": "tls"}
    assert "write mail.smtps.*" in _warnings(reading)["mail.smtp.host"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mail.transport.protocol", "smtp.", "a full stop too many; write smtp"),
        ("mail.store.protocol", "nntp", "write imap, imaps, pop3 or pop3s"),
        ("mail.imap.port", "465", "465 is a port of SMTP; IMAP has 993"),
        ("mail.smtp.port", "110", "110 is a port of POP3; SMTP has 465"),
        ("mail.imap.port", "0", "from 1 to 65535"),
        ("mail.imap.port", "1e3", "whole number"),
        ("mail.imap.timeout", "99999999999", "whole number"),
        ("mail.imap.timeout", "9999999999", "too large"),
        ("mail.imap.ssl.enable", "yes", "true or false"),
        ("mail.smtp.auth", "1", "true or false"),
        ("mail.imap.password", "*******", "masked"),
        ("mail.imap.password", "TEMP_OBFUSCATION_VALUE", "masked"),
        ("mail.imap.password", "${mail.password}", "placeholder"),
        ("mail.imap.host", "${mail.host}", "placeholder"),
        ("mail.imap.host", "a\nb", "control character"),
        ("mail.imap.host", 1.5, "write a text"),
        ("mail.imap.ssl.trust", "*", "cannot be honoured"),
        ("mail.imap.ssl.checkserveridentity", "false", "always checked"),
        ("mail.imap.ssl.protocols", "TLSv1 SSLv3", "TLS 1.2"),
        ("mail.imap.socketFactory.class", "com.example.Trusting", "no Java class"),
        ("mail.imap.socketFactory.fallback", "true", "never replaced"),
        ("mail.imap.auth.mechanisms", "NTLM DIGEST-MD5", "PLAIN or LOGIN"),
        ("mail.smtp.sasl.mechanisms", "XOAUTH2", "`oauth2`"),
        ("mail.smtp.sasl.realm", "example.org", "DIGEST-MD5"),
        ("mail.imap.proxy.host", "proxy.example.org", "directly"),
        ("mail.smtp.socks.host", "proxy.example.org", "directly"),
        ("mail.smtp.localaddress", "192.0.2.1", "take it out"),
        ("mail.smtp.ehlo", "false", "EHLO"),
    ],
)
def test_what_cannot_be_used_is_a_problem_with_its_cure(name: str, value: Any, said: str) -> None:
    reading = overlay({name: value})

    assert said in _problems(reading)[name]
    assert not reading.incoming
    assert not reading.outgoing


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mail.imap.ssl.checkserveridentity", "true"),
        ("mail.imap.ssl.protocols", "TLSv1.2,TLSv1.3"),
        ("mail.imap.socketFactory.fallback", "false"),
        ("mail.smtp.auth.mechanisms", "LOGIN PLAIN DIGEST-MD5 NTLM"),
        ("mail.smtp.ehlo", "true"),
        ("mail.imap.peek", "true"),
        ("mail.mime.charset", "UTF-8"),
    ],
)
def test_what_asks_for_what_is_done_anyway_is_no_problem(name: str, value: str) -> None:
    reading = overlay({name: value})

    assert (reading.problems, reading.warnings) == ((), ())
    assert (reading.incoming, reading.outgoing) == (None, None)


def test_a_name_without_meaning_here_says_why() -> None:
    [ignored] = overlay({"mail.imap.peek": "true"}).ignored

    assert str(ignored).startswith("mail.imap.peek: means nothing here: messages are always read")


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("mail.imap.ssl.enabled", "mail.imap.ssl.enable"),
        ("mail.smtps.prot", "mail.smtps.port"),
        ("mail.Smtp.host", "mail.smtp.host"),
    ],
)
def test_an_unknown_name_is_warned_about_with_the_nearest(unknown: str, meant: str) -> None:
    assert _warnings(overlay({unknown: "x"}))[unknown].endswith(f"did you mean {meant}?")


def test_starttls_that_was_optional_is_said_to_be_required() -> None:
    warned = _warnings(overlay({"mail.smtp.starttls.enable": "true"}))
    strict = {"mail.smtp.starttls.enable": "true", "mail.smtp.starttls.required": "true"}

    assert "is not used without it" in warned["mail.smtp.starttls.enable"]
    assert overlay(strict).warnings == ()


def test_waiting_without_an_end_is_not_taken() -> None:
    reading = overlay({"mail.imap.timeout": "0"})

    assert reading.incoming is None
    assert "without an end" in _warnings(reading)["mail.imap.timeout"]


def test_a_port_that_hardly_fits_the_security_is_warned_about() -> None:
    reading = overlay({"mail.smtp.port": "465", "mail.smtp.starttls.required": "true"})

    assert "TLS begins at once" in _warnings(reading)["mail.smtp.port"]


def test_a_trusted_host_is_checked_all_the_same() -> None:
    reading = overlay({"mail.smtp.ssl.trust": "smtp.example.org"})

    assert "`ca_file`" in _warnings(reading)["mail.smtp.ssl.trust"]


def test_a_whole_session_has_javamails_defaults() -> None:
    reading = complete({"mail.imap.user": "joe", "mail.smtp.from": "joe@example.org"})

    assert reading.incoming == {
        "protocol": "imap", "host": "localhost", "security": "none", "port": 143, "username": "joe",
    }  # fmt: skip
    assert reading.outgoing == {"host": "localhost", "security": "none", "port": 25}


@pytest.mark.parametrize(
    ("properties", "port"),
    [
        ({"mail.store.protocol": "imap"}, 143),
        ({"mail.store.protocol": "imaps"}, 993),
        ({"mail.store.protocol": "pop3"}, 110),
        ({"mail.store.protocol": "pop3s"}, 995),
        ({"mail.pop3.ssl.enable": "true"}, 995),
        ({"mail.imap.starttls.enable": "true"}, 143),
    ],
)
def test_default_ports_of_reading_are_javamails(properties: dict[str, str], port: int) -> None:
    assert (complete(properties).incoming or {})["port"] == port


@pytest.mark.parametrize(
    ("properties", "port"),
    [
        ({"mail.transport.protocol": "smtp"}, 25),
        ({"mail.transport.protocol": "smtps"}, 465),
        ({"mail.smtp.starttls.required": "true"}, 25),
    ],
)
def test_default_ports_of_sending_are_javamails(properties: dict[str, str], port: int) -> None:
    assert (complete(properties).outgoing or {})["port"] == port


@pytest.mark.parametrize(
    ("properties", "left_open"),
    [
        ({"mail.imap.host": "${host}"}, {"host"}),
        ({"mail.imap.ssl.enable": "ja"}, {"security", "port"}),
        ({"mail.imap.port": "465"}, {"port"}),
        ({"mail.store.protocol": "imap4"}, {"protocol"}),
    ],
)
def test_no_default_takes_the_place_of_what_cannot_be_used(
    properties: dict[str, str], left_open: set[str]
) -> None:
    incoming = complete({"mail.imap.user": "joe"} | properties).incoming

    assert {"protocol", "host", "port", "security"} - (incoming or {}).keys() == left_open


def test_a_half_of_which_nothing_is_said_does_not_exist() -> None:
    reading = complete({"mail.smtp.host": "smtp.example.org", "mail.user": "joe"})

    assert reading.incoming is None


def test_who_names_only_a_server_means_both_halves() -> None:
    reading = complete({"mail.host": "mail.example.org"})

    assert (reading.incoming or {})["host"] == (reading.outgoing or {})["host"]


def test_the_protocol_whose_names_are_used_is_the_one_that_is_meant() -> None:
    reading = complete({"mail.pop3s.host": "pop.example.org"})

    assert (reading.incoming or {})["protocol"] == "pop3"
    assert (reading.incoming or {})["security"] == "tls"


def test_without_mail_smtp_auth_nobody_logs_in_and_it_is_said() -> None:
    reading = complete(
        {"mail.smtp.host": "localhost", "mail.smtp.user": "joe", "mail.smtp.password": "***"}
    )

    assert reading.outgoing == {"host": "localhost", "security": "none", "port": 25}
    assert reading.problems == ()  # of a password that is not used
    assert "would not log in" in _warnings(reading)["mail.smtp.auth"]


def test_the_containers_login_goes_before_the_properties() -> None:
    login = Login("container", SECRET)
    reading = complete(
        {"mail.imap.user": "joe", "mail.imap.password": "***", "mail.smtp.auth": "true"},
        reads_with=login,
        sends_with=login,
    )

    assert reading.problems == ()
    for half in (reading.incoming, reading.outgoing):
        assert half is not None
        assert (half["username"], half["password"]) == ("container", SECRET)


@pytest.mark.parametrize(("host", "warns"), [("imap.example.org", True), ("127.0.0.1", False)])
def test_no_encryption_is_warned_about_unless_it_stays_on_this_machine(
    host: str, warns: bool
) -> None:
    warned = _warnings(complete({"mail.imap.host": host}))

    assert ("mail.imap.ssl.enable" in warned) is warns


def test_no_remark_and_no_repr_shows_a_password() -> None:
    properties = {
        name: f" {SECRET} {{}}\n" if number % 2 else f" {SECRET}"
        for number, name in enumerate(names.every_name())
        if "password" in name
    }
    for reading in (overlay(properties), complete(properties | {"mail.smtp.auth": "true"})):
        assert SECRET not in repr(reading)
        assert SECRET not in "".join(map(str, reading.problems + reading.warnings))
    assert SECRET not in repr(Login("joe", SECRET))


def test_every_row_that_sets_a_key_sets_one_of_ours() -> None:
    known = IncomingSettings.model_fields.keys() | OutgoingSettings.model_fields.keys()

    for row in names.ROWS:
        assert not row.key or row.key.rpartition(".")[2] in known, row.name


@pytest.mark.parametrize("protocol", names.STORES + names.TRANSPORTS)
def test_whatever_comes_of_harmless_values_fits_our_settings(protocol: str) -> None:
    table = {f"mail.{protocol}.{name}": value for name, value in (
        ("host", "a.example.org"), ("port", "2000"), ("user", "joe"), ("password", "x"),
        ("timeout", "1500"), ("localhost", "b.example.org"), ("chunksize", "0"),
        ("pipelining", "true"), ("starttls.enable", "true"), ("auth", "true"),
    )}  # fmt: skip
    key = "transport" if protocol.startswith("smtp") else "store"
    reading = complete(table | {f"mail.{key}.protocol": protocol})

    if key == "transport":
        assert OutgoingSettings.model_validate(reading.outgoing).effective_port == 2000
    else:
        assert IncomingSettings.model_validate(reading.incoming).effective_port == 2000
