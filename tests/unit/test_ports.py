"""Standard ports that contradict protocol or security, and servers of another protocol."""

import pytest

from listbridge import ports


@pytest.mark.parametrize(
    ("protocol", "port", "security", "fault", "cure"),
    [
        ("pop3", 465, "tls", "port 465 is that of SMTP, not of POP3", "995"),
        ("smtp", 110, "none", "port 110 is that of POP3, not of SMTP", "587"),
        ("imap", 995, "tls", "port 995 is that of POP3, not of IMAP", "993"),
        ("imap", 143, "tls", "port 143 does not begin with TLS", '"starttls", or port to 993'),
        ("smtp", 587, "tls", "port 587 does not begin with TLS", '"starttls", or port to 465'),
        ("smtp", 465, "starttls", "port 465 begins with TLS", '"tls", or port to 587'),
        ("pop3", 995, "none", "port 995 begins with TLS", '"tls", or port to 110'),
    ],
)
def test_a_standard_port_that_goes_with_something_else_is_told(
    protocol: str, port: int, security: str, fault: str, cure: str
) -> None:
    found = ports.contradiction(protocol, port, security)

    assert found is not None
    assert fault in found[0]
    assert cure in found[1]


@pytest.mark.parametrize(
    ("protocol", "port", "security"),
    [
        ("imap", 993, "tls"),
        ("imap", 143, "starttls"),
        ("pop3", 110, "none"),
        ("smtp", 465, "tls"),
        ("smtp", 587, "starttls"),
        ("smtp", 25, "none"),
        ("smtp", 2525, "none"),
        ("imap", 1143, "tls"),
    ],
)
def test_a_port_that_fits_or_is_none_of_the_standard_ones_is_left_alone(
    protocol: str, port: int, security: str
) -> None:
    assert ports.contradiction(protocol, port, security) is None


@pytest.mark.parametrize(
    ("greeting", "protocol", "fault"),
    [
        (b"+OK Dovecot ready.\r\n", "imap", "speaks POP3 there, not IMAP"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "pop3", "speaks IMAP there, not POP3"),
        (b"220 mail.example.org ESMTP\r\n", "imap", "speaks SMTP there, not IMAP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "smtp", "speaks SSH there, not SMTP"),
    ],
)
def test_a_server_of_another_protocol_is_known_by_its_first_words(
    greeting: bytes, protocol: str, fault: str
) -> None:
    found = ports.other_protocol(greeting, protocol)

    assert found is not None
    assert found[0] == fault


@pytest.mark.parametrize("greeting", [b"* OK ready\r\n", b"* BYE busy\r\n", b"hello\r\n", b""])
def test_the_right_protocol_and_unknown_words_are_not_taken_for_another(greeting: bytes) -> None:
    assert ports.other_protocol(greeting, "imap") is None


def test_a_greeting_is_not_waited_for_where_tls_has_to_begin_first() -> None:
    assert ports.greeting_seconds("imap", 993, "starttls", 60) == 5
    assert ports.greeting_seconds("imap", 993, "starttls", 1) == 1
    assert ports.greeting_seconds("imap", 993, "tls", 60) == 60
