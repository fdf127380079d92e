"""The copy that subscribers get."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listbridge.message.compose import CopySettings, ListCopy, list_copy, list_id, rendered
from listbridge.message.errors import MessageError
from listbridge.message.headers import Head, split
from listbridge.message.identity import fingerprint
from listbridge.message.parse import parse
from listbridge.message.wire import is_deliverable

Sample = Callable[[str], bytes]

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
NAMES = sorted(str(p.relative_to(SAMPLES).with_suffix("")) for p in SAMPLES.rglob("*.eml"))
PLAIN = CopySettings("General", "general@example.org", "general.example.org")
PREFIX = replace(PLAIN, subject_prefix="[general]")
FOOTER = replace(PLAIN, footer="-- \nThe General list")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def copy_of(raw: bytes, settings: CopySettings = PLAIN) -> ListCopy:
    return list_copy(raw, parse(raw), settings, message_id="<derived@x.invalid>", date=NOW)


def sent(raw: bytes, settings: CopySettings = PLAIN) -> bytes:
    copy = copy_of(raw, settings)
    assert copy.refusal is None
    return rendered(copy, raw)


def head_of(raw: bytes, settings: CopySettings = PLAIN) -> Head:
    return split(sent(raw, settings))[0]


def post(*fields: str, body: bytes = b"text\r\n") -> bytes:
    head = "".join(f"{f}\r\n" for f in ("Message-ID: <a@b>", *fields))
    return head.encode() + b"\r\n" + body


FROM_ALICE = "From: Alice <alice@example.org>"


@pytest.mark.parametrize("mode", ["author", "list", "wrap"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_unclean_ever_leaves(name: str, mode: str) -> None:
    raw = (SAMPLES / f"{name}.eml").read_bytes()
    try:
        parsed = parse(raw)
    except MessageError:
        return
    settings = replace(FOOTER, from_mode=mode, subject_prefix="[g]")  # type: ignore[arg-type]

    copy = list_copy(raw, parsed, settings, message_id="<d@x.invalid>", date=NOW)

    assert copy.refusal is None
    assert_clean(rendered(copy, raw))


def assert_clean(message: bytes) -> None:
    without_crlf = message.replace(b"\r\n", b"")
    assert message.endswith(b"\r\n")
    assert not {0, 10, 13} & set(without_crlf)
    assert is_deliverable(message)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["", "base64", "quoted-printable", "x-odd"]))
def test_whatever_the_body_holds_the_copy_is_clean_or_refused(body: bytes, encoding: str) -> None:
    raw = post(FROM_ALICE, f"Content-Transfer-Encoding: {encoding}", body=body)

    copy = copy_of(raw, FOOTER)

    if copy.refusal is None:
        assert_clean(rendered(copy, raw))


@pytest.mark.parametrize("name", ["plain/simple", "signed/pgp_mime", "encodings/utf8_8bit"])
def test_a_clean_body_passes_byte_for_byte(sample: Sample, name: str) -> None:
    raw = sample(name)

    copy = copy_of(raw, PREFIX)

    assert copy.body is None
    assert rendered(copy, raw) == copy.head + split(raw)[1]


def test_the_lists_own_fields_are_there_once() -> None:
    head = head_of(post(FROM_ALICE, "Sender: x@example.net", "Precedence: bulk"))

    fields = [f.to_bytes().decode().strip() for f in head.fields]
    assert fields == [
        "Message-ID: <a@b>",
        'From: "Alice via General" <general@example.org>',
        "Sender: general@example.org",
        "Date: Fri, 20 Nov 2026 12:00:00 +0000",
        "X-Original-From: Alice <alice@example.org>",
        'Reply-To: "General" <general@example.org>',
        "List-Id: General <general.example.org>",
        "List-Post: <mailto:general@example.org>",
        "List-Unsubscribe: <mailto:general@example.org?subject=unsubscribe>",
        "List-Help: <mailto:general@example.org?subject=help>",
        "Precedence: list",
        "X-Listbridge-Loop: general@example.org",
    ]


def test_receipts_and_traces_of_the_delivery_go_and_received_stays(sample: Sample) -> None:
    out = sent(sample("plain/receipts_and_bcc"))

    head, _ = split(out)
    assert [f.name for f in head.fields][:2] == ["Received", "To"] or head.first("Received")
    for word in (b"treasurer", b"Errors-To", b"Receipt", b"Disposition-Not", b"Confirm", b"PMRQC"):
        assert word not in out
    for name in ("Return-Path", "Delivered-To", "X-Original-To", "Bcc"):
        assert head.first(name) is None


def test_another_lists_fields_go_and_its_id_is_remembered(sample: Sample) -> None:
    head = head_of(sample("loops/foreign_list"))

    assert head.text("X-Original-List-Id") == "Announcements <announce.lists.example.net>"
    assert head.text("List-Id") == "General <general.example.org>"
    assert [f.text for f in head.all("Precedence")] == ["list"]
    assert head.first("List-Unsubscribe-Post") is None
    assert len(head.all("List-Unsubscribe")) == 1


def test_the_loop_field_joins_those_of_other_lists() -> None:
    head = head_of(post(FROM_ALICE, "X-Listbridge-Loop: other@example.net"))

    assert [f.text for f in head.all("X-Listbridge-Loop")] == [
        "other@example.net",
        "general@example.org",
    ]


def test_the_author_may_keep_from(sample: Sample) -> None:
    head = head_of(sample("plain/simple"), replace(PLAIN, from_mode="author"))

    assert head.value("From") == b"Alice Archer <alice@example.org>"
    assert head.value("Sender") == b"general@example.org"
    assert head.first("X-Original-From") is None


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("From: Alice <alice@example.org>", "Alice via General"),
        ("From: alice@example.org", "alice via General"),
        ('From: "A \\"x\\" B" <alice@example.org>', 'A "x" B via General'),
        ("From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>", "Jürgen via General"),
        ("From: a@example.org <eve@evil.test>", "General"),
    ],
)
def test_a_rewritten_from_shows_the_author(field: str, shown: str) -> None:
    raw = post(field)

    out = sent(raw)

    parsed = parse(out)
    assert (parsed.author, parsed.author_name) == ("general@example.org", shown)
    assert parsed.head.text("X-Original-From") == parse(raw).head.text("From")


REPLY_TABLE = [
    # reply_to, from_mode, the author's Reply-To → the copy's Reply-To
    ("list", "list", None, '"General" <general@example.org>'),
    ("list", "author", "Me <me@example.net>", '"General" <general@example.org>'),
    ("author", "list", None, "Alice <alice@example.org>"),
    ("author", "author", None, ""),
    ("author", "list", "Me <me@example.net>", "Me <me@example.net>"),
    ("author", "author", "Me <me@example.net>", "Me <me@example.net>"),
    ("author", "wrap", None, "Alice <alice@example.org>"),
    ("author", "list", "a@b.org <eve@evil.test>", "Alice <alice@example.org>"),
    ("both", "list", None, 'Alice <alice@example.org>, "General" <general@example.org>'),
    ("both", "author", None, 'Alice <alice@example.org>, "General" <general@example.org>'),
    ("both", "list", "me@example.net", 'me@example.net, "General" <general@example.org>'),
    ("both", "list", "General@Example.org", "General@Example.org"),
]


@pytest.mark.parametrize(("reply_to", "from_mode", "own", "expected"), REPLY_TABLE)
def test_answers_go_where_the_table_says(
    reply_to: str, from_mode: str, own: str | None, expected: str
) -> None:
    raw = post(FROM_ALICE, *([f"Reply-To: {own}"] if own else []))
    mode = replace(PLAIN, reply_to=reply_to, from_mode=from_mode)  # type: ignore[arg-type]

    head = head_of(raw, mode)

    assert head.text("Reply-To") == expected


def test_a_post_without_an_author_is_answered_to_the_list_or_nowhere() -> None:
    raw = post("From: nobody")

    assert b"general@" in head_of(raw, replace(PLAIN, reply_to="both")).value("Reply-To")
    assert head_of(raw, replace(PLAIN, reply_to="author")).first("Reply-To") is None


def test_an_undeclared_8_bit_name_is_not_copied_into_reply_to(sample: Sample) -> None:
    head = head_of(sample("encodings/latin1_undeclared"), replace(PLAIN, reply_to="author"))

    assert head.value("Reply-To").isascii()
    assert head.text("Reply-To") == "José García <jose@example.org>"


@pytest.mark.parametrize(
    ("subject", "prefix", "shown"),
    [
        ("Subject: Picnic", "[general]", "[general] Picnic"),
        ("Subject: Re: [General] Picnic", "[general]", "Re: [General] Picnic"),
        ("Subject: =?utf-8?q?=5Bgeneral=5D_x?=", "[general]", "[general] x"),
        ("Subject: Re: Picnic", "[general]", "[general] Re: Picnic"),
        ("Subject:", "[general]", "[general] (no subject)"),
        ("X-None: x", "[general]", "[general] (no subject)"),
        ("Subject: Picnic", "", "Picnic"),
        ("Subject: Picnic", "[Zürich]", "[Zürich] Picnic"),
        ("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "[Zürich]", "[Zürich] Grüße"),
        ("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "[general]", "[general] Grüße"),
    ],
)
def test_the_prefix_stands_once(subject: str, prefix: str, shown: str) -> None:
    head = head_of(post(FROM_ALICE, subject), replace(PLAIN, subject_prefix=prefix))

    assert head.text("Subject") == shown
    assert head.value("Subject").isascii()


def test_the_subjects_own_bytes_stay_behind_the_prefix() -> None:
    raw = post(FROM_ALICE, "Subject:  two  blanks\r\n\tand a fold")

    assert b"Subject: [general] two  blanks\r\n\tand a fold\r\n" in sent(raw, PREFIX)


def test_message_id_and_date_are_added_only_where_missing(sample: Sample) -> None:
    without = head_of(sample("plain/no_message_id"))
    both = head_of(sample("plain/simple"))

    assert without.value("Message-ID") == b"<derived@x.invalid>"
    assert without.value("Date") == b"Fri, 20 Nov 2026 11:00:00 +0000"
    assert both.value("Message-ID") == b"<picnic-1@mail.example.org>"
    assert both.value("Date") == b"Fri, 20 Nov 2026 10:15:00 +0100"


def test_fields_that_may_stand_once_are_sent_once() -> None:
    head = head_of(post(FROM_ALICE, "Subject: one", "Subject: two", "Date: x", "Date: y"))

    assert [f.text for f in head.all("Subject")] == ["one"]
    assert [f.text for f in head.all("Date")] == ["x"]


def test_a_signature_stays_while_what_it_signs_stays(sample: Sample) -> None:
    raw = sample("signed/dkim")

    head = head_of(raw, replace(PREFIX, from_mode="author"))

    assert [f.value for f in head.all("DKIM-Signature")] == [split(raw)[0].value("DKIM-Signature")]
    assert len(head.all("X-Original-DKIM-Signature")) == 1


@pytest.mark.parametrize(
    ("signature", "holds"),
    [
        ("h=date:to; c=relaxed/relaxed", True),
        ("h=Subject; c=relaxed/relaxed", False),
        ("h=from; c=relaxed/relaxed", False),
        ("h=to:list-id; c=relaxed/relaxed", False),
        ("h=to:to; c=simple", True),
        ("h=sender", False),
        ("h=to:\r\n\t reply-to", False),
        ("h=to:cc:in-reply-to", True),
    ],
)
def test_a_signature_over_a_changed_or_added_field_is_renamed(signature: str, holds: bool) -> None:
    raw = post(
        f"DKIM-Signature: v=1; {signature}", FROM_ALICE, "To: a@b.org", "Subject: s", "Date: today"
    )

    head = head_of(raw, PREFIX)

    assert bool(head.first("DKIM-Signature")) is holds
    assert bool(head.first("X-Original-DKIM-Signature")) is not holds


@pytest.mark.parametrize("odd", ["To : a@b.org", "To: a@b.org,\r\n \r\n c@d.org"])
@pytest.mark.parametrize("canonical", ["simple", "relaxed"])
def test_a_field_that_must_be_mended_breaks_only_what_signs_its_bytes(
    odd: str, canonical: str
) -> None:
    raw = post(f"DKIM-Signature: v=1; h=to; c={canonical}", FROM_ALICE, odd)

    assert bool(head_of(raw).first("DKIM-Signature")) is (canonical == "relaxed")


def test_a_footer_breaks_every_signature() -> None:
    raw = post("DKIM-Signature: v=1; h=to; c=relaxed/relaxed", FROM_ALICE)

    assert head_of(raw, FOOTER).first("DKIM-Signature") is None


def test_a_wrapped_post_is_an_attached_message_in_one_from_the_list(sample: Sample) -> None:
    raw = sample("plain/receipts_and_bcc")

    out = sent(raw, replace(PREFIX, from_mode="wrap"))

    parsed = parse(out)
    inner = parsed.root.children[0]
    assert parsed.root.type == "message/rfc822"
    assert parsed.author == "general@example.org"
    assert parsed.subject == "[general] Accounts for 2026"
    assert parsed.message_id == "<accounts-1@mail.example.org>"
    assert inner.head.value("From") == b"Alice Archer <alice@example.org>"
    assert inner.head.value("Subject") == b"Accounts for 2026"
    assert b"treasurer" not in out
    assert out.endswith(split(raw)[1])


def test_a_wrapped_signed_post_is_not_altered(sample: Sample) -> None:
    raw = sample("signed/pgp_mime")

    out = sent(raw, replace(FOOTER, from_mode="wrap"))

    assert out.endswith(split(raw)[1])


def test_a_text_with_a_nul_is_encoded_so_that_the_nul_does_not_leave(sample: Sample) -> None:
    out = sent(sample("broken/smuggling"))

    assert b"first\r\n=2E\r\nMAIL FROM" in out
    assert parse(out).text == parse(sample("broken/smuggling")).text


def test_bare_line_ends_without_a_nul_are_mended_and_nothing_else_is_done() -> None:
    out = sent(post(FROM_ALICE, body=b"a\n.\nb\r.\rc\r\n"))

    assert out.endswith(b"\r\n\r\na\r\n.\r\nb\r\n.\r\nc\r\n")


def test_a_long_line_is_encoded_anew_and_says_the_same(sample: Sample) -> None:
    raw = sample("broken/long_line")

    copy = copy_of(raw, replace(PLAIN, from_mode="author"))

    out = rendered(copy, raw)
    assert copy.body is not None
    assert split(out)[0].value("Content-Transfer-Encoding") == b"quoted-printable"
    assert fingerprint(out) == fingerprint(raw)


def test_a_long_line_in_a_signed_post_is_refused_with_the_reason() -> None:
    signed = b"--s\r\n\r\n" + b"x" * 1200 + b"\r\n--s\r\nContent-Type: a/b\r\n\r\n--s--\r\n"
    raw = post(FROM_ALICE, "Content-Type: multipart/signed; boundary=s", body=signed)

    copy = copy_of(raw)

    assert copy.refusal is not None
    assert "signed or encrypted" in copy.refusal


def test_a_long_field_is_folded_and_one_without_blanks_refused() -> None:
    foldable = post(FROM_ALICE, "X-Long: " + "word " * 300)
    solid = post(FROM_ALICE, "X-Long: " + "x" * 1000)

    assert_clean(sent(foldable))
    assert copy_of(solid).refusal == (
        "the field X-Long has over 998 octets without a blank to fold at"
    )


def test_the_list_id_is_the_address_with_a_dot() -> None:
    assert list_id("General@Example.org") == "general.example.org"


def test_a_name_that_needs_it_is_quoted_or_encoded() -> None:
    comma = head_of(post(FROM_ALICE), replace(PLAIN, name="Tea, etc."))
    umlaut = head_of(post(FROM_ALICE), replace(PLAIN, name="Zürich"))

    assert comma.value("List-Id") == b'"Tea, etc." <general.example.org>'
    assert umlaut.value("List-Id") == b"=?utf-8?b?WsO8cmljaA==?= <general.example.org>"
