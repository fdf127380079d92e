"""What a list does not send on goes, a line stands for it, and everything else stays."""

import email
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from listbridge.message import Drops, seven_bit
from listbridge.message.compose import CopySettings, list_copy, rendered
from listbridge.message.errors import MessageError
from listbridge.message.parse import ParsedMessage, parse
from listbridge.message.parts import Part

Sample = Callable[[str], bytes]

PLAIN = CopySettings("General", "general@example.org", "general.example.org")
FILES = replace(PLAIN, drops=Drops(kinds=("*/*",)))
TEXT = replace(PLAIN, drops=Drops(html_to_text=True))
BOTH = replace(PLAIN, drops=Drops(kinds=("*/*",), html_to_text=True))
DATE = datetime(2026, 11, 20, tzinfo=UTC)
SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
READABLE = [
    path
    for path in sorted(SAMPLES.rglob("*.eml"))
    if path.parent.name not in ("broken", "bounces", "signed")
]


def copied(raw: bytes, settings: CopySettings) -> bytes:
    copy = list_copy(raw, parse(raw), settings, message_id="<d@x>", date=DATE)
    assert copy.refusal is None
    return rendered(copy, raw)


def sent(raw: bytes, settings: CopySettings) -> ParsedMessage:
    return parse(copied(raw, settings))


def shape(part: Part) -> object:
    """Return the types of a tree."""
    return part.type if not part.children else (part.type, [shape(x) for x in part.children])


def tree(kind: str, *children: EmailMessage) -> EmailMessage:
    """Make a multipart."""
    made = EmailMessage()
    made["Content-Type"] = f"multipart/{kind}"
    made.set_payload([])
    for child in children:
        made.attach(child)
    return made


def text(words: str, subtype: str = "plain") -> EmailMessage:
    made = EmailMessage()
    made.set_content(words, subtype=subtype)
    return made


def file(name: str, kind: str = "application/pdf", inline: bool = False) -> EmailMessage:
    made = EmailMessage()
    main, sub = kind.split("/")
    how = "inline" if inline else "attachment"
    cid = f"<{name}>" if inline else None
    content = name.encode() * 300
    made.set_content(content, main, sub, filename=name, disposition=how, cid=cid)
    return made


def post(content: EmailMessage) -> bytes:
    for name, value in (("From", "a@example.net"), ("Subject", "s"), ("Message-ID", "<1@x>")):
        content[name] = value
    return content.as_bytes(policy=policy.SMTP)


def names(parsed: ParsedMessage) -> list[str]:
    return [one.filename for one in parsed.attachments]


def test_what_is_not_dropped_costs_no_byte(sample: Sample) -> None:
    for settings in (FILES, TEXT, BOTH):
        assert copied(sample("plain/simple"), settings) == copied(sample("plain/simple"), PLAIN)


def test_a_file_gives_way_to_a_line_that_names_it() -> None:
    raw = post(tree("mixed", text("See below.\n"), file("plan.pdf"), text("Bye.\n")))

    out = sent(raw, FILES)

    line = "[Attachment removed: plan.pdf (application/pdf, 2.4 KB)]"
    assert out.text.splitlines() == ["See below.", "", line, "", "Bye."]
    assert names(out) == []


@pytest.mark.parametrize(
    ("drops", "left"),
    [
        (Drops(kinds=("image/*",)), ["longer.pdf", "b.EXE."]),
        (Drops(kinds=(".exe", ".pdf")), ["c.png"]),
        (Drops(above=2000), ["b.EXE.", "c.png"]),
        (Drops(above=10_000), ["longer.pdf", "b.EXE.", "c.png"]),
    ],
)
def test_files_go_by_type_by_the_end_of_their_name_and_by_size(
    drops: Drops, left: list[str]
) -> None:
    files = (file("longer.pdf"), file("b.EXE."), file("c.png", "image/png"))
    raw = post(tree("mixed", text("t"), *files))

    assert names(sent(raw, replace(PLAIN, drops=drops))) == left


def test_files_side_by_side_share_one_part() -> None:
    out = sent(post(tree("mixed", text("t"), file("a"), file("b"))), FILES)

    assert shape(out.root) == ("multipart/mixed", ["text/plain", "text/plain"])


@pytest.mark.parametrize(("language", "said"), [("de", "Anhang"), ("fr", "Pièce"), ("xx", "Att")])
def test_the_line_is_in_the_language_of_the_list(language: str, said: str) -> None:
    drops = Drops(kinds=("*/*",), language=language)

    out = sent(post(tree("mixed", text("t"), file("a"))), replace(PLAIN, drops=drops))

    assert f"[{said}" in out.text


