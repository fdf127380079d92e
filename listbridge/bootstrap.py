"""Builds every part from the configuration; the only place that knows them all."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from listbridge import clock, config
from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.delivery.worker import Account
from listbridge.errors import ConfigError
from listbridge.intake.readers import Reader, Readers
from listbridge.intake.tally import Tally
from listbridge.submission import OutgoingSettings, SmtpCourier
from storage import categories, restored, service_mail
from storage.categories import Category as KnownCategory
from storage.database import Database, Tx
from storage.opening import Condition, condition, open_database


@dataclass(frozen=True)
class Installation:
    """One configuration with its database."""

    configuration: Configuration
    db: Database
    ids: dict[str, int]  #: the store's id of each usable category, by slug
    broken: dict[str, str]  #: what is wrong with the others, by slug
    service_id: int | None = None  #: under which the store has mail of the service itself

    def category(self, slug: str) -> Category:
        """Return a usable category."""
        return self.configuration.categories[slug]

    def reader(self, slug: str) -> Reader:
        """Return a usable category, with nothing counted yet."""
        return Reader(self.category(slug), self.ids[slug], Tally(slug))

    def crowds(self, slugs: Iterable[str]) -> list[list[str]]:
        """Put those of these categories together that read the same mailbox, in their order."""
        crowds: dict[tuple[str, ...], list[str]] = {}
        for slug in slugs:
            crowds.setdefault(self.sharing(slug), []).append(slug)
        return list(crowds.values())

    def readers(self, slugs: Sequence[str]) -> Readers:
        """Return everybody who reads the mailbox of these categories, which share it."""
        others = [one for one in self.sharing(slugs[0]) if one not in slugs]
        return Readers([*map(self.reader, slugs)], [*map(self.reader, others)])

    def sharing(self, slug: str) -> tuple[str, ...]:
        """Return who reads the same mailbox: the category itself, and inactive ones, too."""
        return self._sharing.get(slug, ())

    @cached_property
    def _sharing(self) -> dict[str, tuple[str, ...]]:
        places: dict[str, list[str]] = {}
        for slug in self.ids:
            incoming = self.category(slug).incoming
            # No place of a mailbox looks like a slug: it has a host behind an @.
            places.setdefault(incoming.common_place() if incoming else slug, []).append(slug)
        return {slug: tuple(some) for some in places.values() for slug in some}


class Accounts:
    """The outgoing accounts in use; categories with the same one share it."""

    def __init__(self) -> None:
        self._accounts: dict[str, tuple[OutgoingSettings, Account]] = {}

    def of(self, settings: OutgoingSettings) -> Account:
        """Return the account these settings mean."""
        if settings.account not in self._accounts:
            self._accounts[settings.account] = (settings, Account(SmtpCourier(settings)))
        return self._accounts[settings.account][1]

    async def renew(self, settings: OutgoingSettings) -> None:
        """Begin anew with an account that was in trouble, once somebody uses it again."""
        known = self._accounts.pop(settings.account, None)
        if known is not None:
            new = Account(SmtpCourier(settings), unrecorded=known[1].unrecorded)
            self._accounts[settings.account] = (settings, new)
            await known[1].courier.close()

    async def close_idle(self) -> None:
        """Close connections that nobody has used for a while."""
        for _, account in list(self._accounts.values()):
            await account.courier.close_idle()

    async def close(self, *, unless: Collection[OutgoingSettings] = ()) -> None:
        """Close the connections of all accounts whose settings are not still in use.

        What is just being sent over them comes to its end.
        """
        for name, (settings, account) in list(self._accounts.items()):
            if settings not in unless:
                del self._accounts[name]
                await account.courier.close()


@contextmanager
def installation(config_file: Path | None, *, register: bool = True) -> Iterator[Installation]:
    """Load the configuration and open its database.

    Unless the categories are to be made known to the store (`register`), the ids of new ones mean
    nothing. Raises `ConfigError` if the service file is wrong, `StoreError` if the database cannot
    be used.
    """
    with store(config_file, make=register) as (configuration, db):
        with nullcontext(db) if register else db.rehearsal() as known, known.transaction() as tx:
            ids, broken = _register(tx, configuration)
            service_id = service_mail.category_id(tx)
        yield Installation(configuration, db, ids, broken, service_id)


def note_start(db: Database) -> None:
    """Have the store notice if an old state of it was put back; before anything is taken in.

    Commands that only look, or change what people decide, leave the store's count alone.
    """
    with db.transaction() as tx:
        seen = restored.look(tx, clock.now())
    restored.keep_beside(db, seen)


def reloaded(current: Installation) -> Installation:
    """Read the files again, over the same database; raise `ConfigError` if the service file is bad.

    A category whose file is broken now stays as it is, and all of them do when their folder is
    gone, as after a failed mount. Another database is not changed to.
    """
    before = current.configuration
    configuration = config.load(before.service.file, before.categories)
    if configuration.service.database != before.service.database:
        raise ConfigError("the service file names another database; restart to change to it")
    folder = configuration.service.categories
    if current.ids and not folder.is_dir():
        raise ConfigError(f"the folder of category files {folder} is gone; nothing has changed")
    with current.db.transaction() as tx:
        ids, broken = _register(tx, configuration)
    return Installation(configuration, current.db, ids, broken, current.service_id)


@contextmanager
def store(
    config_file: Path | None, *, make: bool = True
) -> Iterator[tuple[Configuration, Database]]:
    """Load the configuration and open its database as it is, with no category made known.

    Where there is none yet it is made, or else an empty one that goes when the block ends.
    """
    configuration = config.load(config_file)
    url = configuration.service.database
    with ExitStack() as at_the_end:
        if not make and condition(url) is Condition.MISSING:
            folder = at_the_end.enter_context(TemporaryDirectory(prefix="listbridge-"))
            url = f"sqlite:///{folder}/listbridge.db"
        db = open_database(url)
        at_the_end.callback(db.close)
        yield configuration, db


def broken_categories(
    configuration: Configuration, known: Sequence[KnownCategory]
) -> dict[str, str]:
    """Say what keeps categories from being used, by slug: their file, or a name that got lost.

    `known` are the categories of the store; a new one that looks like a renamed one is refused.
    """
    files = {
        slug: "; ".join(str(problem) for problem in problems)
        for slug, problems in configuration.broken.items()
    }
    return files | _renamed(configuration, known)


def _renamed(configuration: Configuration, known: Sequence[KnownCategory]) -> dict[str, str]:
    """Say of which new categories it looks as if they were old ones under another name."""
    present = {*configuration.categories, *configuration.broken}
    vanished = {one.address.lower(): one.slug for one in known if one.slug not in present}
    new = configuration.categories.keys() - {one.slug for one in known}
    return {
        slug: (
            f"category {slug!r} has the address of {old!r}, which has no file any more; if it "
            f"is the same one, run `listbridge category rename {old} {slug}`"
        )
        for slug in new
        if (old := vanished.get(configuration.categories[slug].address.lower()))
    }


def _register(tx: Tx, configuration: Configuration) -> tuple[dict[str, int], dict[str, str]]:
    """Make the usable categories known to the store; return their ids, and why others are not.

    A category that is kept although its file is broken now is among both.
    """
    known = categories.every(tx)
    usable = configuration.categories.keys() - _renamed(configuration, known).keys()
    ids = {
        slug: categories.keep(tx, slug, category.address).id
        for slug, category in configuration.categories.items()
        if slug in usable
    }
    return ids, broken_categories(configuration, known)
