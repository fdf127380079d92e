"""A secret and where it is read from; it is read when needed and shown nowhere."""

import base64
import os
import subprocess
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from listbridge.errors import SecretError

_COMMAND_TIMEOUT_SECONDS = 30


class Secret(BaseModel):
    """A literal, or the environment variable, file or command that holds the secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    literal: SecretStr | None = Field(default=None, exclude=True)
    env: str | None = None
    file: Path | None = None
    command: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"literal": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [x for x in (self.literal, self.env, self.file, self.command) if x is not None]
        if len(given) != 1 or self.command == ():
            raise ValueError('write "literal", { env = … }, { file = … } or { command = […] }')
        return self

    def reveal(self) -> str:
        """Return the secret itself; raise `SecretError` saying where it should have been."""
        if self.literal is not None:
            return self.literal.get_secret_value()
        if self.env is not None:
            return _from_environment(self.env)
        if self.file is not None:
            return _from_file(self.file)
        return _from_command(self.command or ())


def spellings(username: str, password: str) -> frozenset[str]:
    """Return the forms in which a server could repeat a password: plain, quoted, and encoded.

    Of base64 there are what AUTH PLAIN sends (RFC 4616) and what AUTH LOGIN does.
    """
    plain = f"\0{username}\0{password}".encode()
    forms = {password, password.replace("\\", "\\\\").replace('"', '\\"')}
    forms |= {base64.b64encode(raw).decode() for raw in (plain, password.encode())}
    return frozenset(forms | {repr(form)[1:-1] for form in forms}) - {""}


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SecretError(
            f"the environment variable {name} is not set", cure="it should hold a password"
        )
    return value


def _from_file(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise SecretError(f"the password file {path} cannot be read: {err.strerror}") from None
    except UnicodeDecodeError:
        raise SecretError(f"the password file {path} is not UTF-8 text") from None
    return _first_line(text, f"the password file {path}")


def _from_command(command: tuple[str, ...]) -> str:
    shown = f"the password command {command[0]!r}"
    try:
        # The command comes from the administrator's own file and runs without a shell.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=_COMMAND_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise SecretError(f"{shown} could not be run: {type(err).__name__}") from None
    if done.returncode != 0:
        raise SecretError(f"{shown} ended with exit status {done.returncode}")
    return _first_line(done.stdout.decode("utf-8", "replace"), shown)


def _first_line(text: str, where: str) -> str:
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise SecretError(f"{where} is empty", cure="its first line should be the password")
    return line
