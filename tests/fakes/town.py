"""People who write to a category, and what the outbox then has for them."""

import email
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from listbridge import clock
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.service import duties
from listbridge.submission import OutgoingSettings
from storage import raw_messages, suspensions
from storage import subscriptions as store
from storage.states import Origin
from storage.subscriptions import Subscription
from tests.fakes.office import Office, counted, letter

SENDING = OutgoingSettings(host="smtp.example.org")
TOKEN = re.compile(r"confirm-[a-z2-7]{26}")


@dataclass
class Town:
    """The category's office, and how many letters it got."""

    office: Office
    letters: int = 0
    _seen: int = field(default=0)

    def change(self, **settings: Any) -> None:
        """Give the category other settings."""
        self.office.category = self.office.category.model_copy(update=settings)

    def member(self, *addresses: str, **wishes: Any) -> None:
        """Subscribe people, and let them wish things."""
        with self.office.db.transaction() as tx:
            for one in addresses:
                subscriptions.subscribe(tx, self.office.category_id, one, "", Origin.ADMIN)
                if wishes:
                    store.change(tx, self.office.category_id, one.lower(), clock.now(), **wishes)

    def write(self, subject: str, sender: str = "ann@example.net", **fields: str) -> dict[str, int]:
        """Hand a letter in and have it decided; return the counters that are not zero."""
        self.letters += 1
        raw = letter(self.letters, **{"From": sender, "Subject": subject, **fields})
        return self.hand_in(raw)

    def hand_in(self, raw: bytes) -> dict[str, int]:
        tally = Tally("general")
        inbound_id = self.office.hand_in(raw)
        dispatch(self.office.db, self.office.reader(tally), inbound_id)
        self.last = self.office.inbound(inbound_id)
        return counted(tally)

    def end_of_pass(self) -> None:
        """See to what the category owes by now."""
        duties.see_to(self.office.db, self.office.reader(Tally("general")))

    def send(self) -> None:
        """Let everything that is unsent have been sent."""
        with self.office.db.transaction() as tx:
            tx.exec_driver_sql("UPDATE deliveries SET state = 'sent' WHERE state = 'pending'")

    def suspend(self, address: str) -> None:
        """Let so much have come back from a subscriber that he is suspended."""
        with self.office.db.transaction() as tx:
            suspensions.suspend(tx, self.office.category_id, address, clock.now())

    def notices(self) -> list[EmailMessage]:
        """Return the notices that were written since the last time."""
        with self.office.db.reading() as tx:
            kinds = "kind IN ('notice', 'probe')"
            query = f"SELECT id, raw_id FROM outgoing WHERE {kinds} AND id > ? ORDER BY id"
            rows = tx.exec_driver_sql(query, (self._seen,)).all()
            self._seen = max([self._seen, *(row[0] for row in rows)])
            raws = [raw_messages.read(tx, row[1]) for row in rows]
        return [email.message_from_bytes(raw, policy=default) for raw in raws]  # type: ignore[misc]

    def text(self, to: str | None = None) -> str:
        """Return the text of the one new notice, or of the one to an address."""
        [one] = [x for x in self.notices() if to in (None, x["To"])]
        body = one.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")

    def told(self) -> list[tuple[str, str]]:
        """Return to whom they go, and their subjects, without tokens."""
        return [(str(x["To"]), TOKEN.sub("", str(x["Subject"]))) for x in self.notices()]

    def token(self) -> str:
        """Return the token in the one new notice."""
        [asked] = self.notices()
        [found] = TOKEN.findall(str(asked["Subject"]))
        return str(found)

    def subscription(self, address: str = "ann@example.net") -> Subscription | None:
        with self.office.db.reading() as tx:
            return store.find(tx, self.office.category_id, address)

    def state(self, address: str = "ann@example.net") -> str | None:
        """Return the state of a subscription."""
        found = self.subscription(address)
        return found.state.value if found else None

    def gets(self, subject: str, sender: str) -> list[str]:
        """Post something and return who gets it."""
        self.write(subject, sender)
        query = (
            "SELECT recipient FROM deliveries JOIN outgoing ON outgoing.id = outgoing_id "
            "WHERE post_id = (SELECT max(id) FROM posts) ORDER BY recipient"
        )
        with self.office.db.reading() as tx:
            return [row[0] for row in tx.exec_driver_sql(query)]
