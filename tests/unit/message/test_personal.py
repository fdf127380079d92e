"""Each recipient's own copy of one message: its own everywhere, and everything else the same."""

import base64
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from listbridge import message
from listbridge.message import StandIns, TooComplex, parts, tokens
from listbridge.message.compose import CopySettings
from listbridge.message.parse import parse
from listbridge.message.recode import encoded

STAND_INS = StandIns("standin" + "a" * 27)
SECRET = "aaaaaaab" + "mfrggzdfmztwq2lknnwg23tpoa"
TOKEN = f"leave-{SECRET}"
ANN = "ann@example.net"
WAY_OUT = f"mailto:general@example.org?subject={TOKEN}"
FOOTER = "-- \nFor {member}\nLeave: {unsubscribe}"
PERSONAL = CopySettings(
    "General", "general@example.org", "general.example.org", footer=FOOTER, stand_ins=STAND_INS
)
UMLAUTS = "Grüße.\r\n" * 40
HEAD = "From: a@example.net\r\nMessage-ID: <q@example.net>\r\nMIME-Version: 1.0\r\n"


def post(kind: str, encoding: str = "8bit", text: str = UMLAUTS, charset: str = "utf-8") -> bytes:
    octets = text.encode(charset)
    body = encoded(octets, encoding) if encoding in ("base64", "quoted-printable") else octets
    fields = f"Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}"
    return f"{HEAD}{fields}\r\n\r\n".encode() + body


def shared(raw: bytes, settings: CopySettings = PERSONAL) -> bytes:
    """Return the message that copies are made of."""
    copy = message.list_copy(
        raw,
        parse(raw),
        settings,
        message_id="<x@example.org>",
        date=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert copy.refusal is None
    return message.rendered(copy, raw)


def own(octets: bytes, member: str = ANN, *, seven_bit: bool = False) -> bytes:
    return message.template(octets, STAND_INS, seven_bit=seven_bit).copy(member, SECRET)


def text_of(octets: bytes) -> str:
    """Return what the texts of a message say, decoded."""
    return "\n".join(
        parts.payload(octets, part).decode(part.content.charset or "ascii")
        for part in parse(octets).root.own()
        if part.content.main == "text"
    )


POSTS = {
    "ascii": post("text/plain", "7bit", "Hello.\r\n", "us-ascii"),
    "8bit": post("text/plain"),
    "quoted-printable": post("text/plain", "quoted-printable"),
    "base64": post("text/plain", "base64"),
    "base64 without an end": post("text/plain", "base64", "x" * 76),
    "html": post("text/html", "8bit", f"<html><body>{UMLAUTS}</body></html>\r\n"),
    "html, quoted-printable": post(
        "text/html", "quoted-printable", f"<html><body>{UMLAUTS}</body></html>\r\n"
    ),
    "html, base64": post(
        "text/html", "base64", f"<html><body>{UMLAUTS}</body>{'<!-- x -->' * 40}</html>\r\n"
    ),
    "one line": post("text/html", "quoted-printable", "<p>" + "ä" * 4000 + "</p>"),
    "latin": post("text/plain", "8bit", charset="iso-8859-1"),
    "a picture": HEAD.encode()
    + b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"x" * 200),
    "alternatives": HEAD.encode()
    + b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n'
    + post("text/plain", "quoted-printable").partition(b"1.0\r\n")[2]
    + b"\r\n--b\r\n"
    + post("text/html", "base64").partition(b"1.0\r\n")[2]
    + b"\r\n--b--\r\n",
}


@pytest.mark.parametrize("name", POSTS)
def test_a_copy_holds_its_recipients_own_wherever_the_footer_went(name: str) -> None:
    copy = own(shared(POSTS[name]))

    said = text_of(copy)
    assert f"For {ANN}" in said
    assert WAY_OUT in said
    assert "standin" not in said
    assert b"standin" not in copy


@pytest.mark.parametrize("name", POSTS)
def test_a_copy_is_what_would_have_been_made_for_him_alone(name: str) -> None:
    """Decoded, since a line may be broken elsewhere."""
    alone = replace(PERSONAL, stand_ins=None, footer=f"-- \nFor {ANN}\nLeave: {WAY_OUT}")

    assert text_of(own(shared(POSTS[name]))) == text_of(shared(POSTS[name], alone))


@pytest.mark.parametrize("name", ["base64", "base64 without an end", "html, base64"])
def test_base64_is_in_whole_lines_as_if_it_had_been_made_for_him_alone(name: str) -> None:
    alone = replace(PERSONAL, stand_ins=None, footer=f"-- \nFor {ANN}\nLeave: {WAY_OUT}")

    copy = own(shared(POSTS[name]))

    assert message.split(copy)[1] == message.split(shared(POSTS[name], alone))[1]


def test_a_line_that_an_address_would_make_too_long_is_encoded_before() -> None:
    long = replace(PERSONAL, footer=f"{'x' * 800}{{member}}")
    address = f"{'a' * 60}@{'b.' * 90}example.net"

    copy = own(shared(POSTS["8bit"], long), address)

    assert max(map(len, copy.split(b"\r\n"))) <= 998
    assert f"x{address}" in text_of(copy)


