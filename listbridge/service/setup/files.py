"""What is written, word for word: files that explain themselves to whoever opens them."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from listbridge.membership import subscriber_file
from listbridge.service.setup import tables
from listbridge.service.setup.answers import Answers
from listbridge.service.setup.tables import Table

#: What a new service file calls the mail session that its list uses.
SESSION = "default"

_WIDTH = 42

SERVICE = """\
# The service. Relative paths count from the folder of this file. Every key may be left out.

# Where posts, subscribers and deliveries are kept.
database = "sqlite:///listbridge.db"

# The folder with one file for each list.
categories = "categories"

# Mail to you about the service itself:
# [alerts]
# to = ["you@example.org"]
"""

SUBSCRIBERS = """\
# One address per line; a name may stand in front: Ann Example <ann@example.org>
# Whoever is added here joins, whoever is taken out leaves.
"""

_COMMENTS = {
    "security": "tls, starttls or none; the usual port follows",
    "provider": "its servers and its limits",
    "ca_file": "whose certificates are trusted as well",
    "after_fetch": "to delete would only archive here",
    "max_per_hour": "recipients; what the provider allows",
    "max_per_day": "recipients; what the provider allows",
    "max_recipients": "of one message; what the provider allows",
    "max_connections": "what the provider allows",
}
_PASSWORD = {
    "env": "an environment variable",
    "file": "its first line",
    "command": "what it prints",
}


def service(answers: Answers, secret_file: Path) -> str:
    """Return a service file with the mail session that the list uses.

    `secret_file` is where a password that was typed in is kept, from the service file's folder.
    """
    return "\n".join([SERVICE, *_session(answers, secret_file)]) + "\n"


def category(answers: Answers, since: date, secret_file: Path | None = None) -> str:
    """Return the category file; mail that arrived before `since` is to be left alone.

    With a `secret_file` the servers stand in it; without one they are the session's.
    """
    lines = [
        "# A list: mail to its address is taken out of the mailbox, kept, and sent to the",
        "# subscribers. The name of this file, without .toml, is what commands call the list.",
        "",
        _line("name", answers.name, "what people see"),
        _line("address", answers.address, "what people write to"),
        *_owners(answers),
        _example("poll_every", "1m", "how often `serve` looks into the mailbox"),
        *_servers(answers, since, secret_file),
        "",
        "[posting]",
        _example("non_members", "hold", "others than subscribers: hold, accept, reject, discard"),
        _example("own_copy", True, "authors get their own post too"),
        "",
        "[message]",
        _example("subject_prefix", f"[{answers.name}]", "in front of every subject"),
        _example("footer", f"To write to all: {answers.address}", "below every post"),
        "",
        "[subscribers]",
        _line("file", f"{answers.slug}.subscribers", "one address per line"),
    ]
    return "\n".join(lines) + "\n"


def subscribers(answers: Answers) -> str:
    """Return the subscriber file."""
    lines = (f"{subscriber_file.line(one)}\n" for one in answers.people)
    return SUBSCRIBERS + "".join(lines)


def _owners(answers: Answers) -> list[str]:
    if answers.owners:
        return [_line("owners", answers.owners, "who answers for the list")]
    return [_example("owners", ("you@example.org",), "who answers for the list")]


def _session(answers: Answers, secret_file: Path) -> Iterator[str]:
    both, incoming, outgoing = tables.session(answers, secret_file)
    yield "# The mailbox and the server that posts are handed to, for the lists that name them."
    yield f"[mail_sessions.{SESSION}]"
    yield from _keys(both)
    halves = {"incoming": [*_keys(incoming)], "outgoing": [*_keys(outgoing), *_budget(answers)]}
    for half, lines in halves.items():
        if lines:
            yield from ("", f"[mail_sessions.{SESSION}.{half}]", *lines)


def _servers(answers: Answers, since: date, secret_file: Path | None) -> Iterator[str]:
    left_alone = _plain(
        "since", since.isoformat(), "mail that arrived before this day is left alone"
    )
    if secret_file is None:
        yield _line("mail_session", SESSION, "its servers, in the service file")
        yield ""
        yield "# What is taken out of the mailbox is deleted there."
        yield "[incoming]"
        yield left_alone
        return
    incoming, outgoing = tables.written(answers, secret_file)
    yield ""
    yield "# The mailbox. What is taken out of it is deleted there."
    yield "[incoming]"
    yield from _keys(incoming)
    yield left_alone
    yield ""
    yield "# The server that posts are handed to."
    yield "[outgoing]"
    yield from _keys(outgoing)
    yield from _budget(answers)


def _keys(table: Table) -> Iterator[str]:
    for key, value in table.items():
        yield _line(key, value, _comment(key, value))


def _comment(key: str, value: object) -> str:
    if key == "password" and isinstance(value, dict):
        return _PASSWORD[next(iter(value))]
    if key == "protocol":
        return 'or "pop3"' if value == "imap" else ""
    return _COMMENTS.get(key, "")


def _budget(answers: Answers) -> Iterable[str]:
    """Remind of a limit that no profile knows."""
    if answers.profile is None or answers.profile.limits.max_per_day is None:
        yield _example("max_per_day", 400, "recipients; ask your provider for its limit")


def _line(key: str, value: object, comment: str = "") -> str:
    return _plain(key, _value(value), comment)


def _example(key: str, value: object, comment: str) -> str:
    return _plain(f"# {key}", _value(value), comment)


def _plain(key: str, written: str, comment: str) -> str:
    assignment = f"{key} = {written}"
    return f"{assignment:<{_WIDTH}}  # {comment}" if comment else assignment


def _value(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(one)}' for key, one in value.items())} }}"
    # Texts, numbers, truth values and lists of texts are written alike in JSON and TOML, as long
    # as they hold no control character, which no answer does.
    return json.dumps(value, ensure_ascii=False)
