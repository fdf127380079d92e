"""To which of the categories that read one mailbox a message was sent; no I/O.

The envelope's recipient is lost when mail lies in a mailbox. What is left of it is what people
wrote, and what servers on the way noted down.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from listbridge import message
from listbridge.errors import ListbridgeError
from listbridge.message import AddressError, Head

# What people write. Who sends a message on anew names the new recipients in fields of their own
# (RFC 5322 3.6.6); to those of the first time it was sent as well.
_WRITTEN = ("To", "Cc", "Resent-To", "Resent-Cc")
# What servers note of the envelope: most of them in Delivered-To, Postfix before it follows an
# alias in X-Original-To, Exim and with it cPanel in Envelope-To, older programs in X-Envelope-To.
_NOTED = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")

# To check an address takes time, and a header has room for thousands.
_MOST_CHECKED = 200
_MOST_NAMED = 5


class NotForUs(ListbridgeError):
    """A message in the mailbox that was sent to none of its categories, or nobody can say."""


def sent_to(head: Head, addresses: Mapping[str, str], account: str) -> list[str]:
    """Return who of these was written to, in their order; raise `NotForUs` if it is nobody.

    `addresses` are those of the categories, by slug; `account` is the mailbox's user name. Many
    servers note the account for everything that comes, aliases included: so if that is the address
    of a category, the note counts only where nothing else says more.
    """
    search = _Search({message.key(one): slug for slug, one in addresses.items()})
    for name in _WRITTEN:
        for one in head.all(name):
            search.read(one.value)
    by_account: set[str] = set()
    for name in _NOTED:
        for one in head.all(name):
            for noted in search.noted(one.value):
                found = by_account if _is_account(noted, account) else search.found
                found |= search.match(noted)
    found = search.found or by_account
    if doubtful := search.doubtful(found):
        raise NotForUs(f"its header may name {_named(doubtful)}, but cannot be read for certain")
    if not found:
        raise NotForUs(
            f"it was sent to none of {_named(addresses.values())}, which share this mailbox"
        )
    return [slug for slug in addresses if slug in found]


@dataclass
class _Search:
    """Looks for addresses in one header."""

    wanted: Mapping[str, str]  #: slugs by the key of their address
    found: set[str] = field(default_factory=set)
    _unread: list[str] = field(default_factory=list)
    _checked: int = 0

    @cached_property
    def _parts(self) -> list[tuple[str, str]]:
        """The local parts and the domains of the wanted addresses."""
        split = (address.rpartition("@") for address in self.wanted)
        return [(local, domain) for local, _, domain in split]

    def read(self, value: bytes) -> None:
        """Find whom a field names; what can be read in two ways is remembered."""
        try:
            entries = message.entries(value)
        except AddressError:
            self._unread.append(message.key(value.decode("utf-8", "replace")))
            return
        for entry in entries:
            text = message.key(entry.text)
            if not self._may_match(text):
                continue
            try:
                self.found |= self.match(self._checked_address(entry))
            except AddressError:
                self._unread.append(text)

    def noted(self, value: bytes) -> Iterator[str]:
        """Yield what a server noted; some note other things in the same field."""
        try:
            for entry in message.entries(value):
                if self._may_match(message.key(entry.text)):
                    yield self._checked_address(entry)
        except AddressError:
            return

    def match(self, address: str) -> set[str]:
        """Return who has this address, or has it without some of its tags (`local+tag@domain`).

        An alias for commands, such as `local-request@domain`, is one of these too.
        """
        whole, _, domain = message.key(address).rpartition("@")
        local = whole
        while local:
            if (slug := self.wanted.get(f"{local}@{domain}")) is not None:
                return {slug}
            local, _, _ = local.rpartition("+")
        return {
            self.wanted[f"{own}@{domain}"]
            for own, its_domain in self._parts
            if its_domain == domain and message.is_for_commands(whole, own)
        }

    def doubtful(self, found: Collection[str]) -> list[str]:
        """Return whose address is part of what could not be read, if they are not found anyway."""
        return [
            address
            for address, slug in self.wanted.items()
            if slug not in found and any(address in text for text in self._unread)
        ]

    def _may_match(self, text: str) -> bool:
        # Whether it does is then found out strictly; beyond ASCII there are several spellings.
        return not text.isascii() or any(x in text and y in text for x, y in self._parts)

    def _checked_address(self, entry: message.Entry) -> str:
        self._checked += 1
        if self._checked > _MOST_CHECKED:
            raise AddressError(f"more than {_MOST_CHECKED} addresses look like ours")
        return entry.mailbox().address


def _is_account(address: str, account: str) -> bool:
    # Where the login is a bare name, servers add the domain they like.
    key, login = message.key(address), message.key(account)
    return key == login or ("@" not in login and key.rpartition("@")[0] == login)


def _named(addresses: Collection[str]) -> str:
    named = ", ".join(sorted(addresses)[:_MOST_NAMED])
    more = len(addresses) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
