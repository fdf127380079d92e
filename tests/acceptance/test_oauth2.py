"""The whole program with accounts that want access tokens: consent, rounds, several processes."""

import json
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.fakes.authorisation_server import AuthorisationServer, says
from tests.letters import letter
from tests.program import Program
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay
from tests.servers.process import wait_until

# Both are tried with the same servers in tests/integration.
pytestmark = pytest.mark.parametrize("token_dovecot", ["xoauth2"], indirect=True, scope="session")

FreshName = Callable[[str], str]


class Setup:
    """A list whose two halves are one account, and its one reader."""

    def __init__(
        self,
        program: Program,
        dovecot: Dovecot,
        relay: Relay,
        authorisation: AuthorisationServer,
        fresh_name: FreshName,
    ) -> None:
        self.program, self.dovecot, self.relay = program, dovecot, relay
        self.authorisation = authorisation
        # One reader for all tests: to make a new one known to Postfix takes a second.
        self.user, self.reader = fresh_name("choir"), "reader"
        dovecot.add_user(self.user, "nobody knows it")
        relay.add_users([self.reader])
        self.had = len(relay.copies(self.reader))
        self.write()

    def write(self, protocol: str = "imap", incoming: str = "", **oauth2: object) -> None:
        """Write the category's file."""
        login = f'username = "{self.user}"\n{self.authorisation.toml(**oauth2)}\n'
        port = self.dovecot.imap_port if protocol == "imap" else self.dovecot.pop3_port
        self.program.write_category(
            "choir",
            'address = "choir@example.org"\n[posting]\nnon_members = "accept"\n'
            '[subscribers]\nfile = "choir.subscribers"\n'
            f'[incoming]\nprotocol = "{protocol}"\nhost = "127.0.0.1"\nport = {port}\n'
            f'security = "none"\n{incoming}\n{login}'
            f'[outgoing]\nhost = "127.0.0.1"\nport = {self.relay.port}\nsecurity = "none"\n{login}',
            [f"{self.reader}@example.org"],
        )

    @property
    def token_file(self) -> Path:
        return self.program.folder / "tokens" / f"127.0.0.1-{self.user}.json"

    def arrive(self, number: int) -> None:
        self.dovecot.deliver(self.user, letter(number))

    def consent(self, seconds_left: float = 3600) -> None:
        self.authorisation.write(self.token_file, self.user, seconds_left=seconds_left)

    def copies(self) -> int:
        self.relay.wait_until_idle()
        return len(self.relay.copies(self.reader)) - self.had


@pytest.fixture
def setup(
    tmp_path: Path,
    token_dovecot: Dovecot,
    token_relay: Relay,
    authorisation: AuthorisationServer,
    fresh_name: FreshName,
) -> Setup:
    return Setup(
        Program(tmp_path, same_process=True), token_dovecot, token_relay, authorisation, fresh_name
    )


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_round_reads_and_sends_with_one_refresh_for_both_halves(
    setup: Setup, protocol: str
) -> None:
    setup.write(protocol)
    setup.consent(seconds_left=0)
    setup.arrive(1)

    line = setup.program.poll_once()["choir"]

    assert (line["error"], line["posts"], line["sent"]) == (None, 1, 1)
    assert setup.copies() == 1
    assert setup.authorisation.refreshes == 1
    setup.program.audit()


def test_a_token_that_ends_during_a_run_is_renewed(setup: Setup) -> None:
    """`serve` with tokens good for two seconds each, and letters for longer than that."""
    setup.authorisation.lifetime = 2
    setup.write(incoming="idle = false")
    category = setup.program.folder / "categories" / "choir.toml"
    category.write_text('poll_every = "1s"\n' + category.read_text())
    setup.consent(seconds_left=0)

    with setup.program.serving() as service:
        for number in range(1, 4):
            before = setup.authorisation.refreshes
            setup.arrive(number)
            wait_until(lambda n=number: setup.copies() == n, f"copy {number}", 30)  # type: ignore[misc]
            wait_until(lambda b=before: setup.authorisation.refreshes > b, "a new token", 30)  # type: ignore[misc]
        assert service.events("oauth.refused") == []
        assert service.events("account.paused") == []
        assert service.stop() == 0

    assert setup.authorisation.refreshes >= 3
    setup.program.audit()


def test_a_watch_outlives_its_token(setup: Setup) -> None:
    """A connection that stands needs no new token: mail is still told of, by IDLE alone."""
    setup.authorisation.lifetime = 2
    category = setup.program.folder / "categories" / "choir.toml"
    category.write_text('poll_every = "1h"\n' + category.read_text())
    setup.consent(seconds_left=0)

    with setup.program.serving() as service:
        setup.arrive(1)
        wait_until(lambda: setup.copies() == 1, "the first copy", 30)
        ended = time.time() + 2.5
        wait_until(lambda: time.time() > ended, "the end of the first token", 10)
        setup.arrive(2)
        wait_until(lambda: setup.copies() == 2, "the second copy", 30)
        assert service.stop() == 0

    setup.program.audit()


def test_several_processes_refresh_once(setup: Setup) -> None:
    setup.program.same_process = False
    setup.consent(seconds_left=0)
    setup.arrive(1)

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: setup.program.run("poll-once", status=None), range(4)))

    assert [one.returncode for one in done] == [0, 0, 0, 0]
    assert setup.authorisation.refreshes == 1
    assert setup.copies() == 1
    setup.program.audit()