def test_a_message_that_is_a_file_becomes_the_line() -> None:
    out = sent(post(file("scan.pdf")), FILES)

    assert shape(out.root) == "text/plain"
    assert out.text == "[Attachment removed: scan.pdf (application/pdf, 2.4 KB)]"


def test_a_name_with_tricks_stays_one_line() -> None:
    raw = post(file("x")).replace(b'"x"', b'"=?utf-8?q?a=0A=E2=80=AEfdp=2Eexe?="')

    [line] = sent(raw, FILES).text.splitlines()

    assert "\u202e" not in line


def test_of_alternatives_the_text_is_left() -> None:
    out = sent(post(tree("alternative", text("words\n"), text("<p>words", "html"))), TEXT)

    assert (shape(out.root), out.text) == ("text/plain", "words")


def test_pictures_of_a_page_that_is_gone_stand_behind_the_text() -> None:
    page = tree("related", text("<img src=cid:p>", "html"), file("p", "image/png", inline=True))
    out = sent(post(tree("alternative", text("words"), page)), TEXT)

    assert shape(out.root) == ("multipart/mixed", ["text/plain", "image/png"])


def test_files_among_alternatives_do_not_become_one() -> None:
    # As Apple Mail writes it: the page, a file, the rest of the page.
    page = tree("mixed", text("<p>one", "html"), file("a.pdf"), text("<p>two", "html"))
    raw = post(tree("alternative", text("one two"), page))

    assert shape(sent(raw, TEXT).root) == ("multipart/mixed", ["text/plain", "application/pdf"])


def test_a_page_alone_becomes_its_words_and_links() -> None:
    page = (
        '<h1>News</h1><a href="https://example.com/x?a=1&amp;b=2">read <b>this</b></a> or '
        '<a href="https://example.com/">example.com</a> <a href="javascript:x()">no</a>'
    )
    out = sent(post(text(page, "html")), TEXT)

    assert shape(out.root) == "text/plain"
    assert out.text == "News\nread this <https://example.com/x?a=1&b=2> or example.com no"


def test_a_blank_alternative_is_not_what_is_left() -> None:
    out = sent(post(tree("alternative", text(" \n"), text("<p>words", "html"))), TEXT)

    assert (shape(out.root), out.text) == ("text/plain", "words")


@pytest.mark.parametrize("page", ["<img src=x>", "<p>a" * 70_000])
def test_a_page_that_says_nothing_as_text_stays(page: str) -> None:
    assert shape(sent(post(text(page, "html")), TEXT).root) == "text/html"


def test_a_calendar_among_the_alternatives_stays_one(sample: Sample) -> None:
    out = sent(sample("mime/calendar_invitation"), TEXT)

    assert shape(out.root) == ("multipart/alternative", ["text/plain", "text/calendar"])


def test_text_that_has_a_name_as_files_have_is_text(sample: Sample) -> None:
    raw = sample("mime/text_with_name_only")

    assert sent(raw, BOTH).text == parse(raw).text


def test_files_within_attached_messages_go_and_their_text_stays() -> None:
    inner = post(tree("mixed", text("<p>inner", "html"), file("a.exe")))
    outer = EmailMessage()
    outer.set_content("outer")
    outer.add_attachment(email.message_from_bytes(inner, policy=policy.default))
    settings = replace(PLAIN, drops=Drops(kinds=(".exe",), html_to_text=True))

    out = copied(post(outer), settings).decode()

    assert ("a.exe (application/pdf" in out, "<p>inner" in out) == (True, True)
    assert 'filename="a.exe"' not in out


def test_a_signed_message_that_is_attached_stays_whole(sample: Sample) -> None:
    signed = sample("signed/pgp_mime").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head = b"From: a@example.net\r\nContent-Type: message/rfc822\r\n\r\n"
    settings = replace(PLAIN, drops=Drops(kinds=("application/pgp-signature",)))

    assert signed in copied(head + signed, settings)


def test_a_secret_that_only_markup_kept_apart_is_blotted_out() -> None:
    out = copied(post(text(f"<p>confirm-<b>{'a' * 26}</b>", "html")), TEXT)

    assert b"a" * 26 not in out


