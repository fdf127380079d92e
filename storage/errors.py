"""What can go wrong with the store itself, in words an operator can act on."""


class StoreError(Exception):
    """The database cannot be read or written now; nothing of the transaction was kept."""


class LeaseLost(StoreError):
    """Another process has taken the mailbox over meanwhile, so this one must not store."""
