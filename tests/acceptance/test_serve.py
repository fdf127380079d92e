"""`serve`: mail goes round by itself, files are read again, and it ends as it is told to."""

import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.letters import body_of, letter
from tests.program import Program, category_toml
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace
from tests.servers.process import free_ports, wait_until

SECONDS = 60
OFTEN = 'poll_every = "1s"\n[posting]\nnon_members = "accept"'
SELDOM = 'poll_every = "1h"\n[posting]\nnon_members = "accept"'


@dataclass
class Club:
    """An installation whose categories have mailboxes and readers on real servers."""

    program: Program
    dovecot: Dovecot
    relay: Relay
    fresh_name: Callable[[str], str]

    def prepare(self, readers: int = 1) -> tuple[str, list[str]]:
        """Make a mailbox and readers; to be done before a service connects to the relay."""
        slug = self.fresh_name("list")
        names = [self.fresh_name("reader") for _ in range(readers)]
        self.relay.add_users(names)
        self.dovecot.add_user(slug, "secret")
        return slug, names

    def add(self, *, more: str = OFTEN, outgoing: str = "") -> tuple[str, list[str]]:
        """Make a category; return its slug and its readers."""
        slug, names = self.prepare()
        self.write(slug, names, more=more, outgoing=outgoing)
        return slug, names

    def write(
        self, slug: str, readers: list[str], *, more: str = OFTEN, outgoing: str = ""
    ) -> None:
        """Write the category's files."""
        toml = category_toml(
            slug, dovecot=self.dovecot, relay=self.relay, more=more, outgoing=outgoing
        )
        self.program.write_category(slug, toml, [f"{name}@example.org" for name in readers])

    def wait_for_copies(self, reader: str, number: int = 1) -> None:
        """Wait until so many copies lie in the reader's mailbox, and no more."""
        wait_until(lambda: len(self.relay.copies(reader)) >= number, f"{number} copies", SECONDS)
        assert len(self.relay.copies(reader)) == number


@pytest.fixture
def club(tmp_path: Path, dovecot: Dovecot, relay: Relay, fresh_name: Callable[[str], str]) -> Club:
    return Club(Program(tmp_path), dovecot, relay, fresh_name)


def test_mail_goes_round_until_it_is_told_to_stop(club: Club) -> None:
    slugs = [club.add() for _ in range(3)]
    with club.program.serving() as service:
        for number in range(3):
            for slug, readers in slugs:
                club.dovecot.deliver(slug, letter(number, run=slug))
                club.wait_for_copies(readers[0], number + 1)
        assert service.stop() == 0

    assert all(club.dovecot.messages(slug) == [] for slug, _ in slugs)
    club.program.audit()


def test_what_came_before_the_start_is_taken_at_once_however_seldom_it_polls(club: Club) -> None:
    slug, [reader] = club.add(more=SELDOM)
    club.dovecot.deliver(slug, letter(1, run=slug))
    with club.program.serving() as service:
        club.wait_for_copies(reader)
        assert service.stop() == 0


def test_new_mail_is_taken_when_the_server_tells_of_it_however_seldom_it_polls(club: Club) -> None:
    slug, [reader] = club.add(more=SELDOM)
    with club.program.serving() as service:
        for number in range(1, 4):
            club.dovecot.deliver(slug, letter(number, run=slug))
            club.wait_for_copies(reader, number)
        assert service.stop() == 0
    club.program.audit()


