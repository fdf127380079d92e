"""An alert on its whole way: from what went wrong to the operator's mailbox."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from listbridge import bootstrap, clock
from listbridge.bootstrap import Accounts
from listbridge.delivery.worker import send_due
from listbridge.service import alerting, conditions
from storage import polls, service_mail
from storage.states import DeliveryState, Trouble
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay
from tests.servers.process import free_ports

MEMBER = "ann@example.net"
SERVICE = """
[alerts]
to = ["{to}"]
mail_session = "ops"
[mail_sessions.ops.outgoing]
host = "127.0.0.1"
port = {port}
security = "none"
"""


@pytest.fixture
def operator(relay: Relay, fresh_name: Callable[[str], str]) -> str:
    name = fresh_name("postmaster")
    relay.add_users([name])
    return name


@pytest.fixture
def program(
    tmp_path: Path, relay: Relay, operator: str, monkeypatch: pytest.MonkeyPatch
) -> Program:
    """One category, whose mailbox refused the login at the last pass."""
    # The disk of the machine that runs the tests may be as full as it likes.
    monkeypatch.setattr(conditions, "_disk", lambda *_: [])
    program = Program(tmp_path, same_process=True)
    program.write_service(SERVICE.format(to=f"{operator}@example.org", port=relay.port))
    program.write_category("general", category_toml("general", relay=relay))
    with bootstrap.installation(tmp_path / "listbridge.toml") as here, here.db.transaction() as tx:
        polls.begin(tx, here.ids["general"], now=clock.now())
        words = "der Server sagt: ungültig"
        trouble = Trouble.LOGIN
        polls.end(tx, here.ids["general"], trouble=trouble, error=words, now=clock.now())
    return program


async def _serve_a_moment(program: Program) -> None:
    """Do what a service does from time to time: look for what to tell, and send what is due."""
    with bootstrap.installation(program.folder / "listbridge.toml") as here:
        service = here.configuration.service
        assert service.alert_settings is not None
        assert alerting.look(here.db, service, here.configuration.categories, clock.now()) == 1
        with here.db.transaction() as tx:
            ours = service_mail.category_id(tx)
        accounts = Accounts()
        sent = await send_due(
            here.db, ours, service.alert_settings, accounts.of(service.alert_settings)
        )
        await accounts.close()
    assert sent.error is None
    assert sent.outcomes == {DeliveryState.SENT: 1}


def test_the_operator_gets_an_alert(program: Program, relay: Relay, operator: str) -> None:
    asyncio.run(_serve_a_moment(program))

    relay.wait_until_idle()
    [copy] = relay.copies(operator)
    mail = message_from_bytes(copy, policy=policy.default)
    assert mail["Return-Path"] == f"<{operator}@example.org>"
    assert mail["To"] == f"{operator}@example.org"
    assert mail["Subject"] == "[listbridge] general: the mailbox refuses the login"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "der Server sagt: ungültig" in " ".join(mail.get_content().split())
    program.audit()


def test_an_alert_is_seen_in_the_queue(program: Program, operator: str) -> None:
    asyncio.run(_serve_a_moment(program))

    [row] = program.json("queue", "list", "--all")
    assert {key: row[key] for key in ("kind", "post", "category", "recipient", "state")} == {
        "kind": "alert",
        "post": None,
        "category": "(service)",
        "recipient": f"{operator}@example.org",
        "state": "sent",
    }
    [shown] = program.json("queue", "show", row["id"])
    assert shown["kind"] == "alert"
    assert set(program.poll_once()) == {"general"}


def test_what_alerts_stand_under_cannot_be_renamed(program: Program) -> None:
    asyncio.run(_serve_a_moment(program))
    program.write_category("other", category_toml("other"))

    program.run("category", "rename", "(service)", "other", status=2)


def test_poll_once_tells_the_operator_too(
    program: Program,
    dovecot: Dovecot,
    relay: Relay,
    operator: str,
    fresh_name: Callable[[str], str],
) -> None:
    slug = fresh_name("cron")
    dovecot.add_user(slug, "another password")
    program.write_category("general", category_toml(slug, dovecot=dovecot, relay=relay))

    for _ in range(2):
        program.poll_once(status=1)

    relay.wait_until_idle()
    [copy] = relay.copies(operator)
    mail = message_from_bytes(copy, policy=policy.default)
    assert mail["Subject"] == "[listbridge] general: the mailbox refuses the login"
    assert [row["state"] for row in program.json("queue", "list", "--all")] == ["sent"]


def test_poll_once_says_what_keeps_alerts_from_leaving(program: Program) -> None:
    [nobody] = free_ports(1)
    program.write_service(SERVICE.format(to="postmaster@example.org", port=nobody))
    (program.folder / "general.subscribers").unlink()

    done = program.run("poll-once", status=1)

    assert (
        f"listbridge: alerts: the SMTP server 127.0.0.1:{nobody} refuses connections"
        in done.stderr.decode()
    )


def test_all_that_is_wrong_is_one_mail_and_all_that_is_over_another(
    program: Program,
    dovecot: Dovecot,
    relay: Relay,
    operator: str,
    fresh_name: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = timedelta()
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + later)
    [nobody] = free_ports(1)
    names = {sort: fresh_name(sort) for sort in ("dead", "readonly", "shunted", "held", "paused")}
    (program.folder / "categories" / "general.toml").unlink()
    good = {}
    for slug in names.values():
        dovecot.add_user(slug, "secret")
        good[slug] = category_toml(
            slug, dovecot=dovecot, relay=relay, outgoing="max_recipients = 1"
        )
        program.write_category(slug, good[slug], [MEMBER])
    dead, paused = names["dead"], names["paused"]
    program.write_category(dead, good[dead].replace(str(dovecot.imap_port), str(nobody)), [MEMBER])
    program.write_category(paused, good[paused].replace(str(relay.port), str(nobody)), [MEMBER])
    folders = [dovecot.folder / "mail" / names["readonly"] / one for one in ("cur", "new")]
    for folder in folders:
        folder.chmod(0o555)
    parts = b"--b\n\nx\n" * 1100
    head = b"From: ann@example.net\nContent-Type: multipart/mixed; boundary=b\n\n"
    dovecot.deliver(names["shunted"], head + parts)
    dovecot.deliver(names["held"], b"From: eve@example.com\n\nhello\n")
    dovecot.deliver(paused, b"From: ann@example.net\n\nhello\n")

    # The first tells the two that are told at once, the others what has lasted long enough.
    for hours in (0, 0, 0, 0, 5, 5):
        later = timedelta(hours=hours)
        program.poll_once(status=1)
    for slug in names.values():
        program.write_category(slug, good[slug], [MEMBER])
    for folder in folders:
        folder.chmod(0o700)
    for command, sort in (("shunted", "drop"), ("held", "discard")):
        [one] = program.json(command, "list")
        program.run(command, sort, one["id"])
    for hours in (6, 6, 7):
        later = timedelta(hours=hours)
        program.poll_once()

    relay.wait_until_idle()
    mails = [message_from_bytes(one, policy=policy.default) for one in relay.copies(operator)]
    assert [mail["Subject"] for mail in mails] == [
        "[listbridge] alerts: 2 new",
        "[listbridge] alerts: 4 new",
        "[listbridge] alerts: 6 over",
    ]
    told = mails[0].get_content() + mails[1].get_content()
    for title in (
        f"{names['readonly']}: deleted mail does not leave the mailbox",
        f"{names['shunted']}: mail was set aside",
        f"{dead}: the mailbox cannot be reached",
        f"{names['held']}: posts wait for a moderator",
        f"127.0.0.1:{nobody}: the outgoing account cannot be used",
        f"{paused}: mail has not left for hours",
    ):
        assert told.count(title) == 1
        assert mails[2].get_content().count(title) == 1
    program.audit()


def test_status_says_why_an_alert_has_reached_nobody(program: Program, relay: Relay) -> None:
    toml = SERVICE.format(to="nobody@example.org", port=relay.port)
    [port] = free_ports(1)
    program.write_service(toml.replace(str(relay.port), str(port)))
    (program.folder / "general.subscribers").unlink()

    program.poll_once(status=1)
    waiting = program.run("status").stdout.decode()
    program.write_service(toml)
    program.poll_once(status=1)
    refused = program.run("status").stdout.decode()

    assert "The last alert has not reached nobody@example.org, it is pending: " in waiting
    assert f"127.0.0.1:{port} refuses connections" in waiting
    assert "The last alert has not reached nobody@example.org, it is failed: 550" in refused


def test_poll_once_puts_a_paused_account_on_record_and_ends_it(
    program: Program, relay: Relay, operator: str
) -> None:
    [nobody] = free_ports(1)
    toml = category_toml("general", relay=relay)
    program.write_category("general", toml.replace(str(relay.port), str(nobody)), [MEMBER])
    letter = f"From: {MEMBER}\nMessage-ID: <1@example.net>\n\nhello\n".encode()
    program.run("post", "general", "--approve", stdin=letter)

    program.poll_once(status=1)
    [paused] = program.json("status")
    program.write_category("general", toml, [MEMBER])
    program.poll_once()
    [again] = program.json("status")

    assert paused["state"] == "paused"
    assert f"127.0.0.1:{nobody}" in paused["error"]
    assert again["state"] == "active"
