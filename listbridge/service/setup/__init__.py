"""From a few answers to the files of a new list.

answers    what has to be known of it, and what follows from its address
servers    a mail server as people name it
origin     whose servers an address has: a known provider's, or those its domain names
guess      servers that may be the right ones for any other address, tried by connecting
tables     what the answers come to, as tables of a file
files      what is written, word for word
place      where it is written: beside the categories that are there
writing    all or nothing, and over nothing
imported   mail sessions and list settings of other systems
"""

from listbridge.service.setup.answers import (
    Answers,
    SetupError,
    first_day,
    name_for,
    slug_for,
)
from listbridge.service.setup.place import Place, Plan
from listbridge.service.setup.servers import Server
from listbridge.service.setup.writing import NewFile, write

__all__ = [
    "Answers",
    "NewFile",
    "Place",
    "Plan",
    "Server",
    "SetupError",
    "first_day",
    "name_for",
    "slug_for",
    "write",
]
