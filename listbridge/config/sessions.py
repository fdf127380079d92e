"""Named mail sessions: the sources of each one laid over each other, for one category or all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from listbridge.config.known_keys import nearest
from listbridge.mailsession.chosen import bare_jndi_name
from listbridge.mailsession.layers import HALVES, Layer, filled_in, laid_over
from listbridge.mailsession.providers import Profile

_Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Session:
    """One mail session: its sources in rising precedence, over the provider's profile."""

    layers: tuple[Layer, ...] = ()
    profile: Profile | None = None
    account: str | None = None  #: who logs in at the provider, both halves alike
    faulty: bool = False  #: whether something is wrong with it, which is told where it stands

    def halves(self, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return the tables of the halves it has, the patterns replaced as `names` says."""
        own: dict[str, dict[str, Any]] = {}
        for layer in self.layers:
            for half, table in layer.halves.items():
                own[half] = laid_over(own.get(half, {}), filled_in(table, names))
        below = self._of_profile(own, names)
        both = [half for half in HALVES if half in below or half in own]
        return {half: laid_over(below.get(half, {}), own.get(half, {})) for half in both}

    def _of_profile(self, own: _Tables, names: Mapping[str, str]) -> _Tables:
        if self.profile is None:
            return {}
        account = filled_in(self.account, names) or _address(own) or names.get("address", "")
        protocol = own.get("incoming", {}).get("protocol", "imap")
        tables = zip(HALVES, self.profile.tables(account, protocol), strict=True)
        return {half: _with_login(table, account) for half, table in tables if table}


@dataclass(frozen=True)
class Sessions:
    """The mail sessions of a service file, by either of their names."""

    by_name: Mapping[str, Session] = field(default_factory=dict)
    jndi_names: Mapping[str, str] = field(default_factory=dict)  #: each to its session's name
    files: tuple[Path, ...] = ()  #: what else was read for them

    def find(self, name: str) -> Session | None:
        """Return the mail session of this name or JNDI name."""
        return self.by_name.get(name) or self.by_name.get(
            self.jndi_names.get(bare_jndi_name(name), "")
        )

    def unknown(self, name: str) -> str:
        """Say that there is no such mail session, and which one may have been meant."""
        if not self.by_name:
            return f"there is no mail session {name!r}; the service file defines none"
        known = [*self.by_name, *self.jndi_names]
        return f"there is no mail session {name!r}; {nearest(name, known)}"


def address_of(halves: _Tables) -> str | None:
    """Return the address that a session's user name is, where nothing of it is left open."""
    address = _address(halves)
    return address if address and "{" not in address else None


def _address(halves: _Tables) -> str:
    names = (str(halves.get(half, {}).get("username", "")) for half in HALVES)
    return next((name for name in names if "@" in name), "")


def _with_login(table: Mapping[str, Any], account: str) -> dict[str, Any]:
    # Whoever is still unknown is nobody, and not the one without a name.
    return {key: value for key, value in table.items() if account or key != "username"}
