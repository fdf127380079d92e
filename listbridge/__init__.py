"""listbridge turns any ordinary mailbox into a mailing list."""

__version__ = "0.1.0"
