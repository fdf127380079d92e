"""What listens on the standard mail ports, and what is said where a setting contradicts that.

Sources: RFC 8314 3 (993, 995, 465 begin with TLS), RFC 6409 3.1 (587), RFC 9051 2.1 (143),
RFC 1939 3 (110), RFC 5321 4.5.4.2 (25).
"""

#: Port → protocol, and whether it begins with TLS.
STANDARD = {
    143: ("imap", False),
    993: ("imap", True),
    110: ("pop3", False),
    995: ("pop3", True),
    25: ("smtp", False),
    587: ("smtp", False),
    465: ("smtp", True),
}
# As long as is waited for a greeting where none is to be expected.
_SHORT_SECONDS = 5.0
_WITH_TLS = {"imap": 993, "pop3": 995, "smtp": 465}
_IN_CLEAR = {"imap": 143, "pop3": 110, "smtp": 587}

# How servers begin, each protocol in its own way, and what else may be met.
_GREETINGS = (
    (b"* ", "IMAP"),
    (b"+OK", "POP3"),
    (b"-ERR", "POP3"),
    (b"220", "SMTP"),
    (b"421", "SMTP"),
    (b"554", "SMTP"),
    (b"SSH-", "SSH"),
    (b"HTTP/", "HTTP"),
)


def contradiction(protocol: str, port: int, security: str) -> tuple[str, str] | None:
    """Say what is wrong with a standard port that goes with something else, and the cure.

    `protocol` is "imap", "pop3" or "smtp", `security` as in the settings. None where the port is
    no standard one, or fits.
    """
    found, begins_with_tls = STANDARD.get(port, (protocol, security == "tls"))
    if found != protocol:
        right = (_WITH_TLS if security == "tls" else _IN_CLEAR)[protocol]
        cure = f"set port to {right}, or leave it out"
        return f"port {port} is that of {found.upper()}, not of {protocol.upper()}", cure
    if begins_with_tls and security != "tls":
        cure = f'set security to "tls", or port to {_IN_CLEAR[protocol]}'
        return f"port {port} begins with TLS, which security is not set to", cure
    if not begins_with_tls and security == "tls":
        cure = f'set security to "starttls", or port to {_WITH_TLS[protocol]}'
        return f"port {port} does not begin with TLS, as security is set to", cure
    return None


def greeting_seconds(protocol: str, port: int, security: str, limit: float) -> float:
    """Return how long to wait for a greeting when it only matters what is wrong.

    A server that waits for TLS to begin never says a word.
    """
    hopeless = contradiction(protocol, port, security) is not None
    return min(limit, _SHORT_SECONDS) if hopeless else limit


def other_protocol(greeting: bytes, protocol: str) -> tuple[str, str] | None:
    """Say that the first line of a server is another protocol's than `protocol`, and the cure."""
    spoken = next((name for begins, name in _GREETINGS if greeting.startswith(begins)), None)
    wanted = protocol.upper()
    if spoken in (None, wanted):
        return None
    cure = "check host and port"
    if {spoken, wanted} == {"IMAP", "POP3"}:
        cure += f', or set protocol to "{spoken.lower()}"' if spoken else ""
    return f"speaks {spoken} there, not {wanted}", cure
