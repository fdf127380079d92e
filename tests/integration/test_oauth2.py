"""Logins by access token to a real Dovecot, for IMAP and POP3, and to a real Postfix."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge import mailbox
from listbridge.mailbox import IncomingSettings, open_mailbox, open_watch
from listbridge.submission import AccountTrouble, Envelope, OutgoingSettings, Result, SmtpCourier
from tests.fakes.authorisation_server import AuthorisationServer
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

RAW = b"Subject: a letter\r\n\r\nHello.\r\n"
FreshName = Callable[[str], str]


class Account:
    """A user of both servers who has agreed."""

    def __init__(
        self,
        folder: Path,
        name: str,
        dovecot: Dovecot,
        authorisation: AuthorisationServer,
    ) -> None:
        dovecot.add_user(name, "nobody knows it")
        self.name = name
        self.oauth2 = authorisation.settings(folder)
        self.file = folder / "token.json"
        self.dovecot = dovecot
        self.authorisation = authorisation
        self.given = authorisation.write(self.file, name)

    def incoming(self, protocol: str = "imap", **fields: object) -> IncomingSettings:
        tls, clear = (
            (self.dovecot.imaps_port, self.dovecot.imap_port)
            if protocol == "imap"
            else (self.dovecot.pop3s_port, self.dovecot.pop3_port)
        )
        given = {"security": "tls"} | fields
        return IncomingSettings(
            protocol=protocol,
            host="localhost",
            port=tls if given["security"] == "tls" else clear,
            username=self.name,
            oauth2=self.oauth2,
            ca_file=self.dovecot.ca_file,
            **given,
        )  # type: ignore[arg-type]

    def outgoing(self, relay: Relay, **fields: object) -> OutgoingSettings:
        return OutgoingSettings(
            host="localhost",
            port=relay.tls_port,
            username=self.name,
            oauth2=self.oauth2,
            ca_file=relay.ca_file,
            **fields,
        )  # type: ignore[arg-type]


@pytest.fixture
def account(
    tmp_path: Path,
    fresh_name: FreshName,
    token_dovecot: Dovecot,
    authorisation: AuthorisationServer,
) -> Account:
    return Account(tmp_path, fresh_name("list"), token_dovecot, authorisation)


@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_mail_is_read_with_a_token(account: Account, protocol: str, security: str) -> None:
    account.dovecot.deliver(account.name, RAW)

    box = open_mailbox(account.incoming(protocol, security=security))
    raws = [one.raw for batch in box.fetch(box.list()) for one in batch]
    box.finish()

    assert raws == [RAW]


async def test_mail_is_sent_with_a_token(account: Account, token_relay: Relay) -> None:
    token_relay.add_users(["reader"])
    courier = SmtpCourier(account.outgoing(token_relay))
    recipient = "reader@example.org"

    async with courier.connection() as connection:
        ended = await connection.deliver(Envelope("list@example.org", (recipient,)), RAW)
    await courier.close()

    assert ended[recipient].result is Result.SENT


@pytest.mark.parametrize("length", [2500, 5000])
async def test_a_token_longer_than_a_command_is_taken(
    account: Account, token_relay: Relay, length: int
) -> None:
    """As Microsoft's are; Postfix cuts a command line above 2,048 octets."""
    account.authorisation.token_length = length
    account.given = account.authorisation.write(account.file, account.name)
    courier = SmtpCourier(account.outgoing(token_relay))

    async with courier.connection() as connection:
        assert connection.open
    await courier.close()
    open_mailbox(account.incoming("imap")).finish()
    open_mailbox(account.incoming("pop3")).finish()

    assert account.authorisation.refreshes == 0


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_token_that_is_refused_before_its_time_is_renewed(
    account: Account, protocol: str
) -> None:
    account.authorisation.forget_access_tokens()

    open_mailbox(account.incoming(protocol)).finish()

    assert account.authorisation.refreshes == 1


def test_a_watch_renews_a_refused_token_too(account: Account) -> None:
    account.authorisation.forget_access_tokens()

    open_watch(account.incoming()).drop()

    assert account.authorisation.refreshes == 1


async def test_sending_renews_a_refused_token_too(account: Account, token_relay: Relay) -> None:
    account.authorisation.forget_access_tokens()
    courier = SmtpCourier(account.outgoing(token_relay))

    async with courier.connection() as connection:
        assert connection.open
    await courier.close()

    assert account.authorisation.refreshes == 1


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_token_of_somebody_else_is_a_refused_login(account: Account, protocol: str) -> None:
    account.dovecot.add_user("other-" + account.name, "secret")
    settings = account.incoming(protocol).model_copy(update={"username": "other-" + account.name})
    account.authorisation.write(account.file, "other-" + account.name)
    # The consent was given by the wrong person.
    given = account.authorisation.consent(account.name)
    text = account.file.read_text()
    for key in ("access_token", "refresh_token"):
        old = text.split(f'"{key}": "')[1].split('"')[0]
        text = text.replace(old, given[key])
    account.file.write_text(text)

    with pytest.raises(mailbox.LoginRefused) as caught:
        open_mailbox(settings)

    assert "refuses the access token of other-" in str(caught.value)
    assert "whether the consent was given by this account" in str(caught.value)
    assert account.authorisation.refreshes == 1


def test_a_withdrawn_consent_is_named(account: Account) -> None:
    account.authorisation.withdraw(account.name)

    with pytest.raises(mailbox.LoginRefused, match="the consent has been withdrawn") as caught:
        open_mailbox(account.incoming())

    assert account.given["access_token"] not in str(caught.value)
    assert account.given["refresh_token"] not in str(caught.value)


async def test_a_withdrawn_consent_is_named_in_sending(
    account: Account, token_relay: Relay
) -> None:
    account.authorisation.withdraw(account.name)
    courier = SmtpCourier(account.outgoing(token_relay))

    with pytest.raises(AccountTrouble, match="the consent has been withdrawn") as caught:
        async with courier.connection():
            pass

    assert account.given["access_token"] not in str(caught.value)