def test_the_original_within_a_wrapped_copy_claims_no_signature(sample: Sample) -> None:
    page = b"Content-Type: text/html\r\n" + sample("signed/dkim")

    out = copied(page, replace(TEXT, from_mode="wrap"))

    assert b"\nX-Original-DKIM-Signature:" in out
    assert b"\nDKIM-Signature:" not in out


@pytest.mark.parametrize("name", ["pgp_inline", "pgp_mime", "smime_encrypted"])
def test_signed_and_encrypted_mail_passes_untouched(sample: Sample, name: str) -> None:
    raw = sample(f"signed/{name}")

    assert copied(raw, BOTH) == copied(raw, PLAIN)


def test_the_signature_of_the_author_is_lost_and_renamed(sample: Sample) -> None:
    raw = sample("signed/dkim")
    settings = replace(TEXT, from_mode="author", reply_to="author")
    page = b"Content-Type: text/html\r\n" + raw

    copy = list_copy(page, parse(page), settings, message_id="<d@x>", date=DATE)

    assert copy.lost_author_signature
    assert b"\r\nDKIM-Signature:" not in b"\r\n" + copy.head


def test_the_attached_original_of_wrap_is_without_it_too(sample: Sample) -> None:
    raw = post(tree("mixed", text("t"), file("plan.pdf")))

    out = copied(raw, replace(FILES, from_mode="wrap"))

    assert b"Attachment removed: plan.pdf" in out
    assert b'filename="plan.pdf"' not in out


def test_the_footer_goes_under_the_text_that_is_left() -> None:
    raw = post(tree("alternative", text("words\n"), text("<p>words", "html")))

    assert sent(raw, replace(TEXT, footer="-- \nfoot")).text == "words\n-- \nfoot"


_words = st.sampled_from(["one", "grüße", "--=_b", "drei\n\nvier", "."])
_leaves = st.builds(
    lambda kind, words, name: (
        file(f"{name}.pdf")
        if kind == "file"
        else file(f"{name}.png", "image/png", inline=True)
        if kind == "picture"
        else text(f"{words} {name}\n" if kind == "plain" else f"<p>{words} {name}</p>", kind)
    ),
    st.sampled_from(["plain", "html", "file", "picture"]),
    _words,
    st.integers(0, 999).map(lambda n: f"n{n}"),
)
_trees = st.recursive(
    _leaves,
    lambda inner: st.builds(
        lambda kind, children: tree(kind, *children),
        st.sampled_from(["mixed", "alternative", "related"]),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=10,
)


@how(max_examples=40)
@given(_trees)
def test_no_file_is_lost_but_what_is_named(content: EmailMessage) -> None:
    raw = post(content)
    before = parse(raw)

    assert sorted(names(sent(raw, TEXT))) == sorted(names(before))
    without = sent(raw, FILES)
    assert names(without) == []
    body = copied(raw, BOTH)
    for name in names(before):
        assert name.encode() in body


@how(max_examples=40)
@given(_trees)
def test_no_words_are_lost(content: EmailMessage) -> None:
    raw = post(content)
    before = parse(raw)

    after = sent(raw, FILES).text.split()
    for word in before.text.split():
        assert word in after
    plain = [one for one in before.root.own() if one.type == "text/plain"]
    as_text = sent(raw, TEXT)
    for one in plain:
        body = raw[one.body_start : one.end]
        assert body.strip() in copied(raw, TEXT)
    assert not [one for one in as_text.root.own() if one.type == "text/html"]


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
@pytest.mark.parametrize("settings", [FILES, TEXT, BOTH], ids=["files", "text", "both"])
def test_every_sample_stays_readable(path: Path, settings: CopySettings) -> None:
    raw = path.read_bytes()
    before = parse(raw)

    out = sent(raw, settings)

    said = out.text.split()
    assert all(word in said for word in before.text.split())
    assert seven_bit(copied(raw, settings)) is not None
    if settings is TEXT:
        assert names(out) == names(before)


@given(st.binary(max_size=300), st.randoms(use_true_random=False))
def test_whatever_comes_in_is_refused_or_readable(noise: bytes, chance: random.Random) -> None:
    raw = bytearray(post(tree("mixed", tree("alternative", text("w"), text("<p>", "html")))))
    at = chance.randrange(len(raw))
    raw[at : at + len(noise) // 4] = noise
    try:
        parsed = parse(bytes(raw))
    except MessageError:
        return
    copy = list_copy(bytes(raw), parsed, BOTH, message_id="<d@x>", date=DATE)
    if copy.refusal is None:
        parse(rendered(copy, bytes(raw)))
