"""The profiles that come with the program."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from listbridge.mailsession.providers.profile import Profile

_SUFFIX = ".toml"


def profile(name: str) -> Profile:
    """Return the profile of that name; raise `KeyError` if there is none."""
    return _profiles()[name]


def names() -> tuple[str, ...]:
    """Return the names of all profiles, in alphabetical order."""
    return tuple(_profiles())


def for_address(address: str) -> Profile | None:
    """Return the provider whose own domain an address has."""
    domain = address.rpartition("@")[2].lower()
    return next((one for one in _profiles().values() if domain in one.domains), None)


def for_host(host: str) -> Profile | None:
    """Return the provider of an incoming or outgoing server.

    Where several profiles share a server, it is the one for domains of one's own: whoever has an
    address of the provider is found by that.
    """
    found = [one for one in _profiles().values() if host.lower() in one.hosts]
    return min(found, key=lambda one: bool(one.domains), default=None)


@functools.lru_cache(maxsize=256)
def for_account(host: str, username: str | None) -> Profile | None:
    """Return the provider of an outgoing account.

    One server may serve the provider's own addresses and, on other terms, those of others.
    """
    own = for_address(username or "")
    return own if own is not None and own.smtp.host == host else for_host(host)


def for_exchanger(host: str) -> Profile | None:
    """Return the provider that hosts a domain whose mail goes to `host`; the longest name wins."""
    host = host.lower().rstrip(".")
    fitting = [
        (len(end), one)
        for one in _profiles().values()
        for end in one.exchangers
        if host == end or host.endswith(f".{end}")
    ]
    return max(fitting, key=lambda pair: pair[0], default=(0, None))[1]


def read(name: str, text: str) -> Profile:
    """Read one profile; raise `ValueError` with a line for each mistake, naming file and key."""
    file = f"{name}{_SUFFIX}"
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ValueError(f"{file}: {err}") from None
    if "name" in table:
        raise ValueError(f"{file}: name: the file's own name is the name")
    try:
        return Profile.model_validate(_with_tuples(table) | {"name": name})
    except ValidationError as err:
        lines = (f"{file}: {_key(one['loc'])}{one['msg']}" for one in err.errors())
        raise ValueError("\n".join(lines)) from None


@functools.cache
def _profiles() -> Mapping[str, Profile]:
    folder = resources.files(__package__) / "profiles"
    texts = {
        file.name.removesuffix(_SUFFIX): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(_SUFFIX)
    }
    return MappingProxyType({name: read(name, texts[name]) for name in sorted(texts)})


def _with_tuples(value: Any) -> Any:
    # Strict validation takes no list for a tuple, and TOML has only lists.
    if isinstance(value, dict):
        return {key: _with_tuples(one) for key, one in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _key(place: Iterable[int | str]) -> str:
    path = ".".join(map(str, place))
    return f"{path}: " if path else ""
