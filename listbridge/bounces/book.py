"""The bounces of one category: each is put on record, and what it means for the member is done.

A report counts only if it names a message that has really been sent to that subscriber not long
ago: by its Message-ID or, save for complaints, by the VERP address of his own copy. Anybody can
write a report; whoever has neither of them blames nobody. All members know the Message-ID, so of a
personal copy the report has to show what is in that one alone, the token by which he leaves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from listbridge.bounces import classes, verp, weekly
from listbridge.bounces.report import Failure, Report, shown
from listbridge.bounces.score import MEMORY, score
from listbridge.category import Category
from listbridge.message import key
from storage import bounces, categories, leaving, news, outbox, subscriptions, suspensions
from storage.bounces import NewBounce
from storage.database import Tx
from storage.news import Event
from storage.states import BounceClass, News, Origin, SubscriptionState
from storage.subscriptions import Subscription

#: Servers try for five days as we do; later nothing comes back that is worth believing.
COUNTS_FOR = timedelta(days=14)
#: So many subscribers kept from their mail by a policy within `WITHIN`: it is about the list.
MANY = 5
WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Recorded:
    """One failure on record and what it led to, to be told once it is committed."""

    failure: Failure
    subscriber: str | None  #: whose it is; None where nobody is blamed
    inbound_id: int | None = None
    suspended_at: float | None = None  #: with that score
    unsubscribed: bool = False
    tripped: bool = False  #: with this one there are many whom a policy keeps from their mail


@dataclass(frozen=True)
class _Source:
    """What a failure comes from."""

    subscription: Subscription | None
    outgoing_id: int | None
    inbound_id: int | None


@dataclass(frozen=True)
class Book:
    """Where the bounces of one category are put on record."""

    category_id: int
    category: Category

    def reported(self, tx: Tx, report: Report, inbound_id: int, now: datetime) -> list[Recorded]:
        """Record what a report says, in the transaction that decides that it is one."""
        return [
            self._record(tx, failure, self._source(tx, report, failure, inbound_id, now), now)
            for failure in report.failures
        ]

    def refused(
        self,
        tx: Tx,
        outgoing_id: int,
        recipients: Sequence[str],
        reply: str,
        now: datetime,
        *,
        given_up: bool = False,
    ) -> list[Recorded]:
        """Record that a server has refused a message for some recipients, in its own words.

        What never reached a server, or is for nobody who is subscribed, is none of it.
        """
        class_ = classes.of_reply(reply, given_up=given_up)
        if class_ is None:
            return []
        # Here the category is locked behind rows of deliveries that are just being settled: whoever
        # holds the lock asks for none of those.
        categories.lock(tx, self.category_id)
        status = classes.status_in(reply)
        recorded = []
        for recipient in recipients:
            subscription = subscriptions.find(tx, self.category_id, key(recipient))
            if subscription is not None:
                failure = Failure(recipient, class_, status, shown(reply))
                source = _Source(subscription, outgoing_id, None)
                recorded.append(self._record(tx, failure, source, now))
        return recorded

    def _source(
        self, tx: Tx, report: Report, failure: Failure, inbound_id: int, now: datetime
    ) -> _Source:
        """Find the subscriber whom a report is about, and the message that was sent to him."""
        since = now - COUNTS_FOR
        for address, message_ids in self._suspects(tx, report, failure):
            found = subscriptions.find(tx, self.category_id, key(address))
            if found is None:
                continue
            sent = bounces.sent_copy(tx, self.category_id, found.address, message_ids, since)
            if sent is None:
                continue
            by_id = message_ids is not None and outbox.is_personal(tx, sent)
            if not by_id or self._secret(tx, found.key) in report.secrets:
                return _Source(found, sent, inbound_id)
        return _Source(None, None, inbound_id)

    def _suspects(
        self, tx: Tx, report: Report, failure: Failure
    ) -> Iterator[tuple[str, tuple[str, ...] | None]]:
        """Who it may be about, each with the Message-IDs that have to show it; None for VERP."""
        # Who complains does not write to that address, and a single complaint ends a subscription.
        sent_to = () if failure.class_ is BounceClass.COMPLAINT else report.sent_to
        for one in sent_to:
            named = verp.named(self.category.address, one)
            secret = self._secret(tx, key(named.recipient)) if named else None
            if named and secret and named.is_by(secret):
                yield named.recipient, None
        if failure.recipient is not None:
            for address in (failure.recipient, *failure.also):
                yield address, report.message_ids
            return
        for secret in report.secrets:
            if whose := leaving.whose(tx, self.category_id, secret):
                yield whose, report.message_ids

    def _secret(self, tx: Tx, address_key: str) -> str | None:
        return leaving.of(tx, self.category_id, [address_key]).get(address_key)

    def _record(self, tx: Tx, failure: Failure, source: _Source, now: datetime) -> Recorded:
        subscription = source.subscription
        counts = subscription is not None and self._blames(tx, failure, source, now)
        new = NewBounce(
            subscription_id=subscription.id if subscription else None,
            outgoing_id=source.outgoing_id,
            inbound_id=source.inbound_id,
            recipient=failure.recipient,
            class_=failure.class_,
            status=failure.status,
            reason=failure.reason,
            counts=counts,
        )
        may_trip = subscription is not None and failure.class_ is BounceClass.POLICY
        may_trip = may_trip and not self._many_refused(tx, now)
        bounces.add(tx, self.category_id, new, now)
        weekly.owe(tx, self.category, self.category_id, now)
        if subscription is None:
            return Recorded(failure, None, source.inbound_id)
        return Recorded(
            failure,
            subscription.address,
            source.inbound_id,
            self._suspended(tx, subscription, now) if counts else None,
            self._unsubscribed(tx, failure, subscription, now),
            may_trip and self._many_refused(tx, now),
        )

    def _blames(self, tx: Tx, failure: Failure, source: _Source, now: datetime) -> bool:
        """Say whether a failure speaks against the subscriber.

        What gives no reason does so in a report about him alone, unless many are refused by a
        policy just now. The reply of our own server may be about the message.
        """
        blamed = classes.blames_address(failure.class_, failure.status, failure.reason)
        if blamed is None:
            return source.inbound_id is not None and not self._many_refused(tx, now)
        return blamed

    def _many_refused(self, tx: Tx, now: datetime) -> bool:
        return bounces.people_refused(tx, self.category_id, now - WITHIN, MANY) >= MANY

    def _suspended(self, tx: Tx, subscription: Subscription, now: datetime) -> float | None:
        settings = self.category.bounces
        if not settings.suspend or subscription.state is not SubscriptionState.ACTIVE:
            return None
        if categories.is_address(tx, subscription.key):
            return None  # a list below: all its members would be cut off, and none could answer
        # What came before it last was made active is forgiven.
        since = max(subscription.changed_at, now - MEMORY)
        reached = score(bounces.counted(tx, subscription.id, since), now)
        if reached < settings.threshold:
            return None
        suspended = suspensions.suspend(tx, self.category_id, subscription.key, now)
        return reached if suspended else None

    def _unsubscribed(
        self, tx: Tx, failure: Failure, subscription: Subscription, now: datetime
    ) -> bool:
        if failure.class_ is not BounceClass.COMPLAINT or categories.is_address(
            tx, subscription.key
        ):
            return False
        gone = subscriptions.remove(
            tx, self.category_id, subscription.key, by=Origin.COMPLAINT, now=now
        )
        if gone:
            outbox.cancel_for(tx, self.category_id, subscription.key)
            event = Event(News.COMPLAINED, subscription.address, now)
            news.note(tx, self.category_id, event, self.category.news_due(now))
        return gone
