"""One message's bytes: read them, know them again, make the copy that subscribers get. No I/O.

headers    the head, field by field, without changing a byte
words      encoded words (RFC 2047) and doubtful charsets
addresses  strict addresses, and the one author of a post
content    the Content-* fields of a part
limits     caps on what reading one message may cost
parts      where each MIME part begins and ends
text       the readable words of a message
files      every file that came along, by name and type
derived    mail-parser's view of the head
messageids Message-ID, References, In-Reply-To
protection signed and encrypted parts
parse      all of it together: ParsedMessage
identity   raw hash, fingerprint, derived Message-ID
robots     bounces, auto-replies, loops, commands
own_words  an answer without what it quotes
decisions  what a moderator answers
compose    the copy for subscribers, made of:
           authorship, replies, subject, listfields, dropping, pages, footer, recode, dkim
personal   one message, and each recipient's own copy of it
signing    DKIM signatures of our own
edits      the bytes with some of them replaced
digest     several posts in one mail, as text or attached
opening    the first lines of a text
placeholders  names in braces, in texts of operators
wire       the bytes that may leave
"""

from listbridge.message.addresses import Entry, entries, key, normalise
from listbridge.message.commands import Command, Word, command, is_for_commands, leaves
from listbridge.message.compose import (
    CopySettings,
    ListCopy,
    list_copy,
    list_id,
    rendered,
    seven_bit,
    wire,
)
from listbridge.message.dropping import Drops
from listbridge.message.errors import AddressError, MessageError, TooComplex, UnusableKey
from listbridge.message.footer import NAMES as FOOTER_NAMES
from listbridge.message.footer import PERSONAL_NAMES as PERSONAL_FOOTER_NAMES
from listbridge.message.glance import Glance, glance, glance_id
from listbridge.message.headers import Head, body_start, split
from listbridge.message.identity import derived_message_id, fingerprint, raw_hash
from listbridge.message.parse import Attachment, ParsedMessage, parse
from listbridge.message.parts import head
from listbridge.message.personal import StandIns, Template, new_stand_ins, template
from listbridge.message.robots import (
    bounce_reason,
    loop_reason,
    passed,
    robot_reason,
    unanswerable_reason,
)
from listbridge.message.signing import Key, Seal, Signer, seal, signing_key
from listbridge.message.subject import is_answer, topic
from listbridge.message.tokens import blotted_bytes, without_tokens

__all__ = [
    "FOOTER_NAMES",
    "PERSONAL_FOOTER_NAMES",
    "AddressError",
    "Attachment",
    "Command",
    "CopySettings",
    "Drops",
    "Entry",
    "Glance",
    "Head",
    "Key",
    "ListCopy",
    "MessageError",
    "ParsedMessage",
    "Seal",
    "Signer",
    "StandIns",
    "Template",
    "TooComplex",
    "UnusableKey",
    "Word",
    "blotted_bytes",
    "body_start",
    "bounce_reason",
    "command",
    "derived_message_id",
    "entries",
    "fingerprint",
    "glance",
    "glance_id",
    "head",
    "is_answer",
    "is_for_commands",
    "key",
    "leaves",
    "list_copy",
    "list_id",
    "loop_reason",
    "new_stand_ins",
    "normalise",
    "parse",
    "passed",
    "raw_hash",
    "rendered",
    "robot_reason",
    "seal",
    "seven_bit",
    "signing_key",
    "split",
    "template",
    "topic",
    "unanswerable_reason",
    "wire",
    "without_tokens",
]