def test_a_withdrawn_consent_is_an_error_until_there_is_a_new_one(setup: Setup) -> None:
    setup.consent(seconds_left=0)
    setup.authorisation.withdraw(setup.user)
    setup.arrive(1)

    refused = setup.program.poll_once(status=1)["choir"]
    [shown] = setup.program.json("oauth", "status")
    setup.authorisation.user = setup.user
    setup.program.run("oauth", "login", "choir")
    line = setup.program.poll_once()["choir"]

    assert "the consent has been withdrawn" in refused["error"]
    assert f"`listbridge oauth login {setup.user}`" in refused["error"]
    assert "withdrawn" in shown["problem"]
    assert (line["error"], line["sent"]) == (None, 1)
    assert setup.copies() == 1
    setup.program.audit()


def test_an_authorisation_server_that_is_down_is_no_refused_login(setup: Setup) -> None:
    setup.consent(seconds_left=0)
    setup.authorisation.instead["/token"] = says(503, b"down")

    line = setup.program.poll_once(status=1)["choir"]
    [state] = setup.program.json("status")

    assert "is tried again" in line["error"]
    assert "oauth login" not in line["error"]
    assert state["state"] == "failing"


def test_a_code_on_another_device_gives_the_consent(setup: Setup) -> None:
    setup.authorisation.user = setup.user
    setup.authorisation.pending = ["authorization_pending"]

    done = setup.program.run("oauth", "login", "choir", "--json")

    told = done.stderr.decode()
    assert "https://login.example.org/device" in told
    assert "ABCD-EFGH" in told
    row = json.loads(done.stdout)
    assert (row["account"], row["problem"], row["flow"]) == (setup.user, None, "device")
    assert stat.S_IMODE(setup.token_file.stat().st_mode) == 0o600
    setup.arrive(1)
    assert setup.program.poll_once()["choir"]["sent"] == 1
    _shows_no_token(setup)


def test_a_browser_that_comes_back_gives_the_consent(setup: Setup, tmp_path: Path) -> None:
    setup.authorisation.user = setup.user
    setup.write(flow="browser")
    note = tmp_path / "address"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {note}.new && mv {note}.new {note}\n')
    browser.chmod(0o755)
    setup.program.environment["BROWSER"] = str(browser)

    def answer() -> None:
        wait_until(note.exists, "the browser was opened", 30)
        back = setup.authorisation.visit(note.read_text())
        # A page that is not the answer, as browsers ask for by themselves, does no harm.
        assert _fetched(back.split("?")[0] + "favicon.ico") == 404
        assert _fetched(back.replace("state=", "state=x")) == 404
        assert _fetched(back) == 200

    person = threading.Thread(target=answer)
    person.start()
    setup.program.run("oauth", "login", "choir")
    person.join(30)

    [row] = setup.program.json("oauth", "status")
    assert row["problem"] is None
    _shows_no_token(setup)


def test_without_a_browser_the_address_is_pasted(setup: Setup) -> None:
    setup.authorisation.user = setup.user
    setup.write(flow="browser")
    process = subprocess.Popen(
        setup.program.command("oauth", "login", "choir", "--no-browser"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=setup.program.full_environment(),
        cwd=setup.program.folder,
    )
    assert process.stderr is not None
    url = next(line for line in process.stderr if line.startswith("http"))

    stdout, stderr = process.communicate(setup.authorisation.visit(url.strip()) + "\n", timeout=60)

    assert process.returncode == 0, stderr
    assert setup.user in stdout


def test_a_consent_that_is_refused_is_said(setup: Setup) -> None:
    setup.authorisation.pending = ["access_denied"]

    done = setup.program.run("oauth", "login", "choir", status=1)

    assert b"was refused" in done.stderr
    assert not setup.token_file.exists()


def test_check_names_a_withdrawn_consent_though_the_token_is_still_good(setup: Setup) -> None:
    setup.consent(seconds_left=3000)
    setup.authorisation.withdraw(setup.user)

    found = {one["what"]: one for one in setup.program.json("check", "choir", status=1)}

    assert not found["incoming token"]["ok"]
    assert "withdrawn" in found["incoming token"]["seen"]
    assert found["incoming token"]["cure"] == f"run `listbridge oauth login {setup.user}`"
    assert "incoming login" not in found


def test_check_renews_what_two_halves_share_once(setup: Setup) -> None:
    setup.consent(seconds_left=3000)

    found = {one["what"]: one for one in setup.program.json("check", "choir", status=None)}

    assert setup.authorisation.refreshes == 1
    for what in ("incoming token", "incoming login", "outgoing token", "outgoing login"):
        assert found[what]["ok"], found[what]
    assert "good until" in found["incoming token"]["seen"]


def test_check_offline_asks_no_server(setup: Setup) -> None:
    setup.consent(seconds_left=3000)

    found = {one["what"]: one for one in setup.program.json("check", "--offline", status=None)}

    assert found["incoming token"]["ok"]
    assert setup.authorisation.requests == []


def _shows_no_token(setup: Setup) -> None:
    table = json.loads(setup.token_file.read_text())
    for output in setup.program.outputs:
        assert table["access_token"].encode() not in output
        assert table["refresh_token"].encode() not in output
        assert b"our-client-secret" not in output


def _fetched(url: str) -> int:
    """Return the status that a browser gets."""
    try:
        with urlopen(url, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as err:
        err.close()
        return err.code
