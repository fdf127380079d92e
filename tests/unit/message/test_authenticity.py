"""Whether a message is the author's own: by the topmost field of the mailbox's own server."""

import pytest

from listbridge.message import authentication
from listbridge.message.authenticity import doubt
from listbridge.message.headers import split

AUTHOR = "Ann@Example.Net"


def asked(*values: str, server: str = "mx.google.com") -> str | None:
    """Ask about a message with these fields, topmost first."""
    fields = "".join(f"Authentication-Results: {one}\r\n" for one in values)
    head, _ = split(f"{fields}From: {AUTHOR}\r\n\r\n".encode())
    return doubt(head, AUTHOR, server)


@pytest.mark.parametrize(
    "results",
    [
        "dmarc=pass (p=NONE dis=NONE) header.from=example.net",
        "dmarc=pass header.from=EXAMPLE.net",
        "dkim=fail header.d=example.net; dmarc=pass header.from=example.net",
        "dkim=pass header.d=example.net",
        "dkim=pass header.i=@example.net; dmarc=none",
        "dkim=pass header.d=evil.example; dkim=pass header.d=example.net",
        "spf=pass (all is well) smtp.mailfrom=ann@example.net",
        "spf=pass smtp.mailfrom=example.net; dmarc=temperror",
    ],
)
def test_what_the_server_found_to_be_the_authors_is(results: str) -> None:
    assert asked(f"mx.google.com; {results}") is None


@pytest.mark.parametrize(
    "results",
    [
        "none",
        "dmarc=fail header.from=example.net",
        "dkim=pass header.d=example.net; dmarc=fail header.from=example.net",
        "dmarc=pass header.from=evil.example",
        "dkim=pass header.d=evil.example",
        "dkim=pass header.d=evil.example header.i=@example.net",
        "dkim=fail header.d=example.net",
        "dkim=pass header.d=mail.example.net",  # anybody may have what is below some domains
        "dkim=pass header.d=net",
        "dkim=pass header.d=ple.net",
        "dkim=pass",
        "spf=pass smtp.mailfrom=ann@evil.example",
        "spf=softfail smtp.mailfrom=ann@example.net",
        "spf=pass (dmarc=pass header.from=example.net) smtp.mailfrom=ann@evil.example",
        'spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.net"@evil.example',
        # Somebody got one into a comment that the server did not quote.
        "spf=pass; dmarc=pass header.from=example.net (x); dmarc=none header.from=example.net",
    ],
)
def test_what_it_did_not_find_to_be_so_is_in_doubt(results: str) -> None:
    assert asked(f"mx.google.com; {results}")


GOOD = "dmarc=pass header.from=example.net"


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (f"evil.example; {GOOD}",),
        (f"evil.example; {GOOD}", f"mx.google.com; {GOOD}"),
        ("mx.google.com; dmarc=fail", f"mx.google.com; {GOOD}"),
        ("mx.google.com; none", f"mx.google.com; {GOOD}"),
        (GOOD,),
        (f"mx.google.com.evil.example; {GOOD}",),
    ],
)
def test_only_the_topmost_field_by_that_server_counts(fields: tuple[str, ...]) -> None:
    assert asked(*fields)


def test_a_server_with_many_names_is_known_by_a_pattern() -> None:
    assert asked(f"mx6.example.com 1; {GOOD}", server="*.Example.com") is None


def test_a_server_without_a_name_is_known_by_having_none() -> None:
    assert asked(f"spf=pass smtp.mailfrom=x; {GOOD}", server="") is None
    assert asked(f"mx.google.com; {GOOD}", server="")


@pytest.mark.parametrize("piece", ['"\\', 'a="\\', '"x\\', "(", '(")', "a ", "a", "a= ", "a/"])
def test_a_field_is_read_in_one_go(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where each character is looked at more than once, this does not end before the test does.
    monkeypatch.setattr(authentication, "_LONGEST", 200_000)
    head, _ = split(f"Authentication-Results: mx; {piece * 60_000}\r\n\r\n".encode())

    assert authentication.topmost(head) is not None
