"""One outgoing account, as all runs of a process see it."""

from dataclasses import dataclass, field

from listbridge import maillog
from listbridge.delivery.ledger import Attempt
from listbridge.errors import ListbridgeError
from listbridge.submission import Courier


@dataclass
class Account:
    """One outgoing account with its courier, and what keeps it from being used now."""

    courier: Courier
    trouble: ListbridgeError | None = None
    cuts: int = 0
    #: Domains over which the server broke off since it took something; each counts once.
    cut_over: set[str] = field(default_factory=set)
    #: What the store was away for too long to record, by the category's id.
    unrecorded: dict[int, list[Attempt]] = field(default_factory=dict)
    #: It takes no sender that names the recipient, so that copies have the list's own address.
    refuses_own_senders: bool = False

    def refuse_own_senders(self, reason: str) -> None:
        """Do without senders that name the recipient; the first time it is told."""
        if not self.refuses_own_senders:
            self.refuses_own_senders = True
            maillog.warning("sender.plain", reason=reason)
