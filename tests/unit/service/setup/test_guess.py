"""Which server is taken for a domain of which nothing is known."""

import socket

import pytest

from listbridge.service.setup import Server, guess


def test_the_likeliest_server_that_answers_is_taken() -> None:
    there = {Server("imap", "mail.example.org"), Server("imap", "example.org")}

    assert guess.incoming("example.org", "imap", there.__contains__) == Server(
        "imap", "mail.example.org"
    )


def test_encryption_from_the_start_is_preferred() -> None:
    there = {Server("smtp", "smtp.example.org", "starttls"), Server("smtp", "mail.example.org")}

    assert guess.outgoing("example.org", there.__contains__) == Server("smtp", "mail.example.org")


def test_nothing_is_guessed_where_nobody_answers() -> None:
    assert guess.incoming("example.org", "imap", lambda _server: False) is None


def test_a_server_without_a_trusted_certificate_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(guess, "_port", lambda _server: port)
        monkeypatch.setattr(guess, "_PATIENCE_SECONDS", 0.1)

        assert not guess._answers(Server("imap", "127.0.0.1"))
        assert guess._answers(Server("smtp", "127.0.0.1", "starttls"))


def test_a_pop3_server_is_looked_for_where_pop3_is_wanted() -> None:
    there = {Server("imap", "mail.example.org"), Server("pop3", "pop.example.org")}

    found = guess.incoming("example.org", "pop3", there.__contains__)

    assert found == Server("pop3", "pop.example.org")
    assert guess._port(Server("pop3", "pop.example.org")) == 995
