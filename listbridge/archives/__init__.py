"""Archives of mail in and out: what a list has said before it came here, and since.

mbox        messages one behind the other in a file (RFC 4155), read and written as they come
maildir     a message in each file of a folder
taking_in   archived messages into the store, as history that is sent to nobody
"""

from listbridge.archives import maildir, mbox
from listbridge.archives.archived import Archived
from listbridge.archives.taking_in import TakenIn, take_in

__all__ = ["Archived", "TakenIn", "maildir", "mbox", "take_in"]