def test_health_and_metrics_are_there_for_those_who_ask(club: Club) -> None:
    [port] = free_ports(1)
    club.program.write_service(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    slug, [reader] = club.add()

    def ask(path: str) -> str:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    with club.program.serving() as service:
        assert ask("/healthz") == "alive\n"
        assert json.loads(ask("/readyz")) == {"ready": True, "reasons": []}
        club.dovecot.deliver(slug, letter(1, run=slug))
        club.wait_for_copies(reader)
        sent = f'listbridge_delivery_attempts_total{{category="{slug}",outcome="sent"}} 1.0'
        wait_until(lambda: sent in ask("/metrics"), sent, SECONDS)
        posted = f'listbridge_messages_decided_total{{category="{slug}",decision="posts"}} 1.0'
        wait_until(lambda: posted in ask("/metrics"), posted, SECONDS)
        assert service.stop() == 0


def test_a_port_that_is_taken_keeps_no_mail_from_moving(club: Club) -> None:
    slug, [reader] = club.add()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        club.program.write_service(f'[web]\nlisten = "127.0.0.1:{port}"\n')
        with club.program.serving() as service:
            assert str(port) in service.wait_for("web.failed")["error"]
            club.dovecot.deliver(slug, letter(1, run=slug))
            club.wait_for_copies(reader)
            assert service.stop() == 0
        done = club.program.run("serve", "--only", "web", status=1)
        assert str(port).encode() in done.stderr


def test_the_operator_hears_of_a_mailbox_that_refuses_the_login(club: Club) -> None:
    slug, [operator] = club.prepare()
    club.program.write_service(
        f"""
        [alerts]
        to = ["{operator}@example.org"]
        mail_session = "ours"
        [mail_sessions.ours.outgoing]
        host = "127.0.0.1"
        port = {club.relay.port}
        security = "none"
        """
    )
    wrong = category_toml(slug, dovecot=club.dovecot, relay=club.relay, more=OFTEN)
    club.program.write_category(slug, wrong.replace('"secret"', '"wrong"'))
    with club.program.serving() as service:
        service.wait_for("poll.failed")
        service.reload()
        club.wait_for_copies(operator)
        assert service.stop() == 0
    [alert] = club.relay.copies(operator)
    assert slug.encode() in alert
    assert b"wrong" not in alert
    club.program.audit()


def test_what_becomes_due_through_another_command_is_sent(club: Club) -> None:
    slug, [reader] = club.add(more='poll_every = "1h"\n[posting]\nnon_members = "hold"')
    club.dovecot.deliver(slug, letter(1, run=slug))
    with club.program.serving() as service:
        wait_until(lambda: club.program.json("held", "list") != [], "a held post", SECONDS)
        [held] = club.program.json("held", "list")
        club.program.run("held", "approve", held["id"])
        club.wait_for_copies(reader)
        assert service.stop() == 0
    club.program.audit()


def test_a_reload_takes_new_changed_and_vanished_categories(club: Club) -> None:
    gone, gone_readers = club.add()
    changed, [reader, second] = club.prepare(readers=2)
    club.write(changed, [reader], more=SELDOM)
    new, [new_reader] = club.prepare()
    program = club.program
    with program.serving() as service:
        club.dovecot.deliver(gone, letter(1, run=gone))
        club.wait_for_copies(gone_readers[0])

        (program.folder / "categories" / f"{gone}.toml").unlink()
        club.write(new, [new_reader])
        club.write(changed, [reader, second], more=OFTEN)
        club.dovecot.deliver(gone, letter(2, run=gone))
        service.reload()
        club.dovecot.deliver(new, letter(1, run=new))
        club.dovecot.deliver(changed, letter(1, run=changed))
        club.wait_for_copies(new_reader)
        club.wait_for_copies(second)
        club.wait_for_copies(reader)

        assert len(club.dovecot.messages(gone)) == 1
        told = service.wait_for("configuration.reloaded")
        assert (told["new"], told["gone"]) == ([new], [gone])
        assert service.stop() == 0
    program.audit()


def test_a_broken_file_keeps_its_last_good_version_and_says_so(club: Club) -> None:
    slug, [reader] = club.add()
    file = club.program.folder / "categories" / f"{slug}.toml"
    with club.program.serving() as service:
        file.write_text(file.read_text().replace("[incoming]", "colour = 1\n[incoming]"))
        service.reload()
        told = service.wait_for("configuration.broken")
        assert told["category"] == slug
        assert "colour" in told["error"]
        club.dovecot.deliver(slug, letter(1, run=slug))
        club.wait_for_copies(reader)
        assert service.stop() == 0


def test_a_broken_service_file_changes_nothing(club: Club) -> None:
    slug, [reader] = club.add()
    with club.program.serving() as service:
        club.program.write_service('database = "sqlite:///listbridge.db"\ncolour = 1\n')
        service.reload()
        assert "colour" in service.wait_for("configuration.refused")["error"]
        club.dovecot.deliver(slug, letter(1, run=slug))
        club.wait_for_copies(reader)
        assert service.stop() == 0


def test_it_reloads_by_itself_when_it_is_to_watch_the_files(club: Club) -> None:
    with club.program.serving("--watch") as service:
        slug, [reader] = club.add()
        service.wait_for("configuration.reloaded")
        club.dovecot.deliver(slug, letter(1, run=slug))
        club.wait_for_copies(reader)
        assert service.stop() == 0


def test_an_account_that_refuses_the_login_pauses_and_goes_on_when_that_is_mended(
    club: Club,
) -> None:
    wrong = 'username = "nobody"\npassword = "wrong"'
    slug, [reader] = club.add(outgoing=wrong)
    club.dovecot.deliver(slug, letter(1, run=slug))
    with club.program.serving() as service:
        assert "nobody" in service.wait_for("account.paused")["account"]
        club.write(slug, [reader])
        service.reload()
        club.wait_for_copies(reader)
        assert service.stop() == 0
    [delivery] = club.program.json("queue", "list", "--all")
    assert (delivery["state"], delivery["attempts"]) == ("sent", 1)
    club.program.audit()


def test_two_processes_share_the_parts(club: Club) -> None:
    slug, [reader] = club.add()
    with (
        club.program.serving("--only", "poll") as polls,
        club.program.serving("--only", "send") as sends,
    ):
        club.dovecot.deliver(slug, letter(1, run=slug))
        club.wait_for_copies(reader)
        assert polls.stop() == 0
        assert sends.stop() == 0
    club.program.audit()


def test_told_twice_it_ends_at_once_whatever_it_is_doing(club: Club) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        mailbox = f'host = "127.0.0.1"\nport = {port}\nsecurity = "none"\npassword = "secret"'
        club.program.write_category("a", f'address = "a@example.org"\n[incoming]\n{mailbox}\n')
        with club.program.serving() as service:
            silence, _ = server.accept()  # a pass now hangs for a minute
            with silence:
                service.process.terminate()
                service.wait_for("service.draining")
                service.process.terminate()
                assert service.process.wait(10) == 1
    club.program.audit()


def test_what_is_leaving_leaves_and_the_rest_stays_on_record(
    club: Club, relay_with: Callable[[str], Relay]
) -> None:
    club.relay = relay_with("smtpd_end_of_data_restrictions = sleep 1")
    slug, readers = club.prepare(readers=10)
    club.write(slug, readers, outgoing='max_connections = 1\nmax_recipients = 1\nchunking = "off"')
    club.dovecot.deliver(slug, letter(1, run=slug))

    def states() -> Counter[str]:
        return Counter(x["state"] for x in club.program.json("queue", "list", "--all"))

    with club.program.serving() as service:
        service.wait_for("delivery.sent")  # the others leave meanwhile, one a second
        assert service.stop() == 0
        assert service.wait_for("service.stopped")["drained"]
    left = states()
    assert left["sent"] >= 1
    assert left.keys() == {"sent", "pending"}

    with club.program.serving() as service:
        wait_until(lambda: states() == {"sent": 10}, "all of it", SECONDS)
        assert service.stop() == 0
    club.relay.wait_until_idle()
    assert [len(club.relay.copies(reader)) for reader in readers] == [1] * 10
    club.program.audit()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database", ["sqlite", "postgres_url"])
def test_two_services_and_three_rounds_at_once_do_nothing_twice(
    club: Club, database: str, request: pytest.FixtureRequest
) -> None:
    lists = [club.add() for _ in range(4)]
    program = club.program
    if database == "postgres_url":
        program.write_service(f'database = "{request.getfixturevalue(database)}"\n')
    with program.serving() as one, program.serving() as other:
        for number in range(6):
            for slug, _ in lists:
                club.dovecot.deliver(slug, letter(number, run=slug))
            rounds = [
                subprocess.Popen(
                    program.command("poll-once"),
                    cwd=program.folder,
                    env=program.full_environment(),
                    stdout=subprocess.DEVNULL,
                )
                for _ in range(3)
            ]
            assert [one_round.wait(60) for one_round in rounds] == [0, 0, 0]
        for slug, _ in lists:
            wait_until(lambda: club.dovecot.messages(slug) == [], f"{slug} is empty", SECONDS)  # noqa: B023
        wait_until(lambda: program.json("queue", "list") == [], "all is sent", SECONDS)
        assert (one.stop(), other.stop()) == (0, 0)
    club.relay.wait_until_idle()
    for slug, [reader] in lists:
        bodies = sorted(body_of(split_trace(copy)[1]) for copy in club.relay.copies(reader))
        assert bodies == sorted(body_of(letter(number, run=slug)) for number in range(6))
    program.audit()


def test_the_mailbox_of_a_killed_service_is_polled_at_once_by_the_next(club: Club) -> None:
    slug, [reader] = club.add()
    with club.program.serving() as service:
        club.dovecot.deliver(slug, letter(1, run=slug))
        service.process.kill()
        service.process.wait()
    with club.program.serving() as service:
        club.wait_for_copies(reader)
        assert service.stop() == 0
    club.program.audit()


def test_systemd_hears_that_it_is_ready_alive_reloading_and_stopping(
    club: Club, tmp_path: Path
) -> None:
    address = str(tmp_path / "notify")
    club.program.environment |= {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(30)
        heard: list[str] = []

        def wait_for(line: str) -> None:
            while line not in heard:
                heard.extend(systemd.recv(4096).decode().splitlines())

        with club.program.serving() as service:
            wait_for("READY=1")
            heard.clear()
            wait_for("WATCHDOG=1")
            service.process.send_signal(signal.SIGHUP)
            wait_for("RELOADING=1")
            wait_for("READY=1")
            service.process.terminate()
            wait_for("STOPPING=1")
            assert service.process.wait(30) == 0


def test_a_service_file_that_is_wrong_ends_it_with_status_2(club: Club) -> None:
    club.program.write_service("colour = 1\n")
    done = club.program.run("serve", status=2)
    assert b"colour" in done.stderr


@pytest.mark.timeout(180)
def test_the_procfile_runs_all_of_it(club: Club) -> None:
    [port] = free_ports(1)
    club.program.write_service(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    slug, [reader] = club.add()
    root = Path(__file__).parents[2]
    service_file = str(club.program.folder / "listbridge.toml")
    honcho = subprocess.Popen(
        [sys.executable, "-m", "honcho", "--app-root", str(root), "start"],
        cwd=root,
        env=club.program.full_environment() | {"LISTBRIDGE_CONFIG": service_file},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        club.dovecot.deliver(slug, letter(1, run=slug))
        club.wait_for_copies(reader)
    finally:
        honcho.terminate()
        honcho.wait(60)
    club.program.audit()
