"""Looks at one mailbox step by step, so that it is known what works and what does not.

Nothing changes there: IMAP folders are opened by EXAMINE, and POP3 messages read by TOP. Where the
server has no ACL, the right to delete is asked for by SELECT, which takes the flag \\Recent away
like each poll does.
"""

import ssl
from collections.abc import Callable, Iterator

from listbridge import network, ports
from listbridge.mailbox import connect, explain
from listbridge.mailbox.inspect_imap import ImapVisit
from listbridge.mailbox.inspect_pop import PopVisit
from listbridge.mailbox.link import Link
from listbridge.mailbox.mailbox import MailboxError
from listbridge.mailbox.settings import IncomingSettings
from listbridge.oauth2 import Credential


class Inspection:
    """One look at one mailbox; `drop` and `on_progress` are those of a `Mailbox`."""

    def __init__(self, settings: IncomingSettings, credential: Credential | None) -> None:
        """Prepare; with nothing to log in with, the look ends before that."""
        self._settings = settings
        self._credential = credential
        self._link: Link | None = None
        self._what = ""
        self._report: Callable[[], None] | None = None

    def steps(self) -> Iterator[tuple[str, str | ssl.SSLSocket | MailboxError]]:
        """Yield what was looked at, with what was seen of it or what is wrong.

        Ends after the step that the following ones could not do without.
        """
        try:
            yield from self._steps()
        except MailboxError as err:
            yield self._what, err
        finally:
            self.drop()

    def on_progress(self, report: Callable[[], None]) -> None:
        """Have `report` called whenever a message's header has come in."""
        self._report = report

    def drop(self) -> None:
        """Cut the connection at once, from any thread, waking one that waits; never raises."""
        if self._link is not None:
            self._link.drop()

    def _steps(self) -> Iterator[tuple[str, str | ssl.SSLSocket | MailboxError]]:
        security = self._settings.security
        yield self._at("name"), _addresses(self._settings)
        link = self._dial()
        yield "connection", f"{self._settings.where} accepts it"
        if security == "tls":
            yield self._at("TLS"), self._secured(link)
        visit = self._greeted(link)
        yield "greeting", "the server is ready"
        if security == "starttls":
            yield self._at("TLS"), self._start_tls(link, visit)
        if self._credential is None:
            return
        yield self._at("login"), self._log_in(link, visit, self._credential)
        for what, look in visit.looks():
            yield self._at(what), look()

    def _at(self, what: str) -> str:
        """Note what is looked at from now on, for the case that it fails."""
        self._what = what
        return what

    def _dial(self) -> Link:
        self._at("connection")
        self._link = link = connect.dial(self._settings, at_most=network.LONGEST_LOOK)
        if self._report:
            link.progress = self._report
        return link

    def _secured(self, link: Link) -> str | ssl.SSLSocket:
        context = connect.tls_context(self._settings)
        with link.talking(explain.CONNECTING):
            link.secure(context, self._settings.host)
        return link.tls or "none"

    def _greeted(self, link: Link) -> ImapVisit | PopVisit:
        self._at("greeting")
        settings = self._settings
        visit = ImapVisit if settings.protocol == "imap" else PopVisit
        limit = settings.timeout.total_seconds()
        way = (settings.protocol, settings.effective_port, settings.security)
        with link.talking(explain.CONNECTING):
            link.settimeout(ports.greeting_seconds(*way, limit))
            greeted = visit(settings, link)
            link.settimeout(limit)
        return greeted

    def _start_tls(self, link: Link, visit: ImapVisit | PopVisit) -> str | ssl.SSLSocket:
        context = connect.tls_context(self._settings)
        with link.talking(explain.CONNECTING):
            visit.begin_tls(context)
        return link.tls or "none"

    def _log_in(self, link: Link, visit: ImapVisit | PopVisit, credential: Credential) -> str:
        link.secrets.hide(connect.spellings_of(self._settings, credential))
        with link.talking("logging in"):
            visit.log_in(credential)
        return f"as {self._settings.username}"


def _addresses(settings: IncomingSettings) -> str:
    try:
        found = network.resolve(settings.host, settings.effective_port, settings.ip)
    except OSError as err:
        raise explain.failure(err, settings.where, explain.CONNECTING, explain.Secrets()) from None
    return f"{settings.host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"
