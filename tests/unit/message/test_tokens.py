"""A token that somebody quotes is found and blotted out, however it is written."""

import base64
from datetime import UTC, datetime

import pytest

from listbridge import message
from listbridge.message import tokens
from listbridge.message.compose import CopySettings
from listbridge.message.parse import parse

SECRET = "mfrggzdfmztwq2lknnwg23tpoa"
TOKEN = f"confirm-{SECRET}"
LEAVING = f"{SECRET}bcdefgh2"
LEAVE = f"leave-{LEAVING}"
HEAD = "From: a@example.net\r\nMessage-ID: <q@example.net>\r\nMIME-Version: 1.0\r\n"
MIXED = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nlook\r\n--b\r\n"
QUOTED = {
    "plain": f"\r\n> {TOKEN}\r\nwhat?\r\n",
    "subject": f"Subject: Fwd: confirm ({TOKEN})\r\n\r\nwhat?\r\n",
    "encoded subject": "Subject: =?utf-8?b?"
    + base64.b64encode(f"Fwd: bestätigen ({TOKEN})".encode()).decode()
    + "?=\r\n\r\nwhat?\r\n",
    "recipient": f"Cc: general+{TOKEN}@example.org\r\n\r\nwhat?\r\n",
    "html": f'Content-Type: text/html\r\n\r\n<a href="mailto:x+{TOKEN}@example.org">x</a>\r\n',
    "quoted-printable": "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    f"> con=\r\nfirm-{SECRET[:9]}=\r\n{SECRET[9:]} =3D\r\n",
    "base64": "Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(f"{'hello ' * 12}{TOKEN} yes\r\n".encode()).decode(),
    "attached text": f"{MIXED}Content-Type: text/x-log; name=l.txt\r\n\r\n{TOKEN}\r\n--b--\r\n",
    "attached message": f"{MIXED}Content-Type: message/rfc822\r\n\r\n"
    f"Subject: confirm {TOKEN}\r\n\r\nanswer {TOKEN}\r\n--b--\r\n",
}


# As somebody types it who reads it from another screen.
TYPED = {
    f"{way}, in capitals": QUOTED[way].replace(TOKEN, TOKEN.upper())
    for way in ("plain", "subject", "recipient", "html", "attached text")
} | {
    "quoted-printable, capital": QUOTED["quoted-printable"].replace("con=", "Con="),
    "base64, capitals": "Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(f"{'hello ' * 12}{TOKEN.title()} yes\r\n".encode()).decode(),
}
WAYS = QUOTED | TYPED


def copied(raw: bytes, **settings: str) -> bytes:
    """Return the copy that subscribers get."""
    wanted = CopySettings("G", "general@example.org", "general.example.org", **settings)  # type: ignore[arg-type]
    copy = message.list_copy(
        raw, parse(raw), wanted, message_id="<x@example.org>", date=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert copy.refusal is None
    return message.rendered(copy, raw)


@pytest.mark.parametrize("way", WAYS)
def test_a_quoted_token_is_found(way: str) -> None:
    assert parse((HEAD + WAYS[way]).encode()).tokens == (SECRET,)


@pytest.mark.parametrize("settings", [{}, {"footer": "bye"}, {"from_mode": "wrap"}])
@pytest.mark.parametrize("way", WAYS)
def test_no_copy_shows_a_quoted_token(way: str, settings: dict[str, str]) -> None:
    copy = copied((HEAD + WAYS[way]).encode(), **settings)

    assert parse(copy).tokens == ()
    assert SECRET[-8:].encode() not in copy.replace(b"=\r\n", b"").lower()


@pytest.mark.parametrize("way", WAYS)
def test_no_text_for_people_shows_a_quoted_token(way: str) -> None:
    parsed = parse((HEAD + WAYS[way]).encode())

    assert SECRET not in f"{parsed!r}{parsed.text}{parsed.subject}".lower()


def test_what_could_not_be_read_as_a_whole_shows_no_token_in_its_subject() -> None:
    assert message.glance(f"Subject: Re: {TOKEN}\r\n".encode()).subject == f"Re: confirm-{'*' * 26}"


def test_a_soft_line_break_within_a_token_stays_one() -> None:
    copy = copied((HEAD + QUOTED["quoted-printable"]).encode())

    assert parse(copy).text == f"> confirm-{'*' * 26} ="


def test_what_is_around_a_quoted_token_stays() -> None:
    copy = copied((HEAD + QUOTED["base64"]).encode())

    assert parse(copy).text == f"{'hello ' * 12}confirm-{'*' * 26} yes"


def test_what_is_signed_stays_as_it_is() -> None:
    signed = (
        'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\r\n\r\n'
        f"--b\r\n\r\n{TOKEN}\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n"
        "--b--\r\n"
    )

    assert TOKEN.encode() in copied((HEAD + signed).encode())


@pytest.mark.parametrize("way", QUOTED)
def test_the_token_that_ends_a_subscription_is_blotted_out_like_any_other(way: str) -> None:
    quoted = QUOTED[way]
    if way == "quoted-printable":
        quoted = quoted.replace("con=\r\nfirm-", "le=\r\nave-").replace(" =3D", "bcdefgh2 =3D")
    elif "base64" in way or way == "encoded subject":
        octets = base64.b64encode(f"x {LEAVE} {LEAVE} y".encode()).decode()
        quoted = f"Content-Transfer-Encoding: base64\r\n\r\n{octets}\r\n"
    else:
        quoted = quoted.replace(TOKEN, LEAVE)
    raw = (HEAD + quoted).encode()

    assert parse(raw).tokens == (LEAVING,)
    copy = copied(raw)
    assert parse(copy).tokens == ()
    assert LEAVING[-8:].encode() not in copy.replace(b"=\r\n", b"")


def test_a_token_in_a_field_that_goes_away_leaves_the_body_alone() -> None:
    """As in a copy of one list that is subscribed to another: the author's signature survives."""
    raw = f"{HEAD}List-Unsubscribe: <mailto:a@example.com?subject={LEAVE}>\r\n\r\nhi\r\n".encode()
    wanted = CopySettings("G", "general@example.org", "general.example.org")

    copy = message.list_copy(
        raw, parse(raw), wanted, message_id="<x@y>", date=datetime(2026, 1, 1, tzinfo=UTC)
    )

    assert copy.body is None
    assert LEAVING.encode() not in copy.head


@pytest.mark.parametrize("text", ["confirm-the-date", "confirm-" + "a" * 27, "confirm-" + "1" * 26])
def test_what_looks_a_little_like_a_token_is_none(text: str) -> None:
    assert tokens.found_in(text) == ()


def test_a_new_secret_has_128_bits_and_is_a_token_once_written() -> None:
    made = {tokens.new_secret() for _ in range(50)}

    assert len(made) == 50
    assert {len(base64.b32decode(one.upper() + "======")) for one in made} == {16}
    assert all(tokens.found_in(tokens.written(one)) == (one,) for one in made)
