"""What is written, word for word: files that explain themselves to whoever opens them."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from listbridge.membership import subscriber_file
from listbridge.secret import Secret
from listbridge.service.setup.answers import Answers

_WIDTH = 42
# What the provider allows is not used up, so that the owner himself can still write.
_SHARE_PERCENT = 80

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


def category(answers: Answers, since: date, secret_file: Path) -> str:
    """Return the category file; mail that arrived before `since` is to be left alone.

    `secret_file` is where a password that was typed in is kept, from the service file's folder.
    """
    lines = [
        "# A list: mail to its address is taken out of the mailbox, kept, and sent to the",
        "# subscribers. The name of this file, without .toml, is what commands call the list.",
        "",
        _line("name", answers.name, "what people see"),
        _line("address", answers.address, "what people write to"),
        *_owners(answers),
        _example("poll_every", "1m", "how often `serve` looks into the mailbox"),
        "",
        *_incoming(answers, since, secret_file),
        "",
        *_outgoing(answers, secret_file),
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


def _incoming(answers: Answers, since: date, secret_file: Path) -> Iterable[str]:
    server = answers.incoming
    yield "# The mailbox. What is taken out of it is deleted there."
    yield "[incoming]"
    yield _line("protocol", server.protocol, 'or "pop3"' if server.protocol == "imap" else "")
    yield _line("host", server.host)
    if server.port:
        yield _line("port", server.port)
    yield _line("security", server.security, "tls, starttls or none; the usual port follows")
    yield _line("username", answers.username)
    yield _password(answers.password, secret_file)
    yield from _trust(answers)
    yield _plain("since", since.isoformat(), "mail that arrived before this day is left alone")


def _outgoing(answers: Answers, secret_file: Path) -> Iterable[str]:
    server = answers.outgoing
    yield "# The server that posts are handed to."
    yield "[outgoing]"
    yield _line("host", server.host)
    if server.port:
        yield _line("port", server.port)
    yield _line("security", server.security)
    if answers.outgoing_username is not None:
        yield _line("username", answers.outgoing_username)
        yield _password(answers.password, secret_file)
    yield from _trust(answers)
    if answers.most_per_day is None:
        yield _example("max_per_day", 400, "recipients; ask your provider for its limit")
    else:
        allowed = f"recipients; the provider allows {answers.most_per_day}"
        yield _line("max_per_day", answers.most_per_day * _SHARE_PERCENT // 100, allowed)


def _password(password: Secret, secret_file: Path) -> str:
    if password.env is not None:
        return _plain("password", f"{{ env = {_value(password.env)} }}", "an environment variable")
    if password.command is not None:
        return _plain("password", f"{{ command = {_value(password.command)} }}", "what it prints")
    path = _value(str(password.file or secret_file))
    return _plain("password", f"{{ file = {path} }}", "its first line")


def _trust(answers: Answers) -> Iterable[str]:
    if answers.ca_file is not None:
        yield _line("ca_file", str(answers.ca_file), "whose certificates are trusted as well")


def _line(key: str, value: object, comment: str = "") -> str:
    return _plain(key, _value(value), comment)


def _example(key: str, value: object, comment: str) -> str:
    return _plain(f"# {key}", _value(value), comment)


def _plain(key: str, written: str, comment: str) -> str:
    assignment = f"{key} = {written}"
    return f"{assignment:<{_WIDTH}}  # {comment}" if comment else assignment


def _value(value: object) -> str:
    # Texts, numbers, truth values and lists of texts are written alike in JSON and TOML, as long
    # as they hold no control character, which no answer does.
    return json.dumps(value, ensure_ascii=False)
