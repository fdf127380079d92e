"""Every sample with any mix of what a list may do to it, as programs of others read the copy."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from functools import cache
from pathlib import Path

import mailparser
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some

from listbridge import message
from listbridge.message import Drops, MessageError, StandIns, compose, placeholders, subaddress
from listbridge.message.compose import CopySettings
from listbridge.message.parse import parse

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
LIST = "general@example.org"
STAND_INS = StandIns("standin" + "a" * 27)
SECRET = "mfrggzdf" + "mfrggzdfmztwq2lknnwg23tpoa"
WAY_OUT = f"mailto:{LIST}?subject=leave-{SECRET}"
QUOTED = "confirm-abcdefghijklmnopqrstuvwxyz"
MEMBERS = ("ann@example.net", r".*\1&b'=+%q@example.net", f"{'a' * 64}@{'b.' * 90}example.net")

_settings = some.builds(
    CopySettings,
    name=some.just("Général"),
    address=some.just(LIST),
    list_id=some.just("general.example.org"),
    from_mode=some.sampled_from(["author", "list", "wrap"]),
    reply_to=some.sampled_from(["author", "list", "both"]),
    subject_prefix=some.sampled_from(["", "[Gén]"]),
    footer=some.sampled_from(["", "-- \nFür alle\n", "-- \nFür {member}\n{unsubscribe}\n"]),
    drops=some.builds(
        Drops,
        kinds=some.sampled_from([(), ("*/*",), (".exe", "image/*")]),
        above=some.sampled_from([None, 10]),
        html_to_text=some.booleans(),
        language=some.sampled_from(["en", "fr"]),
    ),
    stand_ins=some.just(STAND_INS),
    by_sub_address=some.booleans(),
)


@cache
def _samples() -> list[bytes]:
    """Those that can be read; as they are, quoting a token, and naming the posting password."""
    found = []
    for file in sorted(SAMPLES.rglob("*.eml")):
        raw = file.read_bytes()
        try:
            parse(raw)
        except MessageError:
            continue
        quoting = raw.replace(b"\n\n", b"\n\n%b\n" % QUOTED.encode(), 1)
        named = raw.replace(b"To: ", b"To: general+secret@example.org, ", 1)
        found += [raw, quoting, subaddress.cut(named, LIST, "secret").raw]
    return found


def _made(raw: bytes, settings: CopySettings) -> bytes | None:
    copy = compose.list_copy(
        raw,
        parse(raw),
        settings,
        message_id="<x@example.org>",
        date=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return None if copy.refusal else compose.rendered(copy, raw)


def _defects(read: Message) -> Counter[str]:
    return Counter(type(one).__name__ for part in read.walk() for one in part.defects)


def _said(read: Message) -> list[tuple[str, bytes]]:
    leaves = (part for part in read.walk() if not part.is_multipart())
    return [
        (part.get_content_type(), bytes(part.get_payload(decode=True) or b"").strip())
        for part in leaves
    ]


@how(deadline=None, max_examples=150)
@given(some.data(), _settings, some.sampled_from(MEMBERS), some.booleans())
def test_a_copy_is_sound_whatever_is_done_to_it_at_once(
    drawn: some.DataObject, settings: CopySettings, member: str, seven_bit: bool
) -> None:
    raw = drawn.draw(some.sampled_from(_samples()))
    before = parse(raw)
    shared = _made(raw, settings)
    if shared is not None and seven_bit:
        shared = message.seven_bit(shared)
    if shared is None:
        return  # nobody gets it, and the delivery says why

    copy = message.template(shared, STAND_INS, seven_bit=seven_bit).copy(member, SECRET)

    assert copy.endswith(b"\r\n")
    assert copy.count(b"\n") == copy.count(b"\r") == copy.count(b"\r\n")
    assert max(map(len, copy.split(b"\r\n"))) <= 998
    assert b"\0" not in copy
    assert b"standin" not in copy
    assert copy.isascii() or not seven_bit
    after = message_from_bytes(copy)
    new = _defects(after) - _defects(message_from_bytes(raw))
    # Python reads no delivery status that is encoded, as RFC 6533 4 would have it in 7 bits.
    assert not new or b"message/global-delivery-status" in raw
    assert mailparser.parse_from_bytes(copy).message_id
    assert all(len(after.get_all(x, [])) == 1 for x in ("List-Id", "List-Unsubscribe", "Sender"))
    assert f"<{WAY_OUT}>" in "".join(after["List-Unsubscribe"].split())
    alone = replace(settings, stand_ins=None)
    alone = replace(alone, footer=placeholders.filled(settings.footer, _own(member)))
    for_him = _made(raw, alone)
    if before.signed or before.encrypted:
        return
    assert QUOTED.encode() not in copy
    if for_him is not None:
        assert _said(message_from_bytes(copy)) == _said(
            message_from_bytes(_sent(for_him, seven_bit))
        )


def _own(member: str) -> dict[str, str]:
    return {"member": member, "unsubscribe": WAY_OUT}


def _sent(octets: bytes, seven_bit: bool) -> bytes:
    return (message.seven_bit(octets) or b"") if seven_bit else octets
