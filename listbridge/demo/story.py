"""The story the demo tells: mail in two mailboxes, a round, another one, a moderator's decision."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console

from listbridge.demo import checks, furnish, live, rounds, servers, show
from listbridge.demo.expectations import Expectations
from listbridge.demo.records import Records
from listbridge.demo.samples import ANNOUNCEMENTS, GENERAL, LISTS, Sample
from listbridge.demo.servers import Ports, Servers
from listbridge.intake.tally import Tally
from storage.states import PostState


async def play(console: Console, *, once: bool) -> bool:
    """Tell the story on servers of our own; True if all of it came out as it should.

    Without `once` the servers stay up after it until Ctrl-C.
    """
    expect = Expectations()
    begun = monotonic()
    with TemporaryDirectory(prefix="listbridge-demo-") as folder:
        async with servers.running() as (mail, ports):
            await furnish.open_accounts(mail)
            config_file = furnish.write_configuration(Path(folder), ports)
            _introduce(console, ports)
            records = await _tell(console, mail, config_file, expect)
            _conclude(console, expect, monotonic() - begun)
            if not once:
                await live.go_on(console, config_file, ports, len(records.messages))
    return expect.all_held


def _introduce(console: Console, ports: Ports) -> None:
    show.line(console, "listbridge turns mailboxes into mailing lists", "bold")
    where = f"IMAP {ports.imap}, POP3 {ports.pop}, SMTP {ports.smtp}"
    show.line(console, f"  on mail servers of its own, at these ports: {where}", "dim")


async def _tell(
    console: Console, mail: Servers, config_file: Path, expect: Expectations
) -> Records:
    show.heading(console, "In the mailboxes")
    await _drop_in(mail, expect)
    show.mailboxes(console)

    show.heading(console, "$ listbridge poll-once")
    records = await _round(console, config_file, [one.first_round for one in LISTS], expect)
    checks.fates(records, expect)
    await _expect_sent(mail, records, expect, _accepted())

    show.heading(console, "The posts, and what answers what")
    show.threads(console, records)
    show.heading(console, "Who got what")
    show.recipients(console, records)
    show.heading(console, "Not posted, and why")
    show.set_aside(console, records)

    show.heading(console, "$ listbridge poll-once    # again: nothing is sent twice")
    records = await _round(console, config_file, [Tally(one.slug) for one in LISTS], expect)
    await _expect_sent(mail, records, expect, _accepted())

    records = await _let_in(console, config_file, records, expect)
    await _expect_sent(mail, records, expect, _accepted(with_held=True))
    show.heading(console, "$ listbridge audit")
    show.audit(console, records)
    return records


async def _drop_in(mail: Servers, expect: Expectations) -> None:
    for one in LISTS:
        for sample in one.samples:
            await mail.deliver(sample.sender, one.address, sample.raw)
    await checks.mailboxes_hold(mail, expect, everything=True)


async def _let_in(
    console: Console, config_file: Path, records: Records, expect: Expectations
) -> Records:
    """A moderator approves what is held, and the next round sends it."""
    for post in records.posts(GENERAL.slug, PostState.HELD):
        show.heading(console, f"$ listbridge held approve {post.id} && listbridge poll-once")
        approved = rounds.approve(config_file, post)
        expect.true(approved, f"the held post {post.id} could not be approved")
    sent = [Tally(GENERAL.slug, sent=5, deferred=1, failed=1), Tally(ANNOUNCEMENTS.slug)]
    return await _round(console, config_file, sent, expect)


async def _round(
    console: Console, config_file: Path, expected: list[Tally], expect: Expectations
) -> Records:
    """Poll and send once, and compare with what it should come to."""
    done = await rounds.poll(config_file)
    show.tallies(console, done.tallies)
    checks.tallies(done.tallies, expected, expect)
    expect.equal("warnings about the configuration", done.warnings, ())
    return done.records


async def _expect_sent(
    mail: Servers, records: Records, expect: Expectations, sent: dict[str, list[Sample]]
) -> None:
    """Check what must be true after every round."""
    await checks.mailboxes_hold(mail, expect, everything=False)
    checks.copies(mail, sent, expect)
    checks.outcomes(records, sent, expect)
    checks.audit(records, expect)


def _accepted(*, with_held: bool = False) -> dict[str, list[Sample]]:
    held = ("held",) if with_held else ()
    return {one.slug: one.fated("posts", "replies", *held) for one in LISTS}


def _conclude(console: Console, expect: Expectations, seconds: float) -> None:
    show.line(console)
    if expect.all_held:
        text = f"All {expect.checked} expectations held, in {seconds:.1f} seconds."
        show.line(console, text, "bold green")
        return
    for sentence in expect.failed:
        show.line(console, f"not as it should be: {sentence}", "red")
    text = f"{len(expect.failed)} of {expect.checked} expectations did not hold."
    show.line(console, text, "bold red")
