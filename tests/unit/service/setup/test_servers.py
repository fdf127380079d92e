"""What people call a server, and what its port says of it."""

import pytest

from listbridge.service.setup import Server, servers


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (None, Server("imap", "mail.example.org", "tls", None)),
        (993, Server("imap", "mail.example.org", "tls", 993)),
        (143, Server("imap", "mail.example.org", "starttls", 143)),
        (995, Server("pop3", "mail.example.org", "tls", 995)),
        (110, Server("pop3", "mail.example.org", "starttls", 110)),
        (10993, Server("imap", "mail.example.org", "tls", 10993)),
        (25, Server("imap", "mail.example.org", "tls", 25)),
    ],
)
def test_an_incoming_port_says_protocol_and_security(port: int | None, expected: Server) -> None:
    assert servers.incoming("mail.example.org", port=port) == expected


@pytest.mark.parametrize(
    ("port", "security"), [(None, "tls"), (465, "tls"), (587, "starttls"), (143, "tls")]
)
def test_an_outgoing_port_says_the_security(port: int | None, security: str) -> None:
    assert servers.outgoing("mail.example.org", port=port).security == security


def test_what_is_said_outweighs_what_the_port_says() -> None:
    server = servers.incoming("host", port=993, security="none", protocol="pop3")

    assert server == Server("pop3", "host", "none", 993)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" mail.example.org ", ("mail.example.org", None)), ("localhost:143", ("localhost", 143))],
)
def test_a_port_may_follow_the_name(text: str, expected: tuple[str, int | None]) -> None:
    assert servers.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "imap://host", "a b", "ann@host", "host:", "host:0", "host:65536", "h:1:2", "h\x7f"],
)
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match=r"server|port"):
        servers.parse(text)
