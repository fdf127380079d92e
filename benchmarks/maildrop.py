"""A mailbox on a real Dovecot, filled with the mixture that the targets speak of."""

import base64
import itertools
from collections.abc import Iterator
from random import Random

from listbridge.mailbox import IncomingSettings
from tests.servers.dovecot import Dovecot

# 70 % short letters, 25 % longer ones with HTML beside, 5 % with a picture. Octets.
_SIZES = [3_000] * 14 + [28_000] * 5 + [199_000]
_WORDS = b"All work and no play makes Jack a dull boy, says the proverb.\n"
_HEAD = """Return-Path: <ann@example.net>
Received: from mx.example.org (mx.example.org [192.0.2.7])
\tby mail.example.org (Postfix) with ESMTPS id 4F1AB2C3D4
\tfor <general@example.org>; Fri, 20 Nov 2026 10:00:02 +0000 (UTC)
Received: from smtp.example.net (smtp.example.net [198.51.100.4])
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
\tby mx.example.org (Postfix) with ESMTPS id 4F1AB2C3D3
\tfor <general@example.org>; Fri, 20 Nov 2026 10:00:01 +0000 (UTC)
Received: from [192.168.1.2] (dsl.example.net [203.0.113.9])
\tby smtp.example.net with ESMTPSA id a1b2c3; Fri, 20 Nov 2026 10:00:00 +0000
From: =?utf-8?q?Ann_M=C3=BCller?= <ann{author}@example.net>
To: General <general@example.org>
Subject: Letter {number} about the =?utf-8?q?f=C3=AAte?=
Date: Fri, 20 Nov 2026 10:00:00 +0000
Message-ID: <{user}.{number}@example.net>
User-Agent: Example Mail 1.0
MIME-Version: 1.0
"""
_ALTERNATIVE = b"""Content-Type: multipart/alternative; boundary="=_b"

--=_b
Content-Type: text/plain; charset=utf-8

%s
--=_b
Content-Type: text/html; charset=utf-8

<html><body><p>%s</p></body></html>
--=_b--
"""
_WITH_PICTURE = b"""Content-Type: multipart/mixed; boundary="=_b"

--=_b
Content-Type: text/plain; charset=utf-8

See the picture.
--=_b
Content-Type: image/jpeg; name="picture.jpg"
Content-Disposition: attachment; filename="picture.jpg"
Content-Transfer-Encoding: base64

%s
--=_b--
"""
_AUTHORS = 200
_users = itertools.count()


def filled(server: Dovecot, count: int, *, port: int, protocol: str = "imap") -> IncomingSettings:
    """Make a mailbox with so many letters; return how to read it, by way of `port`."""
    user = f"bench{next(_users)}"
    server.add_user(user, "secret")
    for raw in _letters(user, count):
        server.deliver(user, raw)
    values = {"protocol": protocol, "host": server.host, "port": port, "security": "none"}
    return IncomingSettings.model_validate(values | {"username": user, "password": "secret"})


def _letters(user: str, count: int) -> Iterator[bytes]:
    for number in range(count):
        head = _HEAD.format(user=user, number=number, author=number % _AUTHORS).encode()
        yield head + _content(_SIZES[number % len(_SIZES)] - len(head), Random(number))


def _content(size: int, random: Random) -> bytes:
    if size < 10_000:
        return b"Content-Type: text/plain; charset=utf-8\n\n" + _WORDS * (size // len(_WORDS))
    if size < 100_000:
        words = _WORDS * (size // 2 // len(_WORDS))
        return _ALTERNATIVE % (words, words)
    return _WITH_PICTURE % base64.encodebytes(random.randbytes(size * 3 // 4))
