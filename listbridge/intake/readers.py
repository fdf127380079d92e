"""The categories that read one mailbox: most often one, and it may be shared by several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from listbridge.category import Category
from listbridge.intake.tally import Tally
from storage import arrivals
from storage.database import Database
from storage.states import Trouble


@dataclass(frozen=True)
class Reader:
    """A category, as a pass over its mailbox needs it."""

    category: Category
    id: int  #: the store's
    tally: Tally


@dataclass
class Readers:
    """Everybody who reads one mailbox.

    Whoever is not polled now gets what was sent to him all the same, and decides it when he is.
    """

    polled: Sequence[Reader]  #: whose pass it is, at least one; the first leads it
    others: Sequence[Reader] = ()
    #: Arrivals that were taken in, and that have gone; counted once it is known whose they are.
    _fetched: list[int] = field(default_factory=list)
    _deleted: list[int] = field(default_factory=list)

    @property
    def lead(self) -> Reader:
        """The one with which mail stays until it is known whose it is."""
        return self.polled[0]

    @property
    def every(self) -> Sequence[Reader]:
        """All of them, whether they are polled now or not."""
        return [*self.polled, *self.others]

    @property
    def share(self) -> bool:
        """Whether what lies in the mailbox may be for another than the lead."""
        return len(self.polled) + len(self.others) > 1

    @property
    def ids(self) -> list[int]:
        """The store's ids of all of them."""
        return [one.id for one in self.every]

    def known(self, known: Callable[[Category], int]) -> "Readers":
        """Return them with the ids of another store; what is counted is counted here, too."""
        return Readers(
            [replace(one, id=known(one.category)) for one in self.polled],
            [replace(one, id=known(one.category)) for one in self.others],
        )

    def complain(self, sentence: str, trouble: Trouble | None = None) -> None:
        """Tell each of those that are polled what is wrong with their mailbox."""
        for one in self.polled:
            one.tally.complain(sentence, trouble)

    def count_fetched(self, arrival_ids: Sequence[int]) -> None:
        """Count messages that are stored."""
        if self.share:
            self._fetched += arrival_ids
        else:
            self.lead.tally.fetched += len(arrival_ids)

    def count_deleted(self, arrival_ids: Sequence[int]) -> None:
        """Count messages that are verified to be gone."""
        if self.share:
            self._deleted += arrival_ids
        else:
            self.lead.tally.deleted += len(arrival_ids)

    def count_shared(self, db: Database) -> None:
        """Count in the tally of each whatever of it turned out to be his; raises `StoreError`."""
        if not self._fetched and not self._deleted:
            return
        with db.reading() as tx:
            fetched = arrivals.by_category(tx, self._fetched, self.ids)
            deleted = arrivals.by_category(tx, self._deleted, self.ids)
        self._fetched, self._deleted = [], []
        for one in self.polled:
            one.tally.add(fetched=fetched[one.id], deleted=deleted[one.id])
