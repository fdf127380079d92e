"""What there is to see in a POP3 account: how many messages wait, and since when."""

import ssl
from collections.abc import Callable, Iterator

from listbridge.mailbox import pop_client, pop_dates, waiting
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import Listed, MailboxError
from listbridge.mailbox.pop import PopMailbox
from listbridge.mailbox.settings import IncomingSettings
from listbridge.oauth2 import Credential

# Maildrops list the oldest messages first; reading the dates of thousands would take minutes.
_DATES_READ = 20


class PopVisit:
    """A POP3 connection whose greeting was fine."""

    def __init__(self, settings: IncomingSettings, link: Link) -> None:
        self._settings = settings
        self._link = link
        self._client = pop_client.Client(link)

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """STLS, required."""
        self._client.begin_tls(context, self._settings.host)

    def log_in(self, credential: Credential) -> None:
        """Log in."""
        pop_client.log_in(self._client, self._settings, credential)

    def looks(self) -> Iterator[tuple[str, Callable[[], str | MailboxError]]]:
        """Yield what to look at after the login, each with how."""
        yield "waiting", self._count

    def _count(self) -> str | MailboxError:
        box = PopMailbox(self._settings, self._link, self._client, read_only=True)
        waits = box.list()
        with self._link.talking("counting the messages"):
            every = len(self._client.sizes())
            heads = [self._client.head(one) for one in self._without_date(waits)]
        dates = [found for head in heads if head and (found := pop_dates.arrival_date(head))]
        return waiting.judged(self._settings, every, len(waits), min(dates, default=None))

    def _without_date(self, waits: list[Listed]) -> list[Listed]:
        """Return the messages whose date matters: with `since` none is old."""
        return waits[:_DATES_READ] if self._settings.since is None else []
