"""A large message takes a small multiple of its size in memory, whatever becomes of it."""

import base64
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from listbridge.message import parts
from tests.fakes.smtp_server import Script, SmtpServer, in_thread
from tests.program import Program, category_toml, peak_memory_of
from tests.servers.dovecot import Dovecot

# What the program takes by itself, some seventy of it code, and the most times that a message lies
# in memory: a message of 100 MB takes some 400 MB at worst.
PROGRAM_MB = 110
TIMES = 3
# Memory of up to 32 MB in one piece is not given back at once by glibc when it is freed.
SIZES = [40, pytest.param(100, marks=pytest.mark.soak)]
HEAD = b"""From: Ann <ann@example.net>
Subject: large
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <large@example.net>
MIME-Version: 1.0
"""
FILE = b"""Content-Type: application/octet-stream; name=film.bin
Content-Transfer-Encoding: base64

"""
TEXT = b"""Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

"""


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("megabytes", SIZES)
@pytest.mark.parametrize("end", ["posts", "held"])
def test_a_large_message_fits_into_memory(
    tmp_path: Path,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
    protocol: str,
    megabytes: int,
    end: str,
) -> None:
    slug = fresh_name("large")
    dovecot.add_user(slug, "secret")
    dovecot.deliver(slug, _letter(megabytes, is_text=protocol == "imap"))
    taken = _taken_in(Program(tmp_path), dovecot, slug, protocol, end)
    print(f"{megabytes} MB by {protocol}, {end}: {taken} MB")
    assert taken <= PROGRAM_MB + TIMES * megabytes


@pytest.mark.parametrize("megabytes", SIZES)
def test_a_large_message_fits_into_memory_beside_postgresql(
    tmp_path: Path,
    dovecot: Dovecot,
    postgres_url: str,
    fresh_name: Callable[[str], str],
    megabytes: int,
) -> None:
    slug = fresh_name("large")
    dovecot.add_user(slug, "secret")
    dovecot.deliver(slug, _letter(megabytes, is_text=True))
    program = Program(tmp_path)
    program.write_service(f'database = "{postgres_url}"\n')
    taken = _taken_in(program, dovecot, slug, "imap", "posts")
    print(f"{megabytes} MB beside PostgreSQL: {taken} MB")
    program.audit()
    assert taken <= PROGRAM_MB + TIMES * megabytes


def _taken_in(program: Program, dovecot: Dovecot, slug: str, protocol: str, end: str) -> int:
    """Have the only message posted and sent, or held; return the peak of memory in MB."""
    limit = 'max_size = "1GB"\n' if end == "posts" else ""
    more = f'[posting]\nnon_members = "accept"\n{limit}'
    with in_thread(SmtpServer(Script(extensions=("8BITMIME",)))) as smtp:
        toml = category_toml(slug, dovecot=dovecot, relay=smtp, protocol=protocol, more=more)
        program.write_category(slug, toml, ["bob@example.org"])

        with peak_memory_of(program) as peak:
            line = program.poll_once()[slug]

        assert line[end] == 1
        assert len(smtp.messages) == line["sent"] == (1 if end == "posts" else 0)
    return peak()


LETTERS: dict[str, Callable[[int], bytes]] = {
    "text": lambda megabytes: _letter(megabytes, is_text=True),
    "file": lambda megabytes: _letter(megabytes, is_text=False),
    "line": lambda megabytes: HEAD + TEXT + b"x" * (megabytes * 1_000_000) + b"\n",
    "file in a line": lambda megabytes: HEAD + FILE + b"QUJD" * (megabytes * 250_000) + b"\n",
}


@pytest.mark.parametrize("megabytes", SIZES)
@pytest.mark.parametrize(
    ("letter", "settings", "extensions"),
    [
        ("text", "", ()),
        ("text", 'footer = "The list"', ("8BITMIME",)),
        ("file", 'footer = "The list"', ("8BITMIME",)),
        ("text", 'from = "wrap"', ("8BITMIME",)),
        ("line", "", ("8BITMIME",)),
        ("line", 'footer = "The list"', ("8BITMIME",)),
        ("file in a line", 'footer = "The list"', ("8BITMIME",)),
    ],
)
def test_one_that_is_written_anew_does_too(
    tmp_path: Path,
    dovecot: Dovecot,
    fresh_name: Callable[[str], str],
    letter: str,
    settings: str,
    extensions: tuple[str, ...],
    megabytes: int,
) -> None:
    slug = fresh_name("large")
    dovecot.add_user(slug, "secret")
    raw = LETTERS[letter](megabytes)
    dovecot.deliver(slug, raw)
    program = Program(tmp_path)
    more = f'[posting]\nnon_members = "accept"\nmax_size = "1GB"\n[message]\n{settings}\n'
    with in_thread(SmtpServer(Script(extensions=extensions))) as smtp:
        toml = category_toml(slug, dovecot=dovecot, relay=smtp, more=more)
        program.write_category(slug, toml, ["bob@example.org"])

        with peak_memory_of(program) as peak:
            program.poll_once()

        [sent] = smtp.messages
    print(f"{megabytes} MB, {letter}, {settings or extensions}: {peak()} MB")
    assert sent.body.isascii() or "8BITMIME" in extensions
    assert _said(raw) in _said(sent.body)
    program.audit()
    assert peak() <= PROGRAM_MB + TIMES * megabytes


def _said(raw: bytes) -> bytes:
    """What the first part says, decoded, with LF."""
    part = parts.tree(raw)
    while part.children:
        part = part.children[0]
    return parts.payload(raw, part).replace(b"\r\n", b"\n").strip()


def _letter(megabytes: int, *, is_text: bool) -> bytes:
    if is_text:
        head, line = HEAD + TEXT, "Grüße aus Köln, und noch viele Worte mehr.\n".encode()
    else:
        head, line = HEAD + FILE, base64.encodebytes(Random("film").randbytes(57))
    return head + line * (megabytes * 1_000_000 // (len(line) + 1))
