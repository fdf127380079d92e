"""A token that is good now: from its file or refreshed, once, and saved before it is used."""

import fcntl
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listbridge.oauth2 import (
    AccessToken,
    OAuth2Settings,
    TokenRefused,
    TokenUnavailable,
    access_token,
    http,
    token_file,
)
from tests.fakes.authorisation_server import (
    AuthorisationServer,
    drips,
    hangs_up_after,
    never_answers,
    says,
    sends,
)

USER = "list@example.org"
Settings = Callable[..., OAuth2Settings]


def test_a_token_with_time_left_is_used_as_it_is(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    given = server.write(file, USER)

    assert access_token(settings(), USER).text == given["access_token"]
    assert server.requests == []


@pytest.mark.parametrize("seconds_left", [-5, 0, 100])
def test_a_token_about_to_end_is_refreshed_before(
    server: AuthorisationServer, settings: Settings, file: Path, seconds_left: int
) -> None:
    given = server.write(file, USER, seconds_left=seconds_left)

    token = access_token(settings(), USER)

    assert token.text != given["access_token"]
    assert server.refreshes == 1
    assert access_token(settings(), USER) == token
    assert server.refreshes == 1


def test_the_rotated_refresh_token_is_on_the_disk(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    for _ in range(3):
        old = server.write(file, USER, seconds_left=0) if not file.exists() else {}
        token = access_token(settings(), USER)
        assert access_token(settings(), USER, refused=token) != token
        assert json.loads(file.read_text())["refresh_token"] != old.get("refresh_token")

    assert server.refreshes == 4


def test_a_refresh_token_that_is_not_rotated_stays(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.rotates = False
    given = server.write(file, USER, seconds_left=0)

    access_token(settings(), USER)

    assert json.loads(file.read_text())["refresh_token"] == given["refresh_token"]


def test_many_threads_refresh_once(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)
    one = settings()

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: access_token(one, USER), range(16)))

    assert len(set(found)) == 1
    assert server.refreshes == 1


def test_many_threads_with_a_refused_token_refresh_once(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    old = AccessToken(server.write(file, USER)["access_token"])
    one = settings()

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: access_token(one, USER, refused=old), range(16)))

    assert len(set(found)) == 1
    assert found[0] != old
    assert server.refreshes == 1


def test_of_many_threads_one_is_told_that_the_consent_has_ended(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)
    server.withdraw(USER)
    one = settings()

    def ask(_: int) -> str:
        with pytest.raises(TokenRefused) as caught:
            access_token(one, USER)
        return str(caught.value)

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(ask, range(8)))

    assert len(set(told)) == 1
    assert "withdrawn" in told[0]
    assert f"`listbridge oauth login {USER}`" in told[0]
    assert server.refreshes < 8


def test_a_refusal_is_noted_and_forgotten_when_it_is_over(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)
    server.instead["/token"] = says(400, {"error": "invalid_grant"})
    with pytest.raises(TokenRefused):
        access_token(settings(), USER)
    noted = token_file.read(file)
    server.instead.clear()

    access_token(settings(), USER)

    assert noted is not None
    assert noted.refused_because is not None
    mended = token_file.read(file)
    assert mended is not None
    assert (mended.refused_because, mended.refused_since) == (None, None)


def test_a_lost_answer_costs_the_consent_and_is_said(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    """With rotation nobody can do better: the new refresh token went with the answer."""
    server.write(file, USER, seconds_left=0)
    server.instead["/token"] = hangs_up_after(1)

    with pytest.raises(TokenUnavailable, match="tried again"):
        access_token(settings(), USER)
    with pytest.raises(TokenRefused, match="oauth login"):
        access_token(settings(), USER)


def test_without_rotation_a_lost_answer_costs_nothing(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.rotates = False
    server.write(file, USER, seconds_left=0)
    server.instead["/token"] = hangs_up_after(1)

    with pytest.raises(TokenUnavailable):
        access_token(settings(), USER)

    assert access_token(settings(), USER)


# What the disk does.


def test_a_new_file_is_for_its_owner_alone(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)

    access_token(settings(), USER)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o602])
def test_a_file_open_to_others_is_refused_with_what_mends_it(
    server: AuthorisationServer, settings: Settings, file: Path, mode: int
) -> None:
    server.write(file, USER)
    file.chmod(mode)

    with pytest.raises(TokenRefused, match=f"chmod 600 {file}"):
        access_token(settings(), USER)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_named(settings: Settings, file: Path, content: bytes) -> None:
    file.touch(0o600)
    file.write_bytes(content)

    with pytest.raises(TokenRefused, match=f"{file} is damaged"):
        access_token(settings(), USER)


