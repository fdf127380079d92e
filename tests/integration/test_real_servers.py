"""The real mail servers of the tests do what tests rely on."""

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace

RAW = b"From: ann@example.org\r\nSubject: caf\xc3\xa9\r\n\r\nh\xc3\xa9llo\r\n.dot\r\n"
WAYS_IN = ["plain", "starttls", "tls"]


def _imap(server: Dovecot, way: str) -> imaplib.IMAP4:
    trust = ssl.create_default_context(cafile=server.ca_file)
    if way == "tls":
        return imaplib.IMAP4_SSL(server.host, server.imaps_port, ssl_context=trust, timeout=10)
    client = imaplib.IMAP4(server.host, server.imap_port, timeout=10)
    if way == "starttls":
        client.starttls(trust)
    return client


def _pop3(server: Dovecot, way: str) -> poplib.POP3:
    trust = ssl.create_default_context(cafile=server.ca_file)
    if way == "tls":
        return poplib.POP3_SSL(server.host, server.pop3s_port, context=trust, timeout=10)
    client = poplib.POP3(server.host, server.pop3_port, timeout=10)
    if way == "starttls":
        client.stls(trust)
    return client


def _smtp(server: Relay, way: str) -> smtplib.SMTP:
    trust = ssl.create_default_context(cafile=server.ca_file)
    if way == "tls":
        return smtplib.SMTP_SSL(server.host, server.tls_port, context=trust, timeout=10)
    client = smtplib.SMTP(server.host, server.port, timeout=10)
    if way == "starttls":
        client.starttls(context=trust)
    return client


@pytest.mark.parametrize("way", WAYS_IN)
def test_imap_appends_fetches_and_expunges(
    dovecot: Dovecot, fresh_name: Callable[[str], str], way: str
) -> None:
    user = fresh_name("ann")
    dovecot.add_user(user, "secret")
    with _imap(dovecot, way) as client:
        client.login(user, "secret")
        client.append("INBOX", "", "", RAW)
        client.select()
        uid = client.uid("SEARCH", "ALL")[1][0].decode()
        fetched = client.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1]
        assert fetched == RAW
        assert len(dovecot.messages(user)) == 1
        client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
        client.uid("EXPUNGE", uid)
    assert dovecot.messages(user) == []


@pytest.mark.parametrize("way", WAYS_IN)
def test_pop3_deletes_at_quit(dovecot: Dovecot, fresh_name: Callable[[str], str], way: str) -> None:
    user = fresh_name("ann")
    dovecot.add_user(user, "secret")
    dovecot.deliver(user, RAW)
    client = _pop3(dovecot, way)
    client.user(user)
    client.pass_("secret")
    lines = client.retr(1)[1]
    assert b"\r\n".join(lines) + b"\r\n" == RAW
    client.dele(1)
    assert dovecot.messages(user) == [RAW]
    client.quit()
    assert dovecot.messages(user) == []


def test_delivered_messages_keep_their_order_and_date(
    dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    user = fresh_name("ann")
    dovecot.add_user(user, "secret")
    for number in range(20):
        dovecot.deliver(user, b"Subject: %d\r\n\r\n" % number, datetime(2026, 3, 9, tzinfo=UTC))
    with _imap(dovecot, "plain") as client:
        client.login(user, "secret")
        client.select()
        replies = client.fetch("1:*", "(INTERNALDATE BODY.PEEK[])")[1]
    read = [reply for reply in replies if isinstance(reply, tuple)]
    assert [raw for _, raw in read] == [b"Subject: %d\r\n\r\n" % number for number in range(20)]
    assert all(b'"09-Mar-2026 ' in head for head, _ in read)


def test_a_moved_message_is_found_in_its_folder(
    dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    user = fresh_name("ann")
    dovecot.add_user(user, "secret")
    dovecot.deliver(user, RAW)
    with _imap(dovecot, "plain") as client:
        client.login(user, "secret")
        client.create("Processed")
        client.select()
        client.uid("MOVE", "1", "Processed")
    assert dovecot.messages(user) == []
    assert dovecot.messages(user, "Processed") == [RAW]


def test_a_wrong_password_is_refused(dovecot: Dovecot, fresh_name: Callable[[str], str]) -> None:
    user = fresh_name("ann")
    dovecot.add_user(user, "secret")
    with (
        _imap(dovecot, "plain") as client,
        pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"),
    ):
        client.login(user, "guess")


def test_dovecot_can_be_made_to_hide_what_it_can_do(
    dovecot_with: Callable[[str], Dovecot], fresh_name: Callable[[str], str]
) -> None:
    server = dovecot_with("imap_capability = IMAP4rev1 IDLE")
    user = fresh_name("ann")
    server.add_user(user, "secret")
    with _imap(server, "plain") as client:
        client.login(user, "secret")
        assert client.capability()[1][-1] == b"IMAP4rev1 IDLE"


@pytest.mark.parametrize("way", WAYS_IN)
def test_relay_delivers_to_known_users_and_refuses_others(
    relay: Relay, fresh_name: Callable[[str], str], way: str
) -> None:
    ann, bob, stranger = fresh_name("ann"), fresh_name("bob"), fresh_name("stranger")
    relay.add_users([ann, bob])
    addresses = [f"{ann}@example.org", f"{bob}@example.net", f"{stranger}@example.org"]
    with _smtp(relay, way) as client:
        refused = client.sendmail("list-bounces@example.org", addresses, RAW)
    assert {address: code for address, (code, _) in refused.items()} == {addresses[2]: 550}
    relay.wait_until_idle()
    for name in (ann, bob):
        [copy] = relay.copies(name)
        added, message = split_trace(copy)
        assert message == RAW.replace(b"\r\n", b"\n")
        assert added.startswith(b"Return-Path: <list-bounces@example.org>\n")


def test_users_added_later_are_known_at_once(
    relay: Relay, fresh_name: Callable[[str], str]
) -> None:
    for number in range(3):
        names = [fresh_name(f"reader{number}") for _ in range(50)]
        relay.add_users(names)
        with _smtp(relay, "plain") as client:
            addresses = [f"{name}@example.org" for name in names]
            assert client.sendmail("list-bounces@example.org", addresses, RAW) == {}
        relay.wait_until_idle()
        assert [len(relay.copies(name)) for name in names] == [1] * 50


def test_a_relay_can_be_given_settings_of_its_own(
    relay_with: Callable[[str], Relay], fresh_name: Callable[[str], str]
) -> None:
    server = relay_with("message_size_limit = 1000")
    with _smtp(server, "plain") as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "1000"
