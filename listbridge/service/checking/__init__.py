"""Says in plain words what of a set-up works, what will fail, and how to mend it.

everything   a whole configuration, categories side by side
category     one category, which the store need not know
servers      mailboxes and SMTP accounts
subscribers  who is subscribed
alerts       who is told of trouble, and by which account
store        the database and its disk
files        category files that are wrong
secrets      where passwords come from
signatures   DKIM: keys, and what the DNS says of them
own_sender   the envelope sender of personal copies
probe        a message there and back
"""

from listbridge.service.checking.category import check_category
from listbridge.service.checking.everything import check_everything, every_slug
from listbridge.service.checking.files import broken_file
from listbridge.service.checking.finding import Finding
from listbridge.service.checking.servers import check_incoming, check_outgoing

__all__ = [
    "Finding",
    "broken_file",
    "check_category",
    "check_everything",
    "check_incoming",
    "check_outgoing",
    "every_slug",
]
