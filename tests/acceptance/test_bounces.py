"""What comes back, by the real program: read, recorded, and what it leads to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer, in_thread, refuses
from tests.letters import letter
from tests.program import BareProgram, Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay
from tests.servers.process import wait_until

SAMPLES = Path(__file__).parents[2] / "fixtures" / "messages"
PEOPLE = ("gone@example.net", "angry@example.net", "here@example.net")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path, same_process=True)


def _list(program: Program, dovecot: Dovecot, slug: str, server: SmtpServer, more: str) -> None:
    dovecot.add_user(slug, "secret")
    sending = f'[outgoing]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
    toml = category_toml(slug, dovecot=dovecot, more=f"{sending}{more}")
    program.write_category(slug, toml, PEOPLE)
    program.poll_once()


def _sample(name: str, slug: str, returned: bytes) -> bytes:
    raw = (SAMPLES / f"bounces/{name}.eml").read_bytes()
    return raw.replace(b"<picnic-1@example.org>", returned)


def test_the_whole_way_of_what_comes_back(
    program: Program, dovecot: Dovecot, fresh_name: Callable[[str], str]
) -> None:
    slug = fresh_name("list")
    with in_thread(SmtpServer()) as server:
        _list(program, dovecot, slug, server, "[bounces]\nthreshold = 1\n")
        program.run("post", slug, "--approve", stdin=letter(1, run=slug))
        program.poll_once()
        [post] = program.json("posts", "list", slug)
        returned = post["message_id"].encode()
        for one in ("postfix", "yahoo_arf", "microsoft365_policy"):
            dovecot.deliver(slug, _sample(one, slug, returned))
        dovecot.deliver(slug, _sample("qmail", slug, b"<never@example.net>"))

        line = program.poll_once()[slug]

    assert line["bounces"] == 4
    found = {one["recipient"]: one for one in program.json("bounces", "list", slug)[1:]}
    blamed = {x: (one["class"], one["subscriber"], one["counts"]) for x, one in found.items()}
    assert blamed == {
        "gone@example.net": ("permanent", "gone@example.net", True),
        "angry@example.net": ("complaint", "angry@example.net", False),
        "strict@example.net": ("policy", None, False),
    }
    states = {one["address"]: one["state"] for one in program.json("subscribers", "list", slug)}
    assert states == dict(zip(PEOPLE, ("suspended", "removed", "active"), strict=True))
    [shown] = program.json("bounces", "show", found["gone@example.net"]["id"])
    assert (shown["state"], shown["because_of"]) == ("suspended", "bounces")
    assert [one["status"] for one in shown["history"]] == ["5.1.1"]
    program.audit()


def test_a_refusal_at_the_door_is_recorded_with_its_outcome(tmp_path: Path) -> None:
    program = Program(tmp_path, same_process=True)
    with in_thread(SmtpServer(refuses({PEOPLE[0]: "550 5.1.1 no such user"}))) as server:
        toml = (
            'address = "general@example.org"\n[outgoing]\nhost = "127.0.0.1"\n'
            f'port = {server.port}\nsecurity = "none"\n'
            '[subscribers]\nfile = "general.subscribers"\n'
        )
        program.write_category("general", toml, PEOPLE)
        program.poll_once()
        program.run("post", "general", "--approve", stdin=letter(1))
        program.poll_once()

    [one] = program.json("bounces", "list")
    assert (one["subscriber"], one["class"], one["reason"], one["inbound"]) == (
        PEOPLE[0],
        "permanent",
        "550 5.1.1 no such user",
        None,
    )
    states = {x["address"]: x["state"] for x in program.json("subscribers", "list", "general")}
    assert states[PEOPLE[0]] == "active"  # one day alone suspends nobody


def test_read_says_what_a_file_reports_without_any_configuration(tmp_path: Path) -> None:
    program = BareProgram(tmp_path)
    program.same_process = True

    found = program.json("bounces", "read", str(SAMPLES / "bounces/postfix_several.eml"))
    text = program.run("bounces", "read", str(SAMPLES / "bounces/gmail_policy.eml")).stdout

    assert [(x["recipient"], x["class"], x["status"]) for x in found] == [
        ("gone@example.net", "permanent", "5.1.1"),
        ("full@example.net", "permanent", "5.2.2"),
        ("slow@example.net", "temporary", "4.2.0"),
    ]
    assert all(x.keys() == {"recipient", "class", "status", "reason"} for x in found)
    assert b"policy" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["bounces/human_quotes_bounce", "bounces/success", "broken/empty"])
def test_read_says_nothing_of_what_is_no_report(tmp_path: Path, name: str) -> None:
    program = BareProgram(tmp_path)
    program.same_process = True

    assert program.json("bounces", "read", str(SAMPLES / f"{name}.eml"), status=1) == []


def test_a_real_report_about_a_dead_address_suspends_it(
    program: Program,
    dovecot: Dovecot,
    relay_with: Callable[[str], Relay],
    fresh_name: Callable[[str], str],
) -> None:
    """Postfix takes the mail, is refused by the next server, and reports to the list's address."""
    slug, dead, strict, alive = (fresh_name(x) for x in ("list", "dead", "strict", "alive"))
    refusals = {
        f"{dead}@example.org": "550 5.1.1 nobody of that name",
        f"{strict}@example.org": "550 5.7.1 rejected as spam",
    }
    with in_thread(SmtpServer(refuses(refusals))) as elsewhere:
        ways = (f"{{ {one} = smtp:[127.0.0.1]:{elsewhere.port} }}" for one in refusals)
        relay = relay_with(f"transport_maps = inline:{{ {', '.join(ways)} }}")
        relay.add_users([slug, dead, strict, alive])
        dovecot.add_user(slug, "secret")
        toml = category_toml(slug, dovecot=dovecot, relay=relay, more="[bounces]\nthreshold = 1")
        program.write_category(slug, toml, [f"{x}@example.org" for x in (dead, strict, alive)])
        dovecot.deliver(slug, letter(1, author=f"{alive}@example.org"))
        program.poll_once()
        wait_until(lambda: len(relay.copies(slug)) >= 1, "a report", 60)
        relay.wait_until_idle()
        for report in relay.copies(slug):
            dovecot.deliver(slug, report.replace(b"\n", b"\r\n"))

        program.poll_once()

    found = {one["recipient"]: one for one in program.json("bounces", "list", slug)}
    assert {x: (one["class"], one["status"], one["counts"]) for x, one in found.items()} == {
        f"{dead}@example.org": ("permanent", "5.1.1", True),
        f"{strict}@example.org": ("policy", "5.7.1", False),
    }
    states = {one["address"]: one["state"] for one in program.json("subscribers", "list", slug)}
    assert states == {
        f"{dead}@example.org": "suspended",
        f"{strict}@example.org": "active",
        f"{alive}@example.org": "active",
    }
    program.audit()
