"""What the demo must have led to, compared with the store, the mailboxes and what was received."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from email import policy
from email.parser import BytesHeaderParser

from listbridge.demo.expectations import Expectations
from listbridge.demo.records import Record, Records
from listbridge.demo.samples import LISTS, REFUSALS, Fate, MailingList, Sample
from listbridge.demo.servers import Servers
from listbridge.intake.tally import Tally
from storage.states import DeliveryState, InboundState, PostState, Result

_FATES: dict[Fate, tuple[InboundState, Result | None, PostState | None]] = {
    "posts": (InboundState.PROCESSED, Result.POST, PostState.ACCEPTED),
    "replies": (InboundState.PROCESSED, Result.REPLY, PostState.ACCEPTED),
    "held": (InboundState.PROCESSED, Result.POST, PostState.HELD),
    "duplicates": (InboundState.PROCESSED, Result.DUPLICATE, None),
    "robots": (InboundState.PROCESSED, Result.ROBOT, None),
    "shunted": (InboundState.SHUNTED, None, None),
}


async def mailboxes_hold(servers: Servers, expect: Expectations, *, everything: bool) -> None:
    """Everything that was put into the mailboxes lies there, or nothing any more."""
    for one in LISTS:
        expected = len(one.samples) if everything else 0
        seen = await servers.count(one.address)
        expect.equal(f"messages in the mailbox of {one.address}", seen, expected)


def tallies(seen: Sequence[Tally], expected: Sequence[Tally], expect: Expectations) -> None:
    """A round came to these numbers, and nothing had to be complained about."""
    by_category = {one.category: one for one in seen}
    for one in expected:
        seen_one = by_category.get(one.category, Tally("none"))
        expect.equal(f"poll-once for {one.category}", _numbers(seen_one), _numbers(one))


def fates(records: Records, expect: Expectations) -> None:
    """Each message became what it should; replies hang below the posts they answer."""
    for one in LISTS:
        messages = records.of(one.slug)
        expect.equal(f"messages on record for {one.slug}", len(messages), len(one.samples))
        pairs = zip(one.samples, messages, strict=False)
        by_file = {x.file: record for x, record in pairs if record.post is not None}
        for sample, record in zip(one.samples, messages, strict=False):
            _fate(sample, record, by_file, expect)


def _fate(sample: Sample, record: Record, by_file: dict[str, Record], expect: Expectations) -> None:
    post = record.post
    became = (record.inbound.state, record.inbound.result, post.state if post else None)
    expect.equal(f"what became of {sample.file}", became, _FATES[sample.fate])
    if sample.fate in ("duplicates", "robots", "held", "shunted"):
        reason = record.inbound.reason or (post.reason if post else None)
        expect.true(bool(reason), f"there is no reason on record why {sample.file} was set aside")
    elif post is not None:
        parent = by_file.get(sample.answers) if sample.answers else None
        expected = parent.post.id if parent and parent.post else None
        expect.equal(f"the post that {sample.file} answers", post.parent_id, expected)


def copies(servers: Servers, sent: dict[str, list[Sample]], expect: Expectations) -> None:
    """Every subscriber got every accepted post once, its body byte for byte, and nothing else."""
    expected: dict[str, Counter[tuple[str, str, bytes]]] = {}
    for one in LISTS:
        for address in one.subscribers.keys() - REFUSALS.keys():
            wanted = ((str(x.head["Message-ID"]), _list_id(one), x.body) for x in sent[one.slug])
            expected.setdefault(address, Counter()).update(wanted)
    got = {
        address: Counter(_copy(raw) for raw in received)
        for address, received in servers.relay.received.items()
    }
    expect.equal("who got anything", sorted(got), sorted(expected))
    for address, copies_ in expected.items():
        seen = got.get(address, Counter())
        expect.true(
            seen == copies_,
            f"{address} should have {copies_.total()} messages as their authors wrote them, and "
            f"has {(seen & copies_).total()} of those and {(seen - copies_).total()} others",
        )


def outcomes(records: Records, sent: dict[str, list[Sample]], expect: Expectations) -> None:
    """Each delivery is in the state that the server's answer means, with the server's words."""
    for one in LISTS:
        for address in one.subscribers:
            refusal = REFUSALS.get(address, "250")
            state = {"2": DeliveryState.SENT, "4": DeliveryState.DEFERRED}.get(
                refusal[0], DeliveryState.FAILED
            )
            seen = records.outcomes(one.slug, address)
            what = f"the copies of {one.slug} for {address}"
            expect.equal(what, dict(seen), {state: len(sent[one.slug])})
    for address, refusal in REFUSALS.items():
        expect.equal(f"the server's words for {address}", records.last_words(address), refusal)


def audit(records: Records, expect: Expectations) -> None:
    """The audit finds nothing wrong."""
    expect.equal("what the audit found", records.problems, ())


def _numbers(tally: Tally) -> dict[str, object]:
    """Return what a tally says, without what it counted none of."""
    return {name: value for name, value in asdict(tally).items() if value}


def _list_id(one: MailingList) -> str:
    return one.address.replace("@", ".")


def _copy(raw: bytes) -> tuple[str, str, bytes]:
    """Return the Message-ID, list id and body of a message that was received."""
    head = BytesHeaderParser(policy=policy.default).parsebytes(raw)
    list_id = str(head["List-Id"]).rpartition("<")[2].rstrip(">")
    return str(head["Message-ID"]), list_id, raw.partition(b"\r\n\r\n")[2]
