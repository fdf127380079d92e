"""What the answers come to, as the tables `[incoming]` and `[outgoing]`."""

from pathlib import Path
from typing import Any, Literal

from listbridge.mailsession.providers import Profile
from listbridge.secret import Secret
from listbridge.service.setup import origin
from listbridge.service.setup.answers import Answers
from listbridge.service.setup.servers import Server

Table = dict[str, Any]

_LOGIN = ("username", "password", "oauth2")
# What a provider's profile knows beside the servers.
_MORE = ("after_fetch", "max_per_hour", "max_per_day", "max_recipients", "max_connections")


def written(answers: Answers, secret_file: Path) -> tuple[Table, Table]:
    """Return both tables, complete; `secret_file` is where a password that was typed in goes."""
    more_in, more_out = _of_profile(answers)
    login = _login(answers, secret_file)
    incoming = _server(answers.incoming) | {"username": answers.username} | login | more_in
    outgoing = _server(answers.outgoing)
    del outgoing["protocol"]
    if answers.outgoing_username is not None:
        outgoing |= {"username": answers.outgoing_username} | login
    outgoing |= more_out
    if answers.ca_file is not None:
        incoming["ca_file"] = outgoing["ca_file"] = str(answers.ca_file)
    return incoming, outgoing


def session(answers: Answers, secret_file: Path) -> tuple[Table, Table, Table]:
    """Return what a mail session says for both halves, and for each."""
    full = written(answers, secret_file)
    both: Table = {}
    if answers.profile is not None and profile_is_enough(answers):
        both["provider"] = answers.profile.name
        full = _beyond(answers.profile, answers, full)
        if not any("username" in half for half in full):
            # The account's, whatever the address of a list that comes to it later.
            both["username"] = answers.address
    incoming, outgoing = full
    shared = {key for key in _LOGIN if key in incoming and incoming[key] == outgoing.get(key)}
    both |= {key: incoming[key] for key in _LOGIN if key in shared}
    return both, _without(incoming, shared), _without(outgoing, shared)


def _without(table: Table, keys: set[str]) -> Table:
    return {key: value for key, value in table.items() if key not in keys}


def _beyond(profile: Profile, answers: Answers, full: tuple[Table, Table]) -> tuple[Table, Table]:
    """Return what a session with this profile still has to say itself."""
    incoming, outgoing = profile.tables(answers.address, _protocol(answers))
    # The protocol is what a session chooses, and all else of the profile follows from it.
    incoming = {key: value for key, value in incoming.items() if key != "protocol"}
    said = [
        {key: value for key, value in table.items() if value != known.get(key, _usual(key))}
        for table, known in zip(full, (incoming, outgoing), strict=True)
    ]
    return said[0], said[1]


def profile_is_enough(answers: Answers) -> bool:
    """Say whether a session that names the profile gets these servers."""
    profile, address = answers.profile, answers.address
    if profile is None:
        return False
    incoming = origin.incoming_of(profile, address, answers.incoming.protocol)
    outgoing = origin.outgoing_of(profile, address)
    return (incoming, outgoing) == (answers.incoming, answers.outgoing)


def _of_profile(answers: Answers) -> tuple[Table, Table]:
    if answers.profile is None:
        return {}, {}
    tables = answers.profile.tables(answers.address, _protocol(answers))
    # They are facts about the provider's own servers and no others.
    hosts = (answers.incoming.host, answers.outgoing.host)
    incoming, outgoing = (
        {key: one[key] for key in _MORE if key in one and one["host"] == host}
        for one, host in zip(tables, hosts, strict=True)
    )
    return incoming, outgoing


def _protocol(answers: Answers) -> Literal["imap", "pop3"]:
    return "pop3" if answers.incoming.protocol == "pop3" else "imap"


def _usual(key: str) -> Any:
    return {"protocol": "imap", "security": "tls"}.get(key)


def _server(server: Server) -> Table:
    table: Table = {"protocol": server.protocol, "host": server.host}
    if server.port:
        table["port"] = server.port
    return table | {"security": server.security}


def _login(answers: Answers, secret_file: Path) -> Table:
    if answers.oauth2 is not None:
        return {"oauth2": {"provider": answers.oauth2}}
    return {} if answers.password is None else {"password": _secret(answers.password, secret_file)}


def _secret(password: Secret, secret_file: Path) -> Table:
    if password.env is not None:
        return {"env": password.env}
    if password.command is not None:
        return {"command": password.command}
    return {"file": str(password.file or secret_file)}
