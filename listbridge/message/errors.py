"""What can be wrong with one message.

ListbridgeError
  MessageError       this message cannot be understood; its neighbours can
    TooComplex       it is over one of the caps that keep parsing short
  UnusableKey        a text is no private key to sign with
  AddressError       a text is not an address
"""

from listbridge.errors import ListbridgeError


class MessageError(ListbridgeError):
    """A message that cannot be understood, with the reason; it is set aside, never dropped."""


class TooComplex(MessageError):
    """A message over the caps for head, fields, parts or nesting."""


class UnusableKey(ListbridgeError):
    """A text that is no private key to sign with; the sentence says why."""


class AddressError(ListbridgeError, ValueError):
    """A text that is not one plain mail address; the sentence says why."""
