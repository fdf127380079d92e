"""The log: one named event for each thing a postmaster looks for, on stderr.

events     what happened, told wherever it happens
output     where it goes, and how much of it
lines      how a line looks: for people on a terminal, JSON otherwise
"""

from listbridge.maillog.events import debug, error, info, is_on, silence, warning, where
from listbridge.maillog.output import configure

__all__ = ["configure", "debug", "error", "info", "is_on", "silence", "warning", "where"]
