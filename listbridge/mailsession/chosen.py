"""Which session of a file is meant."""

from pathlib import Path

from listbridge.mailsession.foreign import ForeignSession, SourceError
from listbridge.mailsession.sources import detect

#: What Java puts in front of a JNDI name to say where it is looked up.
_SCOPES = ("java:comp/env/", "java:global/", "java:/", "java:")


def read_file(path: Path, jndi_or_name: str | None = None) -> ForeignSession:
    """Return the session of a file, by JNDI name or name where there are several.

    Raises `SourceError` if the file cannot be read or it is not clear which session is meant. The
    session of a Liferay that uses its server's is found by its `refers_to`, elsewhere.
    """
    sessions = detect.read(path).sessions
    if not sessions:
        raise SourceError(
            f"{path} holds categories and no mail session",
            cure=f"make files of it with `listbridge import-session {path}`",
        )
    if jndi_or_name is None:
        if len(sessions) == 1:
            return sessions[0]
        raise SourceError(
            f"{path} holds several mail sessions: {_named(sessions)}",
            cure="name one of them by `jndi_name`",
        )
    wanted = bare_jndi_name(jndi_or_name)
    names = [{one.name, bare_jndi_name(one.jndi_name or one.name)} for one in sessions]
    found = [one for one, known in zip(sessions, names, strict=True) if wanted in known]
    if len(found) == 1:
        return found[0]
    # A file with a single session without a name means that one, whatever it is called with us.
    if len(sessions) == 1 and sessions[0].jndi_name is None:
        return sessions[0]
    count = "several mail sessions" if found else "no mail session"
    raise SourceError(f"{path} holds {count} {jndi_or_name!r}; there is {_named(sessions)}")


def bare_jndi_name(name: str) -> str:
    """Return a JNDI name without the scope it is looked up in."""
    for scope in _SCOPES:
        name = name.removeprefix(scope)
    return name


def _named(sessions: tuple[ForeignSession, ...]) -> str:
    return ", ".join(repr(one.jndi_name or one.name) for one in sessions)
