"""Exim as the relay: each of its answers ends a delivery as it should."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers.exim import LOGIN, Exim


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """An installation; afterwards everything in it is in order."""
    program = Program(tmp_path, same_process=True)
    yield program
    program.audit()


def _post(program: Program, toml: str, readers: list[str], raw: bytes) -> None:
    """Have one post wait for these readers."""
    program.write_category("general", toml, [f"{name}@example.org" for name in readers])
    program.poll_once()
    program.run("post", "general", "--approve", stdin=raw)


def _ended(program: Program) -> dict[str, tuple[str, str]]:
    """State and last reply of each delivery, by the name of its recipient."""
    queue: list[dict[str, Any]] = program.json("queue", "list", "--all")
    return {one["recipient"].partition("@")[0]: (one["state"], one["last_reply"]) for one in queue}


def _encrypted(exim: Exim, way: str, password: str = LOGIN[1]) -> str:
    """A category that logs in over TLS, from the beginning or by STARTTLS."""
    login = f'username = "{LOGIN[0]}"\npassword = "{password}"\nca_file = "{exim.ca_file}"'
    toml = category_toml("general", relay=exim, outgoing=f'security = "{way}"\n{login}')
    return toml.replace(f"port = {exim.port}", f"port = {exim.tls_port}") if way == "tls" else toml


def test_each_recipient_keeps_the_answer_he_got(
    program: Program, exim_with: Callable[..., Exim]
) -> None:
    exim = exim_with(rcpt="defer message = 4.7.1 greylisted\n    local_parts = later")
    exim.add_users(["ann", "later"])
    toml = category_toml("general", relay=exim)
    _post(program, toml, ["ann", "later", "stranger"], letter(1))

    line = program.poll_once()["general"]

    ended = _ended(program)
    assert ended["later"] == ("deferred", "451 4.7.1 greylisted")
    assert ended["stranger"] == ("failed", "550 5.1.1 no such user")
    assert ended["ann"][0] == "sent"
    assert (line["sent"], line["deferred"], line["failed"], line["error"]) == (1, 1, 1, None)
    exim.wait_until_idle()
    assert len(exim.copies("ann")) == 1


def test_a_message_above_the_announced_size_is_not_sent(
    program: Program, exim_with: Callable[..., Exim]
) -> None:
    exim = exim_with(main="message_size_limit = 2K")
    exim.add_users(["ann"])
    toml = category_toml("general", relay=exim)
    _post(program, toml, ["ann"], letter(1) + b"a line of text\r\n" * 200)

    line = program.poll_once()["general"]

    state, reply = _ended(program)["ann"]
    assert (state, line["failed"], line["error"]) == ("failed", 1, None)
    assert reply.endswith("takes at most 2048")
    assert exim.copies("ann") == []


def test_a_message_refused_after_its_data_fails_with_the_servers_words(
    program: Program, exim_with: Callable[..., Exim]
) -> None:
    exim = exim_with(main="acl_smtp_data = deny message = 5.7.1 not this content")
    exim.add_users(["ann"])
    _post(program, category_toml("general", relay=exim), ["ann"], letter(1))

    program.poll_once()

    assert _ended(program)["ann"] == ("failed", "550 5.7.1 not this content")


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_mail_goes_out_over_tls_with_a_login(
    program: Program, exim: Exim, fresh_name: Callable[[str], str], way: str
) -> None:
    reader = fresh_name("reader")
    exim.add_users([reader])
    _post(program, _encrypted(exim, way), [reader], letter(1))

    line = program.poll_once()["general"]

    assert (line["sent"], line["error"]) == (1, None)
    exim.wait_until_idle()
    [copy] = exim.copies(reader)
    assert b" with esmtpsa " in copy  # RFC 3848: within TLS and after a login.


def test_a_refused_login_blames_no_subscriber(program: Program, exim: Exim) -> None:
    _post(program, _encrypted(exim, "starttls", "not-the-password"), ["ann"], letter(1))

    line = program.poll_once(status=1)["general"]

    assert "refuses the login" in line["error"]
    assert _ended(program)["ann"][0] == "pending"
    assert (line["deferred"], line["failed"]) == (0, 0)
