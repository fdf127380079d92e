"""A command is what nobody would write as a post."""

import pytest

from listbridge.message import Command, Word, command
from listbridge.message.parse import parse

SECRET = "mfrggzdfmztwq2lknnwg23tpoa"
TOKEN = f"confirm-{SECRET}"
LEAVE = f"leave-{SECRET}{'a' * 8}"
CONFIRM = Command(Word.CONFIRM, SECRET)
LIST = "general@example.org"


def found(head: str, body: str = "x") -> Command | None:
    return command(parse(f"From: a@example.net\r\n{head}\r\n\r\n{body}\r\n".encode()), LIST)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("subscribe", Command(Word.SUBSCRIBE)),
        (" UnSubscribe ", Command(Word.UNSUBSCRIBE)),
        ("HELP", Command(Word.HELP)),
        ("Options", Command(Word.OPTIONS)),
        ("set Holiday 2026-12-24", Command(Word.SET, "holiday 2026-12-24")),
        ("set receives none", Command(Word.SET, "receives none")),
        (TOKEN, CONFIRM),
        (f"CONFIRM {TOKEN.upper()}", CONFIRM),
        (f"Re: AW: [x] Bitte: bestätigen ({TOKEN})", CONFIRM),
        (f"Fwd: Please confirm ({TOKEN})", None),
        (LEAVE, Command(Word.LEAVE, SECRET + "a" * 8)),
        (f"Re: {LEAVE.upper()}", Command(Word.LEAVE, SECRET + "a" * 8)),
        (f"Fwd: {LEAVE}", None),
        ("leave-taking of old friends", None),
        (f"AW: WG: Bitte bestätigen ({TOKEN})", None),
        ("confirm", None),
        ("Confirm attendance", None),
        ("confirm the date of the meeting", None),
        ("Re: subscribe", None),
        ("subscribe me", None),
        ("help!", None),
        ("set holiday plans", None),
        ("set language barriers", None),
        ("", None),
    ],
)
def test_a_whole_subject_is_a_command(subject: str, expected: Command | None) -> None:
    assert found(f"Subject: {subject}") == expected


@pytest.mark.parametrize("word", ["help", "options"])
def test_a_subject_that_a_post_may_have_is_a_command_only_without_much_text(word: str) -> None:
    text = "My printer prints nothing but zebras since yesterday."

    assert found(f"Subject: {word}", text) is None
    assert found(f"Subject: {word}", f"-- \r\n{text}") == Command(Word(word))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("subscribe", Command(Word.SUBSCRIBE)),
        ("\r\nunsubscribe\r\n\r\n-- \r\nAnn", Command(Word.UNSUBSCRIBE)),
        (TOKEN, CONFIRM),
        ("unsubscribe\r\nme please", None),
        ("please unsubscribe", None),
        (f"> {TOKEN}", None),
    ],
)
def test_a_whole_body_under_an_empty_subject_is_a_command(
    body: str, expected: Command | None
) -> None:
    assert found("Subject:", body) == expected
    assert found("Subject: A post", body) is None


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("general+subscribe", Command(Word.SUBSCRIBE)),
        ("General-JOIN", Command(Word.SUBSCRIBE)),
        ("general-leave", Command(Word.UNSUBSCRIBE)),
        ("general+help", Command(Word.HELP)),
        ("general-owner", Command(Word.OWNER)),
        (f"general+{TOKEN}", CONFIRM),
        ("general-request", Command(Word.HELP)),
        ("general+friends", None),
        ("generals+help", None),
        ("general", None),
    ],
)
@pytest.mark.parametrize("field", ["To", "Delivered-To", "X-Original-To"])
def test_an_address_for_commands_is_a_command(
    field: str, local: str, expected: Command | None
) -> None:
    assert found(f"Subject: A post\r\n{field}: <{local}@example.org>", "My words") == expected


@pytest.mark.parametrize(
    ("subject", "body", "expected"),
    [
        ("subscribe", "", Command(Word.SUBSCRIBE)),
        ("hello", "unsubscribe\r\nthank you", Command(Word.UNSUBSCRIBE)),
        ("hello", "what is this list?", Command(Word.HELP)),
    ],
)
def test_the_request_address_takes_a_command_in_subject_or_first_line(
    subject: str, body: str, expected: Command
) -> None:
    assert found(f"Subject: {subject}\r\nTo: general-request@example.org", body) == expected


@pytest.mark.parametrize(
    "to",
    [
        "general@example.org, general+help@example.org",
        "Help <general@example.org>",
        "general+help@example.com",
        '"general+help@example.org" <bob@example.net>',
    ],
)
def test_who_writes_to_the_list_writes_a_post(to: str) -> None:
    assert found(f"Subject: A post\r\nTo: {to}") is None


def test_a_secret_is_not_in_the_representation() -> None:
    assert SECRET not in repr(CONFIRM)
