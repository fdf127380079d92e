"""A secret and where it is read from; it is read when needed and shown nowhere."""

import base64
import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from listbridge.errors import SecretError

_COMMAND_TIMEOUT_SECONDS = 30
_BY_HAND = "see what it says when this user runs it by hand"
# Others may look into such a file, or put something else there.
_LOOSE = stat.S_IRWXO | stat.S_IWGRP
# What a container engine mounts here lets everybody in the container read it, and only root change
# it; systemd says itself who may enter its folder.
_MOUNTED = Path("/run/secrets")

_NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class Secret(BaseModel):
    """A literal, or the environment variable, file, command or keyring that holds the secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    literal: SecretStr | None = Field(default=None, exclude=True)
    env: str | None = None
    file: Path | None = None
    command: tuple[str, ...] | None = None
    #: Service and user name, as the `keyring` command takes them.
    keyring: tuple[_NonEmpty, _NonEmpty] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"literal": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = (self.literal, self.env, self.file, self.command, self.keyring)
        if len([one for one in sources if one is not None]) != 1 or self.command == ():
            raise ValueError(
                'write "literal", { env = … }, { file = … }, { command = […] } or { keyring = […] }'
            )
        return self

    def reveal(self) -> str:
        """Return the secret itself; raise `SecretError` saying where it should have been."""
        if self.literal is not None or self.env is not None:
            text, _ = self._read("password")
            return text
        return _first_line(*self._read("password"))

    def reveal_all(self, what: str) -> str:
        """Return a secret of several lines; `what` it is called in a `SecretError`."""
        return self._read(what)[0]

    def _read(self, what: str) -> tuple[str, str]:
        """Return all the text, and where it was."""
        if self.literal is not None:
            return self.literal.get_secret_value(), "the configuration"
        if self.env is not None:
            return _from_environment(self.env, what), f"the environment variable {self.env}"
        if self.file is not None:
            return _from_file(self.file, what), f"the {what} file {self.file}"
        if self.keyring is not None:
            return _from_keyring(*self.keyring)
        return _from_command(self.command or (), what)


def spellings(username: str, password: str) -> frozenset[str]:
    """Return the forms in which a server could repeat a password: plain, quoted, and encoded.

    Of base64 there are what AUTH PLAIN sends (RFC 4616) and what AUTH LOGIN does.
    """
    plain = f"\0{username}\0{password}".encode()
    forms = {password, password.replace("\\", "\\\\").replace('"', '\\"')}
    forms |= {base64.b64encode(raw).decode() for raw in (plain, password.encode())}
    return frozenset(forms | {repr(form)[1:-1] for form in forms}) - {""}


def _from_environment(name: str, what: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SecretError(
            f"the environment variable {name} is not set", cure=f"it should hold a {what}"
        )
    return value


def _from_file(path: Path, what: str) -> str:
    shown = f"the {what} file {path}"
    try:
        # Editors on Windows put a mark in front.
        with path.open(encoding="utf-8-sig") as file:
            _refuse_if_loose(path, os.fstat(file.fileno()).st_mode, shown)
            return file.read()
    except OSError as err:
        raise SecretError(f"{shown} cannot be read: {err.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"{shown} is not UTF-8 text") from None


def _refuse_if_loose(path: Path, mode: int, shown: str) -> None:
    handed_over = [_MOUNTED, Path(os.environ.get("CREDENTIALS_DIRECTORY") or _MOUNTED)]
    if mode & _LOOSE and not any(path.is_relative_to(folder) for folder in handed_over):
        raise SecretError(
            f"{shown} is open to others on this machine, so it is not used",
            cure=f"chmod 600 {shlex.quote(str(path))}",
        )


def _from_keyring(service: str, user: str) -> tuple[str, str]:
    what = f"the keyring's entry for {user!r} at {service!r}"
    try:
        import keyring
    except ImportError:
        raise SecretError(
            f"{what} cannot be read: the keyring library is missing",
            cure="pip install 'listbridge[keyring]'",
        ) from None
    try:
        password = keyring.get_password(service, user)
    except Exception as err:
        # Each desktop's keyring raises errors of its own; none runs for a service without a login.
        raise SecretError(
            f"{what} cannot be read: {type(err).__name__}",
            cure="unlock the keyring, or name another place; a service rather has { file = … }",
        ) from None
    if password is None:
        cure = f"keyring set {shlex.quote(service)} {shlex.quote(user)}"
        raise SecretError(f"{what} is not there", cure=cure)
    return password, what


def _from_command(command: tuple[str, ...], what: str) -> tuple[str, str]:
    shown = f"the {what} command {command[0]!r}"
    try:
        # The command comes from the administrator's own file and runs without a shell.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=_COMMAND_TIMEOUT_SECONDS, check=False
        )
    except OSError as err:
        raise SecretError(f"{shown} cannot be run: {err.strerror}", cure=_BY_HAND) from None
    except subprocess.TimeoutExpired:
        ended = f"did not end within {_COMMAND_TIMEOUT_SECONDS} s"
        raise SecretError(f"{shown} {ended}", cure=_BY_HAND) from None
    if done.returncode != 0:
        ended = f"ended with exit status {done.returncode}"
        raise SecretError(f"{shown} {ended}", cure=_BY_HAND)
    return done.stdout.decode("utf-8", "replace"), shown


def _first_line(text: str, where: str) -> str:
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise SecretError(f"{where} is empty", cure="its first line should be the password")
    return line
