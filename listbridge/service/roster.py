"""The categories in effect now; a reload replaces them as a whole."""

from dataclasses import dataclass

from listbridge.bootstrap import Installation
from listbridge.bounces import Book
from listbridge.category import Category
from listbridge.config import Service
from listbridge.submission import OutgoingSettings
from storage import categories


@dataclass
class Roster:
    """What every part of the service looks at anew each time."""

    installation: Installation

    def active(self) -> dict[str, Category]:
        """Return the categories that are polled and sent for, by slug; from any thread."""
        one = self.installation  # a reload may replace it meanwhile
        known = one.configuration.categories
        return {slug: known[slug] for slug in one.ids if known[slug].active}

    def crowd(self, slug: str) -> list[str]:
        """Return which active categories read the same mailbox as this one, the lead first."""
        categories = self.installation.configuration.categories
        return [one for one in self.installation.sharing(slug) if categories[one].active]

    @property
    def service(self) -> Service:
        """The settings of the service itself."""
        return self.installation.configuration.service

    def id_of(self, slug: str) -> int:
        """Return the store's id of a category."""
        return self.installation.ids[slug]

    def name_of(self, category_id: int) -> str:
        """Return the slug of the category with this id in the store, or what stands for it."""
        ids = self.installation.ids.items()
        return next((slug for slug, one in ids if one == category_id), categories.SERVICE)

    def sends(self) -> dict[int, OutgoingSettings]:
        """Return the account of everything that sends, the service too, by the store's id."""
        accounts = {
            self.id_of(slug): category.outgoing
            for slug, category in self.active().items()
            if category.outgoing is not None
        }
        ours, service_id = self.service.alert_settings, self.installation.service_id
        return accounts | ({service_id: ours} if ours and service_id is not None else {})

    def book_of(self, category_id: int) -> Book | None:
        """Return where bounces are recorded; None for what is no category but the service."""
        category = self.active().get(self.name_of(category_id))
        return Book(category_id, category) if category else None
