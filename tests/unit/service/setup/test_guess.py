"""Which server is taken for a domain that no table knows, and for one that does."""

import socket

import pytest

from listbridge.service.setup import Server, guess, providers


def test_the_likeliest_server_that_answers_is_taken() -> None:
    there = {Server("imap", "mail.example.org"), Server("imap", "example.org")}

    assert guess.incoming("example.org", there.__contains__) == Server("imap", "mail.example.org")


def test_encryption_from_the_start_is_preferred() -> None:
    there = {Server("smtp", "smtp.example.org", "starttls"), Server("smtp", "mail.example.org")}

    assert guess.outgoing("example.org", there.__contains__) == Server("smtp", "mail.example.org")


def test_nothing_is_guessed_where_nobody_answers() -> None:
    assert guess.incoming("example.org", lambda _server: False) is None


def test_a_server_without_a_trusted_certificate_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(guess, "_port", lambda _server: port)
        monkeypatch.setattr(guess, "_PATIENCE_SECONDS", 0.1)

        assert not guess._answers(Server("imap", "127.0.0.1"))
        assert guess._answers(Server("smtp", "127.0.0.1", "starttls"))


def test_a_domain_belongs_to_its_provider() -> None:
    provider = providers.of_address("choir@googlemail.com")

    assert provider is not None
    assert provider.incoming == Server("imap", "imap.gmail.com")
    assert provider.outgoing == Server("smtp", "smtp.gmail.com")


def test_no_domain_belongs_to_two_providers() -> None:
    domains = [domain for one in providers._KNOWN for domain in one.domains]

    assert len(domains) == len(set(domains))


def test_a_hosted_domain_is_known_by_its_server() -> None:
    provider = providers.of_host("IMAP.gmail.com")

    assert provider is not None
    assert provider.most_per_day == 500


@pytest.mark.parametrize("name", ["Outlook.com", "outlook.office365.com", "proton.me"])
def test_a_provider_that_lets_no_password_in_is_refused(name: str) -> None:
    assert providers.refusal(name)


def test_others_are_not_refused() -> None:
    assert providers.refusal("gmail.com") is None
