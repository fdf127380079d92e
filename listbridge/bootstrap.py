"""Builds every part from the configuration; the only place that knows them all."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from listbridge import config
from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.delivery.worker import Account
from listbridge.submission import OutgoingSettings, SmtpCourier
from storage import categories
from storage.database import Database, Tx, open_database


@dataclass(frozen=True)
class Installation:
    """One configuration with its database."""

    configuration: Configuration
    db: Database
    ids: dict[str, int]  #: the store's id of each usable category, by slug
    broken: dict[str, str]  #: what is wrong with the others, by slug

    def category(self, slug: str) -> Category:
        """Return a usable category."""
        return self.configuration.categories[slug]


class Accounts:
    """The outgoing accounts in use; categories with the same one share it."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def of(self, settings: OutgoingSettings) -> Account:
        """Return the account these settings mean."""
        if settings.account not in self._accounts:
            self._accounts[settings.account] = Account(SmtpCourier(settings))
        return self._accounts[settings.account]

    async def close(self) -> None:
        """Close all connections."""
        for account in self._accounts.values():
            await account.courier.close()


@contextmanager
def installation(config_file: Path | None, *, register: bool = True) -> Iterator[Installation]:
    """Load the configuration and open its database.

    Unless the categories are to be made known to the store (`register`), the ids of new ones mean
    nothing. Raises `ConfigError` if the service file is wrong, `StoreError` if the database cannot
    be used.
    """
    with store(config_file) as (configuration, db):
        with nullcontext(db) if register else db.rehearsal() as known, known.transaction() as tx:
            ids, broken = _register(tx, configuration)
        yield Installation(configuration, db, ids, broken)


@contextmanager
def store(config_file: Path | None) -> Iterator[tuple[Configuration, Database]]:
    """Load the configuration and open its database as it is, with no category made known."""
    configuration = config.load(config_file)
    db = open_database(configuration.service.database)
    try:
        yield configuration, db
    finally:
        db.close()


def _register(tx: Tx, configuration: Configuration) -> tuple[dict[str, int], dict[str, str]]:
    """Make the categories known to the store; one that looks like a renamed one is refused."""
    broken = {
        slug: "; ".join(str(problem) for problem in problems)
        for slug, problems in configuration.broken.items()
    }
    present = {*configuration.categories, *configuration.broken}
    known = categories.every(tx)
    vanished = {one.address.lower(): one.slug for one in known if one.slug not in present}
    known_slugs = {one.slug for one in known}
    ids: dict[str, int] = {}
    for slug, category in configuration.categories.items():
        old = vanished.get(category.address.lower())
        if slug not in known_slugs and old is not None:
            broken[slug] = (
                f"category {slug!r} has the address of {old!r}, which has no file any more; if it "
                f"is the same one, run `listbridge category rename {old} {slug}`"
            )
        else:
            ids[slug] = categories.keep(tx, slug, category.address).id
    return ids, broken
