"""Whether a command line of listbridge names what there is: read as the program would read it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from listbridge.cli import command

# The program's name, followed by a command or an option; not `systemctl restart listbridge`.
_CALL = re.compile(r"(?:^|[\s(`]|bin/)listbridge (?=-|[a-z])([^`\n]+)")
_END_OF_COMMAND = {"|", ">", ">>", "<", "&&", ";"}


def in_text(text: str) -> Iterator[str]:
    """Yield what follows the program's name wherever a document has it as code."""
    for line in text.splitlines():
        code = [line] if line.startswith("    ") else re.findall(r"`[^`]+`", line)
        for one in code:
            yield from _CALL.findall(one)


def in_file(path: Path) -> list[str]:
    """Return the command lines of a document."""
    return list(in_text(path.read_text(encoding="utf-8")))


def problem(line: str) -> str | None:
    """Say what is wrong with a command line, given without the program's name; None if nothing."""
    group: click.Command = command
    words = iter(_words(line))
    for word in words:
        if word.startswith("-"):
            option = _option(group, word)
            if option is None:
                return f"{group.name} has no option {word}"
            if not option.is_flag and "=" not in word:
                next(words, None)  # its value
        elif isinstance(group, click.Group):
            if word not in group.commands:
                return f"{group.name} has no command {word}"
            group = group.commands[word]
    return f"{line}: the command is missing" if isinstance(group, click.Group) else None


def _words(line: str) -> Iterator[str]:
    for word in shlex.split(line.rstrip(")").rstrip(), comments=True):
        if word in _END_OF_COMMAND:
            return
        yield word


def _option(group: click.Command, word: str) -> click.Option | None:
    name = word.split("=")[0]
    return next(
        (x for x in group.params if isinstance(x, click.Option) and name in x.opts),
        None,
    )
