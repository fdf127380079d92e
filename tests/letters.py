"""Letters of many kinds, made to measure for the tests of the whole program."""

import base64
import random

_WORDS = ["quick", "brown", "fox", "jumps", "over", "lazy", "dog", "seven", "wizards", "quietly"]
KINDS = ("plain", "utf8", "base64", "alternative", "attachment", "dots")


def letter(
    number: int,
    *,
    author: str = "ann@example.net",
    run: str = "run",
    answers: int | None = None,
    kind: str | None = None,
) -> bytes:
    """Make letter number so-and-so of a run; always the same bytes for the same arguments."""
    chance = random.Random(f"{run} {number}")
    kind = kind or KINDS[number % len(KINDS)]
    fields = [
        f"Received: from a.example.net; Sat, 21 Nov 2026 10:00:{number % 60:02} +0000",
        f"From: Ann <{author}>",
        f"To: list-{run}@example.org",
        f"Subject: {kind} letter {number} of {run}",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{run}-{number}@example.net>",
        "MIME-Version: 1.0",
    ]
    if answers is not None:
        fields.append(f"In-Reply-To: <{run}-{answers}@example.net>")
    head, body = _content(kind, chance)
    return "\r\n".join([*fields, *head, "", ""]).encode() + body


def body_of(raw: bytes) -> bytes:
    """Return what follows the header, with LF line ends, as a Maildir has it."""
    return raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


def _content(kind: str, chance: random.Random) -> tuple[list[str], bytes]:
    text = _text(chance)
    if kind == "utf8":
        head = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
        return head, (text + "Grüße aus Köln – ☂\r\n").encode()
    if kind == "base64":
        head = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"]
        return head, base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
    if kind == "alternative":
        head = ['Content-Type: multipart/alternative; boundary="=_b"']
        html = f"--=_b\r\nContent-Type: text/html\r\n\r\n<p>{text}</p>\r\n--=_b--\r\n"
        return head, f"--=_b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n{html}".encode()
    if kind == "attachment":
        head = ['Content-Type: multipart/mixed; boundary="=_m"']
        file = base64.encodebytes(chance.randbytes(3000)).replace(b"\n", b"\r\n")
        name = 'Content-Disposition: attachment; filename="report.bin"'
        coding = "Content-Transfer-Encoding: base64"
        parts = f"--=_m\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--=_m\r\n"
        parts += f"Content-Type: application/octet-stream\r\n{name}\r\n{coding}\r\n\r\n"
        return head, parts.encode() + file + b"--=_m--\r\n"
    if kind == "dots":
        return [], f".\r\n..two\r\n...three\r\n{text}.\r\n".encode()
    return [], text.encode()


def _text(chance: random.Random) -> str:
    lines = (" ".join(chance.choices(_WORDS, k=9)) for _ in range(chance.randint(3, 30)))
    return "".join(f"{line}\r\n" for line in lines)