def test_a_missing_file_says_what_to_run(settings: Settings) -> None:
    with pytest.raises(TokenRefused, match=f"run `listbridge oauth login {USER}`"):
        access_token(settings(), USER)


def test_a_full_disk_shows_before_the_refresh_token_is_used_up(
    server: AuthorisationServer, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.write(file, USER, seconds_left=0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(TokenUnavailable, match="No space left"):
            access_token(settings(), USER)

    assert server.refreshes == 0
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert access_token(settings(), USER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_leaves_the_file_to_whom_it_belongs(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)
    os.chown(file, 65534, 65534)

    access_token(settings(), USER)

    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_remains_of_a_killed_process_are_removed(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)
    remains = file.with_name(f".{file.name}.1.2")
    remains.touch()
    os.utime(remains, (0, 0))

    access_token(settings(), USER)

    assert not remains.exists()


def test_tokens_for_another_client_are_not_used(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, "somebody@example.org")

    with pytest.raises(TokenRefused, match="another user, client_id or provider"):
        access_token(settings(), USER)

    assert server.requests == []


def test_a_token_from_the_future_is_not_believed(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    """The clock was set back since; how long the token is good for, nobody knows."""
    server.write(file, USER)
    table = json.loads(file.read_text())
    later = datetime.now(UTC) + timedelta(days=2)
    table |= {"refreshed_at": later.isoformat()}
    table |= {"expires_at": (later + timedelta(hours=1)).isoformat()}
    file.write_text(json.dumps(table))

    access_token(settings(), USER)

    assert server.refreshes == 1


# What is left open.


def test_a_missing_client_id_is_named(settings: Settings) -> None:
    with pytest.raises(TokenRefused, match="there is no client_id"):
        access_token(settings(client_id=None), USER)


def test_a_missing_user_name_is_named(settings: Settings) -> None:
    with pytest.raises(TokenRefused, match="needs a user name"):
        access_token(settings(), None)


def test_a_client_secret_that_cannot_be_read_is_said(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)

    with pytest.raises(TokenRefused, match="NO_SUCH is not set"):
        access_token(settings(client_secret={"env": "NO_SUCH"}), USER)


# Client credentials: no person, no file to begin with.


def test_client_credentials_need_no_consent(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    one = settings(flow="client_credentials")

    token = access_token(one, USER)

    assert access_token(one, USER) == token
    assert server.asked("client_credentials") == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert access_token(one, USER, refused=token) != token


def test_many_threads_fetch_a_first_token_once(
    server: AuthorisationServer, settings: Settings
) -> None:
    one = settings(flow="client_credentials")

    with ThreadPoolExecutor(16) as threads:
        found = set(threads.map(lambda _: access_token(one, USER), range(16)))

    assert len(found) == 1
    assert server.asked("client_credentials") == 1


# What authorisation servers do.

_GOOD = {"access_token": "fresh", "token_type": "Bearer", "expires_in": 3600}
_LATER = [
    says(500, b"oops"),
    says(503, {"error": "temporarily_unavailable"}),
    says(429, b""),
    says(200, b"<html>log in to the Wi-Fi first</html>"),
    says(200, b"[]"),
    says(200, b"{}"),
    says(200, b"\xff\xfe"),
    says(200, b"[" * 60_000),
    says(200, b"1" * 60_000),
    says(200, b'{"access_token": "' + b"x" * 100_000 + b'"}'),
    says(302, b"", Location="https://elsewhere.example.org/"),
    says(307, b"", Location="/token2"),
    says(200, {**_GOOD, "access_token": None}),
    says(200, {**_GOOD, "access_token": 7}),
    says(200, {**_GOOD, "access_token": ""}),
    says(200, {**_GOOD, "access_token": "a\r\nb"}),
    says(200, {**_GOOD, "access_token": "a b"}),
    says(200, {**_GOOD, "token_type": "mac"}),
    says(200, {**_GOOD, "token_type": 1}),
    says(200, {**_GOOD, "expires_in": 0}),
    says(200, {**_GOOD, "expires_in": -1}),
    says(400, {"error": ["invalid_grant"]}),
    says(400, b"Bad Request"),
    sends(b""),
    sends(b"220 smtp.example.org\r\n"),
    sends(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
    sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
]


@pytest.mark.parametrize("behaviour", _LATER)
def test_nonsense_is_tried_again_and_costs_nothing(
    server: AuthorisationServer, settings: Settings, file: Path, behaviour: Any
) -> None:
    server.write(file, USER, seconds_left=0)
    server.instead["/token"] = behaviour
    with pytest.raises(TokenUnavailable):
        access_token(settings(), USER)
    server.instead.clear()

    assert access_token(settings(), USER)
    assert not [one for one in server.requests if one.path != "/token"]


@pytest.mark.parametrize("behaviour", [never_answers, drips])
def test_a_server_that_takes_for_ever_is_left(
    server: AuthorisationServer,
    settings: Settings,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Any,
) -> None:
    monkeypatch.setattr(http.post, "__defaults__", (0.4,))
    server.write(file, USER, seconds_left=0)
    server.instead["/token"] = behaviour

    with pytest.raises(TokenUnavailable, match="in time"):
        access_token(settings(), USER)


@pytest.mark.parametrize(
    "expires_in", ["3600", 3600.5, None, "soon", True, [], 10**30, 1e400, {"seconds": 1}]
)
def test_an_odd_lifetime_does_not_matter(
    server: AuthorisationServer, settings: Settings, file: Path, expires_in: object
) -> None:
    server.write(file, USER, seconds_left=0)
    server.lifetime = expires_in

    token = access_token(settings(), USER)

    assert access_token(settings(), USER) == token


@pytest.mark.parametrize(
    "odd", [{"access_token": None}, {"token_type": "mac"}, {"expires_in": 0}, {"access_token": 1}]
)
def test_a_rotated_refresh_token_is_kept_even_if_the_rest_is_nonsense(
    server: AuthorisationServer, settings: Settings, file: Path, odd: dict[str, object]
) -> None:
    server.write(file, USER, seconds_left=0)
    server.more = odd
    with pytest.raises(TokenUnavailable):
        access_token(settings(), USER)
    server.more = {}

    assert access_token(settings(), USER)


def test_a_closed_port_is_tried_again(settings: Settings, file: Path) -> None:
    with AuthorisationServer() as gone:
        gone.write(file, USER, seconds_left=0)
        endpoint = f"{gone.url}/token"

    with pytest.raises(TokenUnavailable, match=r"127\.0\.0\.1 cannot be reached"):
        access_token(settings(token_endpoint=endpoint), USER)


def test_no_error_repeats_a_secret(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)

    def echoes(handler: Any, fields: dict[str, str]) -> None:
        words = f"bad: {fields['refresh_token']} {fields['client_secret']}"
        handler.say(400, json.dumps({"error": "x", "error_description": words}).encode())

    server.instead["/token"] = echoes
    with pytest.raises(TokenRefused) as caught:
        access_token(settings(), USER)

    table = json.loads(file.read_text())
    for secret in (table["refresh_token"], table["access_token"], "our-client-secret"):
        assert secret not in str(caught.value)
        assert secret not in table["refused_because"]


def test_no_repr_shows_a_token(server: AuthorisationServer, file: Path) -> None:
    given = server.write(file, USER)

    found = token_file.read(file)

    shown = f"{found!r} {AccessToken(given['access_token'])!r}"
    assert given["access_token"] not in shown
    assert given["refresh_token"] not in shown


def test_a_lock_on_a_file_that_was_replaced_is_no_lock(
    server: AuthorisationServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, another process has put a new file there and locked that."""
    server.write(file, USER)
    lock = fcntl.flock
    others: list[int] = []

    def late(descriptor: int, how: int) -> None:
        if not others:
            new = file.with_name("new")
            new.touch(0o600)
            others.append(os.open(new, os.O_RDONLY))
            lock(others[0], fcntl.LOCK_EX)
            new.replace(file)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)

    with pytest.raises(TokenUnavailable, match="still refreshing"), token_file.locked(file, 0.1):
        pass
    os.close(others[0])


def test_an_answer_without_end_is_not_read(
    server: AuthorisationServer, settings: Settings, file: Path
) -> None:
    server.write(file, USER, seconds_left=0)
    server.instead["/token"] = says(200, json.dumps(_GOOD).encode() + b" " * http.LARGEST_ANSWER)

    with pytest.raises(TokenUnavailable, match="sent more than 65536 bytes"):
        access_token(settings(), USER)
