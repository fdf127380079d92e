"""Mail sessions: where the settings of servers come from, if not from the category itself.

overlay    JavaMail properties that override fields
read_file  one session of a file of Liferay, Tomcat, WebLogic or WebSphere
read_all   everything in such a file

All of them return tables with the keys of [incoming] and [outgoing], to be checked as if they
stood in one of our own files.
"""

from listbridge.mailsession.chosen import read_file
from listbridge.mailsession.foreign import (
    ForeignCategory,
    ForeignFile,
    ForeignSession,
    SourceError,
)
from listbridge.mailsession.javamail import Reading, overlay
from listbridge.mailsession.remarks import Remark
from listbridge.mailsession.sources.detect import read as read_all

__all__ = [
    "ForeignCategory",
    "ForeignFile",
    "ForeignSession",
    "Reading",
    "Remark",
    "SourceError",
    "overlay",
    "read_all",
    "read_file",
]
