"""Mail sessions and list settings of other systems as files of ours, secrets apart."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from listbridge import guard
from listbridge.mailsession import ForeignCategory, ForeignFile, ForeignSession, Remark
from listbridge.service.setup.answers import slug_for
from listbridge.service.setup.writing import NewFile

_SECRETS = "secrets"
_NO_KEY = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class Imported:
    """One mail session or category, written as TOML, and the secrets that it refers to."""

    kind: str  #: session or category
    name: str  #: of the session; the slug of the category
    toml: str
    secrets: tuple[NewFile, ...]  #: their paths count from the folder of the service file
    missing: tuple[str, ...]  #: the files that the TOML refers to, for passwords that are not known
    problems: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()
    ignored: tuple[Remark, ...] = ()


def every(
    file: ForeignFile,
    since: date,
    *,
    name: str | None = None,
    outgoing_session: str | None = None,
) -> list[Imported]:
    """Return what a file comes to.

    `name` is what its one session is to be called; `outgoing_session` is the session that sends
    for the lists without an outgoing server of their own. Mail that lists got before `since` is
    left alone: Liferay leaves what it read by IMAP in the mailbox.
    """
    taken: set[str] = set()
    imported = [_session(one, _free(name or _key(one.name), taken)) for one in file.sessions]
    taken.clear()
    for category in file.categories:
        slug = _free(slug_for(category.address), taken)
        imported.append(_category(category, slug, since, outgoing_session))
    return imported


def _key(name: str) -> str:
    """Return a session's name here: mail/MailSession is mailsession."""
    return _NO_KEY.sub("-", name.rpartition("/")[2].lower()).strip("-") or "imported"


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    taken.add(name)
    return name


def _session(session: ForeignSession, name: str) -> Imported:
    reading = session.reading
    problems = reading.problems
    if session.refers_to is not None:
        problems += (_kept_elsewhere(session.refers_to),)
    halves = _Halves(name, problems)
    lines: list[str] = []
    if reading.incoming is not None or reading.outgoing is not None:
        lines = [f"[mail_sessions.{name}]"]
        if session.jndi_name and guard.is_safe(session.jndi_name):
            lines.append(f"jndi_name = {_value(session.jndi_name)}")
        lines += halves.lines(
            {"incoming": reading.incoming, "outgoing": reading.outgoing}, f"mail_sessions.{name}."
        )
    return Imported(
        "session",
        name,
        "".join(f"{line}\n" for line in lines),
        tuple(halves.secrets),
        tuple(halves.missing),
        problems,
        (*session.remarks, *reading.warnings),
        reading.ignored,
    )


def _kept_elsewhere(jndi_name: str) -> Remark:
    return Remark(
        "mail.session.jndi.name",
        f"the session itself is {jndi_name!r} of the application server; import the file in which "
        "the server keeps it",
    )


def _category(
    category: ForeignCategory, slug: str, since: date, outgoing_session: str | None
) -> Imported:
    table = category.table
    halves = _Halves(slug, category.problems, since)
    lines = [f"{key} = {_value(table[key])}" for key in _scalars(table)]
    lines += [f"# {one.key[0]}: {one.text}" for one in category.problems if len(one.key) == 1]
    warnings = category.warnings
    if category.sends_by_session and outgoing_session is not None:
        lines.append(f"outgoing_session = {_value(outgoing_session)}")
    elif category.sends_by_session:
        warnings += (
            Remark(
                slug,
                "sends by the portal's own mail session; name ours with --outgoing-session, or in "
                "the file as `outgoing_session`",
            ),
        )
    lines += halves.lines({half: table.get(half) for half in ("incoming", "outgoing")}, "")
    if "posting" in table:
        lines += ["", "[posting]", f"non_members = {_value(table['posting']['non_members'])}"]
    return Imported(
        "category",
        slug,
        "".join(f"{line}\n" for line in lines),
        tuple(halves.secrets),
        tuple(halves.missing),
        category.problems,
        warnings,
    )


class _Halves:
    """The tables of incoming and outgoing servers, with their passwords taken out."""

    def __init__(self, name: str, problems: Collection[Remark], since: date | None = None) -> None:
        self._name = name
        self._problems = problems
        self._since = since
        self.secrets: list[NewFile] = []
        self.missing: list[str] = []

    def lines(self, halves: Mapping[str, Mapping[str, Any] | None], prefix: str) -> Iterator[str]:
        """Yield the lines of the halves that there are."""
        for half, table in halves.items():
            if table is None:
                continue
            yield from ("", f"[{prefix}{half}]")
            for key in _scalars(table):
                if key != "password":
                    yield f"{key} = {_value(table[key])}"
            if half == "incoming" and self._since is not None:
                yield f"since = {self._since.isoformat()}"
            # What could not be taken is not to look as if it had not been there.
            for one in self._problems:
                if one.key[:1] == (half,):
                    yield f"# {one.key[-1] if len(one.key) > 1 else one.name}: {one.text}"
            if half == "incoming" or table.get("username"):
                yield self._password(half, table.get("password"))

    def _password(self, half: str, password: str | None) -> str:
        path = f"{_SECRETS}/{self._name}-{half}"
        if password is None:
            self.missing.append(path)
        else:
            what = f"the password of {self._name}, {half}, for you alone"
            self.secrets.append(NewFile(Path(path), f"{password}\n", what, private=True))
        return f"password = {{ file = {_value(path)} }}"


def _scalars(table: Mapping[str, Any]) -> Sequence[str]:
    return [key for key, value in table.items() if isinstance(value, str | int)]


def _value(value: object) -> str:
    # Texts without control characters, numbers and truth values are the same in JSON and TOML.
    return json.dumps(value, ensure_ascii=False)
