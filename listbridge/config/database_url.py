"""The database's URL, made independent of the current folder."""

from pathlib import Path

_SQLITE = {"sqlite", "sqlite+pysqlite"}
_POSTGRESQL = {"postgresql", "postgresql+psycopg"}


def absolute(url: str, folder: Path) -> str:
    """Return the URL with an absolute path; raise `ValueError` (without the URL) if it is no use.

    The URL may hold a password, so no message repeats any of it.
    """
    scheme, _, rest = url.partition("://")
    if scheme in _POSTGRESQL and rest:
        return url
    path, mark, query = rest.partition("?")
    if scheme not in _SQLITE or not path.startswith("/") or path.startswith("/file:"):
        raise ValueError(
            'expected a URL such as "sqlite:///listbridge.db" or "postgresql+psycopg://…"'
        )
    if path in ("/", "/:memory:"):
        raise ValueError("a database in memory would lose every post at the end; name a file")
    return f"{scheme}:///{folder / path[1:]}{mark}{query}"


def folder(url: str) -> Path | None:
    """Return the folder of the database's file; None where it has none on this machine."""
    scheme, _, rest = url.partition("://")
    return Path(rest.partition("?")[0][1:]).parent if scheme in _SQLITE else None
