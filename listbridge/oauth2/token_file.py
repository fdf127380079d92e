"""Where one account's tokens are kept: for its owner alone, replaced as a whole, locked to refresh.

The lock (flock) is on the file itself. Whoever gets it looks whether another one lies there by
then: the process before has replaced it, and what it brought is used. So one refresh serves all.
"""

import contextlib
import fcntl
import glob
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from listbridge.oauth2.errors import OAuth2Error, TokenRefused, TokenUnavailable

# As much as one answer can bring, twice over.
_LARGEST = 256 * 1024
_LOOK_AGAIN_SECONDS = 0.05
_LONG_AGO_SECONDS = 3600.0


class Tokens(BaseModel):
    """What the authorisation server gave, and to whom."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    # To whom it was given: of use to nobody else.
    username: str
    client_id: str
    token_endpoint: str

    access_token: str | None = Field(default=None, repr=False)
    expires_at: AwareDatetime
    refreshed_at: AwareDatetime  #: when the access token came
    refresh_token: str | None = Field(default=None, repr=False)
    granted_at: AwareDatetime | None = None  #: when a person allowed it
    granted_by: str | None = None  #: as whom
    consent_ends: AwareDatetime | None = None  #: where the server tells
    #: Why the last refresh was refused, and since when: until a person has done something.
    refused_because: str | None = None
    refused_since: AwareDatetime | None = None
    refused_at: AwareDatetime | None = None  #: the last time

    def secrets(self) -> list[str]:
        """Return what must not be quoted."""
        return [one for one in (self.access_token, self.refresh_token) if one]

    def refused(self, why: str, now: datetime) -> Self:
        """Return these with a note that they could not be refreshed."""
        since = self.refused_since or now
        changed = {"refused_because": why, "refused_since": since, "refused_at": now}
        return self.model_copy(update=changed)


def read(path: Path) -> Tokens | None:
    """Return what the file holds, None if there is none; raise `TokenRefused` if it is no use."""
    with _opened(path) as descriptor:
        return None if descriptor is None else _read(path, descriptor)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Hold the file's lock, waiting so long for it; one that is not there cannot be held.

    Raises `TokenUnavailable` if another keeps the lock.
    """
    give_up = time.monotonic() + seconds
    while True:
        with _opened(path) as descriptor:
            if descriptor is not None:
                _lock(path, descriptor, give_up)
            if descriptor is None or _is_still_there(path, descriptor):
                yield
                return


class Writer:
    """A file in the making, in the place of which nothing has been touched yet.

    Room for the largest content is made at the beginning, so that a full disk or a folder that may
    not be written shows before a refresh token is used up.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        self._done = False

    def __enter__(self) -> Self:
        with self._explained():
            _make_folder(self._path.parent)
            self._remove_remains()
            owner = _owner(self._path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._new, flags, 0o600)
            try:
                if os.geteuid() == 0:
                    # The service may be another user, and must not be locked out by one command.
                    os.fchown(self._descriptor, *owner)
                os.posix_fallocate(self._descriptor, 0, _LARGEST)
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if not self._done:
            with contextlib.suppress(OSError):
                self._new.unlink()

    def replace(self, tokens: Tokens) -> None:
        """Put these in the place of what was there, on the disk before this returns."""
        with self._explained():
            self._fill(tokens)
            self._new.replace(self._path)
            self._done = True
            _sync_folder(self._path.parent)

    def put_unless_there(self, tokens: Tokens) -> None:
        """Put these there, unless another process was quicker."""
        with self._explained():
            self._fill(tokens)
            with contextlib.suppress(FileExistsError):
                os.link(self._new, self._path)

    def _fill(self, tokens: Tokens) -> None:
        octets = tokens.model_dump_json(indent=2, exclude_none=True).encode()
        written = 0
        while written < len(octets):
            written += os.pwrite(self._descriptor, octets[written:], written)
        os.ftruncate(self._descriptor, len(octets))
        os.fsync(self._descriptor)

    def _remove_remains(self) -> None:
        """Remove what processes left here that were killed long ago."""
        for one in self._path.parent.glob(f".{glob.escape(self._path.name)}.*"):
            with contextlib.suppress(FileNotFoundError):
                if one.stat().st_mtime < time.time() - _LONG_AGO_SECONDS:
                    one.unlink()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise TokenUnavailable(
                f"the token file {self._path} cannot be written: {err.strerror}",
                cure="name a token_file that the service may replace, in a folder it may write",
            ) from None


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        # Not to hang on a FIFO that somebody put there.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        yield None
        return
    except OSError as err:
        raise _unreadable(path, err) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(path: Path, descriptor: int) -> Tokens:
    found = os.fstat(descriptor)
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise TokenRefused(
            f"the token file {path} is open to other users of this machine",
            cure=f"close it with `chmod 600 {path}`; if it was so for long, consent anew",
        )
    try:
        octets = os.pread(descriptor, _LARGEST, 0)
        return Tokens.model_validate_json(octets)
    except OSError as err:
        raise _unreadable(path, err) from None
    except (ValidationError, RecursionError):
        raise TokenRefused(
            f"the token file {path} is damaged", cure="delete it, and consent anew"
        ) from None


def _unreadable(path: Path, err: OSError) -> OAuth2Error:
    return TokenRefused(
        f"the token file {path} cannot be read: {err.strerror}",
        cure="run `listbridge oauth login` as the user that the service runs as",
    )


def _lock(path: Path, descriptor: int, give_up: float) -> None:
    """Wait for the lock; it belongs to one opening of the file, so threads exclude each other."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise TokenUnavailable(
                    f"another process is still refreshing {path}", cure="it is tried again"
                ) from None
            time.sleep(_LOOK_AGAIN_SECONDS)
        except OSError as err:
            raise TokenUnavailable(f"{path} cannot be locked: {err.strerror}") from None
        else:
            return


def _is_still_there(path: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    owner = _owner(folder)
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, *owner)


def _owner(path: Path) -> tuple[int, int]:
    """Return who owns the file, or else the nearest folder there is around its place."""
    found = next(one for one in (path, *path.parents) if one.exists()).stat()
    return found.st_uid, found.st_gid


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