@pytest.mark.parametrize("name", POSTS)
def test_no_line_of_a_copy_is_too_long_and_none_holds_a_bare_line_end(name: str) -> None:
    copy = own(shared(POSTS[name]), f"{'a' * 60}@{'b.' * 90}example.net")

    assert max(map(len, copy.split(b"\r\n"))) <= 998
    assert copy.count(b"\n") == copy.count(b"\r") == copy.count(b"\r\n")
    if parse(copy).root.content.encoding in ("base64", "quoted-printable"):
        assert max(map(len, copy.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76


@pytest.mark.parametrize("name", POSTS)
def test_a_copy_for_a_server_without_8bitmime_is_ascii_and_says_the_same(name: str) -> None:
    octets = shared(POSTS[name])
    seven = message.seven_bit(octets)
    assert seven is not None

    copy = own(seven, seven_bit=True)

    assert copy.isascii()
    assert text_of(copy) == text_of(own(octets))


@given(some.text("abcdefgh=.-_ü&<", min_size=1, max_size=40), some.sampled_from(sorted(POSTS)))
def test_addresses_of_all_kinds_and_lengths_fit_in(local: str, name: str) -> None:
    member = f"{local}@example.net"

    copy = own(shared(POSTS[name]), member)

    assert b"standin" not in copy
    assert parse(copy).head.text("List-Unsubscribe").count(TOKEN) == 1


def test_letters_that_the_text_cannot_hold_are_left_out() -> None:
    assert b"For m?ller@example.net" in own(shared(POSTS["ascii"]), "müller@example.net")
    assert "For müller@example.net".encode() in own(shared(POSTS["8bit"]), "müller@example.net")
    for octets in (
        shared(post("text/plain", "7bit", "Hi.\r\n")),
        shared(post("text/plain", text="Hi.")),
    ):
        assert own(octets, "müller@example.net", seven_bit=True).isascii()
    assert own(shared(post("text/plain", "7bit", "Hi.\r\n")), "müller@example.net").isascii()


def test_an_html_page_gets_no_markup_from_an_address_and_a_link_to_leave_by() -> None:
    copy = own(shared(POSTS["html"]), "a&b<i>@example.net")

    assert b"For a&amp;b&lt;i&gt;@example.net" in copy
    assert f'<a href="{WAY_OUT}">{WAY_OUT}</a>'.encode() in copy


def test_the_head_says_how_he_leaves_and_by_his_own_address_where_that_works() -> None:
    plain = own(shared(POSTS["8bit"]))
    both = own(shared(POSTS["8bit"], replace(PERSONAL, by_sub_address=True)))

    assert parse(plain).head.text("List-Unsubscribe") == f"<{WAY_OUT}>"
    assert parse(both).head.text("List-Unsubscribe") == (
        f"<{WAY_OUT}>, <mailto:general+{TOKEN}@example.org>"
    )
    assert parse(both).head.first("List-Unsubscribe-Post") is None


def test_a_signed_post_is_personal_in_its_head_alone() -> None:
    signed = (
        f'{HEAD}Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b'
        "\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"
        "x\r\n--b--\r\n"
    ).encode()

    copy = own(shared(signed))

    assert TOKEN in parse(copy).head.text("List-Unsubscribe")
    assert message.split(copy)[1] == message.split(signed)[1]


def test_a_post_is_refused_where_its_footer_would_not_be_found() -> None:
    """As an attached message it is over the cap."""
    deepest = next(n for n in range(110) if _is_too_deep(_nested(n))) - 1
    settings = replace(PERSONAL, from_mode="wrap")
    raw = _nested(deepest)

    copy = message.list_copy(
        raw, parse(raw), settings, message_id="<x@y>", date=datetime(2026, 1, 1, tzinfo=UTC)
    )

    assert copy.refusal is not None


def _nested(levels: int) -> bytes:
    containers = (
        f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(levels)
    )
    return f"{HEAD}{''.join(containers)}\r\nhi\r\n".encode()


def _is_too_deep(raw: bytes) -> bool:
    try:
        parse(raw)
    except TooComplex:
        return True
    return False


def test_what_is_the_same_for_all_is_shared_and_not_copied() -> None:
    octets = shared(post("text/plain", "8bit", "x\r\n" * 100_000))

    pieces = message.template(octets, STAND_INS).pieces

    assert all(one.obj is octets for one in pieces if isinstance(one, memoryview))


def test_a_large_text_is_neither_decoded_nor_copied_to_find_them() -> None:
    text = "Grüße.\r\n" * 100_000 + f"For {STAND_INS.member}: {STAND_INS.code}\r\n"
    octets = post("text/plain", "quoted-printable", text)

    tracemalloc.start()
    made = message.template(octets, STAND_INS)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < len(octets) / 10
    assert made.own_body


def test_a_stand_in_is_found_wherever_a_line_is_broken_in_it() -> None:
    code = STAND_INS.code
    head = post("text/plain", "quoted-printable", "")
    for at in range(1, len(code)):
        broken = f"To=\r\n leave: {code[:at]}=\r\n{code[at:]} or=\r\n not\r\nBye\r\n"

        made = message.template(head + broken.encode(), STAND_INS).copy("ann@example.net", SECRET)

        assert text_of(made) == f"To leave: leave-{SECRET} or not\r\nBye\r\n"


def test_a_bare_carriage_return_in_front_of_one_does_not_keep_it_from_being_found() -> None:
    octets = post("text/plain", "quoted-printable", "") + f"x\r{STAND_INS.code}\r\n".encode()

    made = message.template(octets, STAND_INS).copy("ann@example.net", SECRET)

    assert made.endswith(f"x\rleave-{SECRET}\r\n".encode())


def test_new_stand_ins_look_like_no_others() -> None:
    made = {message.new_stand_ins().secret for _ in range(1000)}

    assert len(made) == 1000
    assert all(tokens.is_token(f"leave-{one}") for one in made)
