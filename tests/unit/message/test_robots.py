"""Bounces, auto-replies, loops and commands are told from posts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.message import command, robots
from listbridge.message.errors import MessageError
from listbridge.message.parse import parse

Sample = Callable[[str], bytes]

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
NAMES = sorted(str(p.relative_to(SAMPLES).with_suffix("")) for p in SAMPLES.rglob("*.eml"))
OWN = ("general@example.org", "general.example.org")

# Beside the reports there are those who show, answer or look like one.
NO_BOUNCES = {
    f"bounces/{name}"
    for name in (
        *("human_quotes_bounce", "human_forwards_bounce", "human_answers_bounce"),
        *("challenge", "vacation", "no_null_sender"),
    )
}
BOUNCES = {name for name in NAMES if name.startswith("bounces/")} - NO_BOUNCES
ROBOTS = {
    "robots/vacation_auto_submitted",
    "robots/exchange_automatic_reply",
    "robots/precedence_auto_reply",
    "robots/read_receipt",
    "bounces/vacation",
}
LOOPS = {"loops/own_loop_header", "loops/own_list_id_kept_by_other_list", "loops/sixty_hops"}
COMMANDS = {"commands/subscribe": "subscribe", "commands/confirm": "confirm"}


def verdict(name: str) -> str:
    try:
        parsed = parse((SAMPLES / f"{name}.eml").read_bytes())
    except MessageError:
        return "broken"
    if robots.bounce_reason(parsed):
        return "bounce"
    if robots.robot_reason(parsed):
        return "robot"
    if robots.loop_reason(parsed, *OWN):
        return "loop"
    return f"command {found.word}" if (found := command(parsed, OWN[0])) else "post"


@pytest.mark.parametrize("name", NAMES)
def test_each_sample_is_taken_for_what_it_is(name: str) -> None:
    expected = "post"
    for kind, names in (("bounce", BOUNCES), ("robot", ROBOTS), ("loop", LOOPS)):
        expected = kind if name in names else expected
    if name in COMMANDS:
        expected = f"command {COMMANDS[name]}"
    if name == "broken/deep_nesting":
        expected = "broken"

    assert verdict(name) == expected


@pytest.mark.parametrize(
    "field",
    [
        b"Auto-Submitted: auto-generated",
        b"Auto-Submitted: auto-replied; owner=x",
        b"Precedence: junk",
        b"Precedence: auto_reply",
        b"X-Autoreply: yes",
        b"X-Autorespond: re",
        b"X-Autoreply-From: a@example.org",
        b"X-Mail-Autoreply: on",
        b"Return-Path: <>",
        b"Subject: Out of Office: back soon",
        b"Subject: Automatic reply: hello",
        b"Subject: Abwesenheitsnotiz: Urlaub",
        b"Subject: =?utf-8?q?R=C3=A9ponse_automatique?= : x",
        b"Content-Type: message/disposition-notification",
    ],
)
def test_one_mark_of_a_robot_is_enough(field: bytes) -> None:
    assert robots.robot_reason(parse(b"From: a@example.org\r\n" + field + b"\r\n\r\nx"))


@pytest.mark.parametrize(
    "field",
    [
        b"Auto-Submitted: no",
        b"Precedence: list",
        b"Precedence: bulk",
        b"X-Autoreply: no",
        b"X-Auto-Response-Suppress: OOF",
        b"Return-Path: <a@example.org>",
        b"Subject: Re: Out of Office: back soon",
        b"Subject: About automatic reply: how",
    ],
)
def test_a_person_is_not_taken_for_a_robot(field: bytes) -> None:
    assert robots.robot_reason(parse(b"From: a@example.org\r\n" + field + b"\r\n\r\nx")) is None


@pytest.mark.parametrize(
    "head",
    [
        b"From: MAILER-DAEMON\r\n",
        b'From: "Mail" <mailer-daemon@example.net>\r\n',
        b"Return-Path: < >\r\nFrom: <Postmaster@example.net>\r\n",
        b"Return-Path: <>\r\nX-Failed-Recipients: a@example.net\r\nFrom: x@example.net\r\n",
        b"From: x@example.net\r\nContent-Type: message/delivery-status\r\n",
    ],
)
def test_old_fashioned_bounces_are_known_by_their_sender(head: bytes) -> None:
    assert robots.bounce_reason(parse(head + b"\r\nx"))


def test_a_postmaster_who_writes_as_a_person_is_no_bounce() -> None:
    raw = b"Return-Path: <postmaster@example.net>\r\nFrom: postmaster@example.net\r\n\r\nHello\r\n"

    assert robots.bounce_reason(parse(raw)) is None


def test_another_lists_loop_field_and_id_are_no_loop_of_ours() -> None:
    raw = b"X-Listbridge-Loop: other@example.org\r\nList-Id: <my.general.example.org>\r\n\r\nx"

    assert robots.loop_reason(parse(raw), *OWN) is None


@pytest.mark.parametrize("sender", [b"General@example.org", b'"The list" <general@example.org>'])
def test_our_own_address_as_the_sender_is_a_loop(sender: bytes) -> None:
    assert robots.loop_reason(parse(b"Sender: " + sender + b"\r\n\r\nx"), *OWN)


@pytest.mark.parametrize("sender", [b"other@example.org", b"general@example.org; x", b""])
def test_another_sender_is_no_loop(sender: bytes) -> None:
    assert robots.loop_reason(parse(b"Sender: " + sender + b"\r\n\r\nx"), *OWN) is None


def test_our_own_list_id_is_a_loop() -> None:
    raw = b'List-Id: "A <b>" <General.Example.org>\r\n\r\nx'

    assert robots.loop_reason(parse(raw), *OWN)


@pytest.mark.parametrize(
    ("subject", "is_robot"),
    [
        ("Out of office", True),
        ("out of Office.", True),
        ("away from my mail", True),
        ("Out of office chairs", False),
        ("Re: Out of office", False),
        ("Away from my mail next week", False),
    ],
)
def test_a_subject_of_nothing_but_a_robots_words_makes_one(subject: str, is_robot: bool) -> None:
    parsed = parse(f"From: a@example.net\r\nSubject: {subject}\r\n\r\nx\r\n".encode())

    assert (robots.robot_reason(parsed) is not None) == is_robot
