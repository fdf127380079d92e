"""Reads every source that a mail session names, and says what is wrong with each."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from listbridge import mailsession
from listbridge.config.known_keys import nearest
from listbridge.config.models import HALVES, MailSession
from listbridge.config.problems import Finding, validate
from listbridge.config.sessions import Session, Sessions
from listbridge.config.source import shown
from listbridge.mailsession import Reading, Remark, SourceError, providers
from listbridge.mailsession.chosen import bare_jndi_name
from listbridge.mailsession.layers import PATTERNS, Layer, laid_over, names_of
from listbridge.mailsession.providers import Profile

# Where the key of a layer stands in the service file: in the session's own tables, or for both.
_OWN = ("halves",)
_LOGIN = ("login",)
_FILE = ("properties_file",)
_PROPERTIES = ("properties",)

# What the patterns stand for where a session is checked by itself.
_EXAMPLE = names_of("general", "general@example.org")
# Names that are about one half alone.
_OWN_PROPERTY = {
    "incoming": re.compile(r"mail\.(?:store|imap|pop3)").match,
    "outgoing": re.compile(r"mail\.(?:transport|smtp)").match,
}
_IN_BRACES = re.compile(r"\{[A-Za-z_]*\}")


class Gathering:
    """The sources of all mail sessions of a service file; `findings` and `warnings` are kept."""

    def __init__(self, tables: Mapping[str, MailSession], folder: Path) -> None:
        """Prepare; relative paths count from `folder`."""
        self._tables = tables
        self._folder = folder
        self._jndi_names: dict[str, str] = {}
        self._files: list[Path] = []
        self._gathered: dict[str, Session] = {}
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []

    def sessions(self) -> Sessions:
        """Return all of them; those with mistakes as far as they could be understood."""
        self._take_jndi_names()
        for name in self._tables:
            self._session(name, ())
        return Sessions(self._gathered, self._jndi_names, tuple(self._files))

    def _take_jndi_names(self) -> None:
        for name, table in self._tables.items():
            if table.jndi_name is None or table.jndi_name == name:
                continue
            bare = bare_jndi_name(table.jndi_name)
            other = bare if bare in self._tables else self._jndi_names.get(bare)
            if other is not None:
                text = f"the mail session {other!r} has that name already; choose another"
                self._blame(name, ("jndi_name",), text)
            self._jndi_names.setdefault(bare, name)

    def _session(self, name: str, on_the_way: tuple[str, ...]) -> Session:
        """Gather one session, once; `on_the_way` are those whose files have led here."""
        if name not in self._gathered:
            before = len(self.findings)
            session = self._laid_together(name, self._tables[name], on_the_way)
            self._judge(name, session)
            self._gathered[name] = replace(session, faulty=len(self.findings) > before)
        return self._gathered[name]

    def _laid_together(self, name: str, table: MailSession, on_the_way: tuple[str, ...]) -> Session:
        profile = self._profile(name, table)
        tables = {half: given for half in HALVES if (given := getattr(table, half)) is not None}
        own = Layer(_OWN, tables)
        elsewhere = self._of_file(name, table, tables, (*on_the_way, name))
        below = (*elsewhere.layers, own)
        over = self._of_properties(name, table, below)
        there = HALVES if profile else {half for one in (*below, *over) for half in one.halves}
        login = _login(table, by_profile=profile is not None)
        both = Layer(_LOGIN, dict.fromkeys(there, login) if login else {})
        layers = (*elsewhere.layers, both, own, *over)
        return Session(layers, profile or elsewhere.profile, table.username or elsewhere.account)

    def _profile(self, name: str, table: MailSession) -> Profile | None:
        if table.provider is None:
            return None
        if table.provider in providers.names():
            return providers.profile(table.provider)
        known = nearest(table.provider, providers.names())
        self._blame(name, ("provider",), f"there is no profile {table.provider!r}; {known}")
        return None

    def _of_file(
        self, name: str, table: MailSession, own: Mapping[str, Any], on_the_way: tuple[str, ...]
    ) -> Session:
        """Return what the properties file says, or the session elsewhere that it refers to."""
        if table.properties_file is None:
            return Session()
        path = self._folder / table.properties_file
        self._files.append(path)
        if not path.exists():
            # It stops nobody whose servers are named elsewhere; of the others it is said that they
            # have none.
            text = f"there is no file {shown(path)}, so nothing is taken from it"
            self.warnings.append(Finding(("mail_sessions", name, *_FILE), text))
            return Session()
        try:
            found = mailsession.read_file(path, table.jndi_name)
        except SourceError as err:
            self._blame(name, _FILE, str(err))
            return Session()
        if found.refers_to is not None:
            return self._referred_to(name, found.refers_to, on_the_way)
        settled: set[tuple[str, ...]]
        settled = {(half, key) for half, given in own.items() for key in given}
        settled |= {(half, key) for half in HALVES for key in _login(table, by_profile=False)}
        self._tell(name, _FILE, found.reading, settled, f"{shown(path)}: ")
        return Session((_layer(_FILE, found.reading),))

    def _referred_to(self, name: str, wanted: str, on_the_way: tuple[str, ...]) -> Session:
        other = self._jndi_names.get(bare_jndi_name(wanted), wanted)
        if other == name or other not in self._tables:
            text = (
                f"the file leaves its session to the application server, as {wanted!r}; define a "
                f"mail session with that jndi_name"
            )
            self._blame(name, _FILE, text)
            return Session()
        if other in on_the_way:
            self._blame(name, _FILE, f"the file leads to the mail session {other!r} and back")
            return Session()
        return self._session(other, on_the_way)

    def _of_properties(
        self, name: str, table: MailSession, below: tuple[Layer, ...]
    ) -> tuple[Layer, ...]:
        if not table.properties:
            return ()
        incoming: dict[str, Any] = {}
        for layer in below:
            incoming = laid_over(incoming, layer.halves.get("incoming", {}))
        reading = mailsession.overlay(table.properties, protocol=incoming.get("protocol", "imap"))
        self._tell(name, _PROPERTIES, reading, set(), "")
        over = _layer(_PROPERTIES, reading)
        # What mail.host says of both makes no half that there is no other word of.
        there = {half for layer in below for half in layer.halves}
        there |= {half for half in HALVES if any(map(_OWN_PROPERTY[half], table.properties))}
        if table.provider is not None:
            there |= HALVES.keys()
        meant = {half: said for half, said in over.halves.items() if half in there}
        return (Layer(_PROPERTIES, meant),)

    def _tell(
        self,
        name: str,
        origin: tuple[str, ...],
        reading: Reading,
        settled: set[tuple[str, ...]],
        where: str,
    ) -> None:
        """Keep what a reading has to say, but for what the session itself has `settled`."""
        for remarks, kept in (
            (reading.problems, self.findings),
            (reading.warnings, self.warnings),
        ):
            for one in remarks:
                if one.key not in settled:
                    kept.append(_finding(name, origin, one, where))

    def _judge(self, name: str, session: Session) -> None:
        """Check what the sources come to together; a host may still be left open."""
        for half, table in session.halves(_EXAMPLE).items():
            _, found = validate(HALVES[half], {"host": "left.open"} | table, (half,))
            for one in found:
                path, text = _blamed(session, one)
                self._blame(name, path, text)
            for key in ("host", "username"):
                left = _IN_BRACES.search(str(table.get(key, "")))
                if left is not None:
                    known = ", ".join(f"{{{one}}}" for one in PATTERNS)
                    text = f"nothing is known by {left[0]}; known are {known}"
                    path, text = _blamed(session, Finding((half, key), text))
                    self._blame(name, path, text)

    def _blame(self, name: str, path: tuple[str, ...], text: str) -> None:
        self.findings.append(Finding(("mail_sessions", name, *path), text))


def _login(table: MailSession, *, by_profile: bool) -> dict[str, Any]:
    """Return the login that the session states for both halves.

    Where there is a profile, it makes the user name of each half.
    """
    given: dict[str, Any] = {"password": table.password, "oauth2": table.oauth2}
    given["username"] = None if by_profile else table.username
    return {key: value for key, value in given.items() if value is not None}


def _layer(origin: tuple[str, ...], reading: Reading) -> Layer:
    tables = {"incoming": reading.incoming, "outgoing": reading.outgoing}
    return Layer(origin, {half: table for half, table in tables.items() if table})


def _finding(name: str, origin: tuple[str, ...], remark: Remark, where: str) -> Finding:
    if origin == _PROPERTIES:
        return Finding(("mail_sessions", name, *origin, remark.name), remark.text)
    return Finding(("mail_sessions", name, *origin), f"{where}{remark}")


def _blamed(session: Session, found: Finding) -> tuple[tuple[str, ...], str]:
    """Return the place in the session's table that is to blame for a finding, and what to say."""
    half, *rest = found.path
    key = rest[0] if rest else None
    for layer in reversed(session.layers):
        if key is None or key not in layer.halves.get(half, {}):
            continue
        if layer.origin == _OWN:
            return found.path, found.text
        if layer.origin == _LOGIN:
            return tuple(rest), found.text
        return layer.origin, f"{'.'.join(found.path)}: {found.text}"
    return found.path, found.text
