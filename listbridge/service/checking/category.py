"""Findings about one category, from its files to its servers."""

from collections.abc import Iterable, Iterator

from listbridge.category import Category
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.service.checking.own_sender import check_own_sender
from listbridge.service.checking.probe import probe as send_probe
from listbridge.service.checking.provider import check_provider
from listbridge.service.checking.servers import (
    Accounts,
    check_incoming,
    check_incoming_password,
    check_outgoing_password,
)
from listbridge.service.checking.signatures import check_signatures
from listbridge.service.checking.subscribers import check_subscribers, somebody
from listbridge.submission import Envelope
from storage.database import Database


def check_category(
    category: Category,
    *,
    offline: bool = False,
    probe: bool = False,
    db: Database | None = None,
    accounts: Accounts | None = None,
    people: Iterable[str] = (),
) -> Iterator[Finding]:
    """Yield findings about files and secrets and, unless `offline`, about both servers.

    The store need not know the category; without `db` the store is not asked at all. `accounts`
    remembers what other categories have found out about accounts they share with this one.
    `people`: who is to be subscribed, beside those who are.
    `probe` sends a message and waits for it, if everything else is well.
    """
    well = True
    steps = (
        _offline(category, db) if offline else _online(category, db, accounts or Accounts(), people)
    )
    for finding in steps:
        well &= finding.ok
        yield finding
    if probe:
        yield from _probed(category, db, well)


def _offline(category: Category, db: Database | None) -> Iterator[Finding]:
    yield from check_subscribers(category, db)
    if category.incoming is not None:
        yield check_incoming_password(category.slug, category.incoming)
    if category.outgoing is not None:
        yield check_outgoing_password(category.slug, category.outgoing)
        yield from _sent_mail(category, offline=True)


def _online(
    category: Category, db: Database | None, accounts: Accounts, people: Iterable[str]
) -> Iterator[Finding]:
    subscribed = yield from check_subscribers(category, db)
    if category.incoming is not None:
        yield from check_incoming(category.slug, category.incoming)
    if category.outgoing is not None:
        max_size, address = category.posting.max_size, category.address
        envelope = Envelope(address, (somebody(address, (*subscribed, *people)),))
        named = envelope if address.isascii() else None  # Else not every server can be asked.
        yield from accounts.check(category.slug, category.outgoing, max_size, named)
        yield from _sent_mail(category, offline=False)


def _sent_mail(category: Category, *, offline: bool) -> Iterator[Finding]:
    yield from check_provider(category)
    yield from check_own_sender(category)
    dkim = category.outgoing.dkim if category.outgoing else None
    if dkim is not None:
        yield from check_signatures(category.slug, category.address, dkim, offline=offline)


def _probed(category: Category, db: Database | None, well: bool) -> list[Finding]:
    if category.incoming is None or category.outgoing is None:
        seen = "not possible without both [incoming] and [outgoing]"
        return [fine(category.slug, "probe", seen)]
    if not well:
        seen = "something else is wrong, so no message was sent"
        return [wrong(category.slug, "probe", seen, "mend that first")]
    return send_probe(category, category.incoming, category.outgoing, db)
