"""Moderation by mail alone: the real program, Dovecot and Postfix, and people who answer mail."""

import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.acceptance.test_members import Mail, Person
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay

_CODE = re.compile(r"confirm-[a-z2-7]{26}")
_STRANGER = "Ann <ann@example.net>"


@pytest.fixture
def people(
    tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]
) -> Iterator[dict[str, Person]]:
    """A list with one reader and two moderators."""
    names = {one: fresh_name(one) for one in ("list", "reader", "mod", "deputy")}
    name = names.pop("list")
    relay.add_users([name, *names.values()])
    dovecot.add_user(name, "secret")
    program = Program(tmp_path, same_process=True)
    moderators = [f"{names[one]}@example.org" for one in ("mod", "deputy")]
    more = f'name = "General"\nmoderators = {moderators}'
    toml = category_toml(name, dovecot=dovecot, relay=relay, more=more)
    program.write_category(name, toml, [f"{names['reader']}@example.org"])
    mail = Mail(program, dovecot, relay, name)
    yield {role: Person(mail, one) for role, one in names.items()}
    program.audit()


def hold(people: dict[str, Person], subject: str = "Bees") -> None:
    """Have a stranger's post held."""
    people["mod"].mail.write(_STRANGER, subject, text="They are back.")


def answer(who: Person, asked: EmailMessage, text: str) -> None:
    """Answer a mail above its quotation."""
    body = asked.get_body(("plain",))
    assert body is not None
    quoted = "".join(f"> {line}\r\n" for line in body.get_content().splitlines())
    who.write(
        f"Re: {asked['Subject']}",
        text=f"{text}\r\n\r\nOn Sat, 21 Nov 2026, General wrote:\r\n{quoted}",
        In_Reply_To=str(asked["Message-ID"]),
    )


def test_a_moderator_lets_a_post_out_by_answering_and_the_other_one_is_told(
    people: dict[str, Person],
) -> None:
    reader, mod, deputy = people.values()
    hold(people)
    [asked], [too] = mod.new(), deputy.new()
    assert reader.subjects() == []

    answer(mod, asked, "approve")
    assert reader.subjects() == ["Bees"]
    assert deputy.subjects() == ["Decided on General: Bees"]

    answer(deputy, too, "reject")
    assert deputy.subjects() == ["Already decided on General: Bees"]
    assert reader.subjects() == mod.subjects() == []
    [post] = mod.mail.program.json("posts", "list", mod.mail.name)
    [shown] = mod.mail.program.json("posts", "show", post["id"])
    assert (shown["state"], shown["decided_by"]) == ("accepted", mod.address)


def test_a_member_s_post_is_rejected_with_a_note(people: dict[str, Person]) -> None:
    reader, mod, _ = people.values()
    program, name = mod.mail.program, mod.mail.name
    file = program.folder / "categories" / f"{name}.toml"
    file.write_text(file.read_text() + '[posting]\nmembers = "hold"\n')
    reader.write("Wasps", text="They are back, too.")
    assert reader.subjects() == ["Your post to General is waiting for a moderator"]

    [asked] = mod.new()
    answer(mod, asked, "Reject\r\nBees only.\r\n\r\nPlease.")

    [told] = reader.new()
    assert told["Subject"] == "Your post to General was not accepted"
    body = told.get_body(("plain",))
    assert body is not None
    assert "was not accepted: Bees only. Please." in body.get_content()


def test_a_link_discards_and_nobody_but_the_other_moderator_hears_of_it(
    people: dict[str, Person],
) -> None:
    reader, mod, deputy = people.values()
    hold(people)
    [asked] = mod.new()
    [code] = _CODE.findall(str(asked["Subject"]))
    deputy.new()

    mod.write(f"discard {code}")

    assert deputy.subjects() == ["Decided on General: Bees"]
    assert mod.subjects() == reader.subjects() == []
    assert mod.mail.program.json("held", "list") == []


def test_whom_a_moderator_lets_in_for_good_is_held_no_more_until_that_is_taken_back(
    people: dict[str, Person],
) -> None:
    reader, mod, _ = people.values()
    program, name = mod.mail.program, mod.mail.name
    hold(people)
    [asked] = mod.new()
    answer(mod, asked, "approve always")
    hold(people, "More bees")
    assert reader.subjects() == ["Bees", "More bees"]

    [let_in] = program.json("allowed", "list", name)
    assert (let_in["address"], let_in["by"]) == ("ann@example.net", mod.address)
    program.run("allowed", "remove", name, "Ann@example.net")
    program.run("allowed", "remove", name, "Ann@example.net", status=1)
    hold(people, "Still more bees")

    assert reader.subjects() == []
    [held] = program.json("held", "list", name)
    program.run("held", "approve", "--always", held["id"])
    [let_in] = program.json("allowed", "list")
    assert (let_in["category"], let_in["address"], let_in["by"]) == (name, "ann@example.net", None)


def test_the_numbers_of_a_dry_run_count_the_moderators_mail_and_nothing_stays(
    people: dict[str, Person],
) -> None:
    mod = people["mod"]
    mail = mod.mail
    raw = f"From: {_STRANGER}\r\nTo: {mail.address}\r\nSubject: Bees\r\n\r\nHello\r\n"
    mail.dovecot.deliver(mail.name, raw.encode())

    line = mail.program.poll_once("--dry-run")[mail.name]

    assert (line["held"], line["queued"], line["sent"]) == (1, 2, 2)
    assert mod.new() == []
    assert mail.program.json("held", "list") == []
