"""Each subscriber's own copy by the real program: he leaves by it, and it comes back as his."""

import email
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer, in_thread, refuses
from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.exim import Exim
from tests.servers.postfix import Relay
from tests.servers.process import wait_until
from tests.ways import WAYS

PERSONAL = """
[message]
from = "list"
personalise = true
footer = "Written to {member}. Leave: {unsubscribe}"
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, same_process=True)


def _list(
    program: Program, dovecot: Dovecot, relay: Relay | Exim, slug: str, people: list[str], way: str
) -> None:
    relay.add_users([slug, *people])
    dovecot.add_user(slug, "secret")
    outgoing = f"foreign_from = true\n{WAYS[way]}"
    toml = category_toml(
        slug,
        dovecot=dovecot,
        relay=relay,
        outgoing=outgoing,
        more='[posting]\nnon_members = "accept"\n[bounces]\nthreshold = 1\n' + PERSONAL,
    )
    program.write_category(slug, toml, [f"{x}@example.org" for x in people])


def _read(copy: bytes) -> EmailMessage:
    return email.message_from_bytes(copy, policy=default)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("server", "way"),
    [("relay", "chunked"), ("relay", "lock step"), ("exim", "pipelined")],
)
def test_each_gets_his_own_and_leaves_by_it_with_one_mail(
    request: pytest.FixtureRequest,
    program: Program,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
    server: str,
    way: str,
) -> None:
    relay = request.getfixturevalue(server)
    slug, *people = (fresh_name(x) for x in ("list", "ann", "ben", "cay"))
    _list(program, dovecot, relay, slug, people, way)
    dovecot.deliver(slug, letter(1))
    program.poll_once()
    relay.wait_until_idle()

    tokens = {}
    for name in people:
        [copy] = map(_read, relay.copies(name))
        member = f"{name}@example.org"
        own = rf"<{slug}\+bounces-{name}=example\.org=[a-z2-7]{{8}}@example\.org>"
        assert re.fullmatch(own, copy["Return-Path"])
        found = re.fullmatch(
            rf"<mailto:{slug}@example.org\?subject=(leave-[a-z2-7]{{34}})>",
            "".join(copy["List-Unsubscribe"].split()),
        )
        assert found
        tokens[name] = found[1]
        assert f"Written to {member}. Leave: mailto:{slug}@example.org?subject={found[1]}" in (
            copy.get_content()
        )
        assert copy["List-Unsubscribe-Post"] is None
    assert len(set(tokens.values())) == 3

    leaver = people[0]
    head = f"From: robot@example.com\r\nAuto-Submitted: auto-generated\r\nSubject: {tokens[leaver]}"
    dovecot.deliver(slug, f"{head}\r\n\r\n".encode())
    assert program.poll_once()[slug]["commands"] == 1
    dovecot.deliver(slug, letter(2))
    program.poll_once()
    relay.wait_until_idle()

    subjects = [[str(_read(x)["Subject"]) for x in relay.copies(name)] for name in people]
    assert subjects[0][1] == f"You have left {slug}"
    assert [len(one) for one in subjects] == [2, 2, 2]
    assert subjects[1] == subjects[2]
    program.audit()


def test_a_real_report_to_his_own_sender_says_whose_it_is_without_the_message(
    program: Program,
    dovecot: Dovecot,
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
) -> None:
    """Postfix takes the mail, is refused by the next server, and reports to the copy's sender."""
    slug, dead, alive = (fresh_name(x) for x in ("list", "dead", "alive"))
    refused = f"{dead}@example.org"
    with in_thread(SmtpServer(refuses({refused: "550 5.1.1 nobody of that name"}))) as elsewhere:
        way = f"{{ {refused} = smtp:[127.0.0.1]:{elsewhere.port} }}"
        relay = relay_with(f"transport_maps = inline:{{ {way} }}")
        _list(program, dovecot, relay, slug, [dead, alive], "chunked")
        dovecot.deliver(slug, letter(1))
        program.poll_once()
        wait_until(lambda: len(relay.copies(slug)) >= 1, "a report", 60)
        relay.wait_until_idle()
    [report] = relay.copies(slug)
    own = rf"{slug}\+bounces-{dead}=example\.org=[a-z2-7]{{8}}@example\.org"
    assert re.search(f"^To: {own}$".encode(), report, re.MULTILINE)
    # Nothing is left of our message, and the report names somebody else, as a forwarder's would.
    nameless = re.sub(rb"(?im)^(Message-ID|X-Listbridge-\S+|References): .*\n", b"", report)
    elsewhere_now = nameless.replace(refused.encode(), b"moved@example.com")
    dovecot.deliver(slug, elsewhere_now.replace(b"\n", b"\r\n"))

    assert program.poll_once()[slug]["bounces"] == 1

    [one] = program.json("bounces", "list", slug)
    assert (one["subscriber"], one["class"], one["counts"]) == (refused, "permanent", True)
    states = {x["address"]: x["state"] for x in program.json("subscribers", "list", slug)}
    assert states == {refused: "suspended", f"{alive}@example.org": "active"}
    program.audit()


def test_where_the_server_refuses_their_own_senders_copies_go_out_under_the_lists_address(
    program: Program,
    dovecot: Dovecot,
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
) -> None:
    slug, *people = (fresh_name(x) for x in ("list", "ann", "ben", "cay"))
    refusal = "{ { /bounces-/ 553 5.7.1 not owned by user } }"
    relay = relay_with(f"smtpd_sender_restrictions = check_sender_access regexp:{refusal}")
    _list(program, dovecot, relay, slug, people, "chunked")
    dovecot.deliver(slug, letter(1))

    assert program.poll_once()[slug]["sent"] == 3

    relay.wait_until_idle()
    senders = [[_read(x)["Return-Path"] for x in relay.copies(name)] for name in people]
    assert senders == [[f"<{slug}@example.org>"]] * 3
    program.audit()
