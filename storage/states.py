"""The states a stored thing can be in. docs/states.md says what leads from one to the next."""

from enum import StrEnum


class InboundState(StrEnum):
    """What has become of an inbound message."""

    RECEIVED = "received"  #: its bytes are ours; not yet decided
    PROCESSED = "processed"  #: decided; `result` says as what
    SHUNTED = (
        "shunted"  #: handling it failed, or must wait for a later version; a person sees to it
    )
    DROPPED = "dropped"  #: a person gave it up, or withdrew it in time; its bytes stay


class Result(StrEnum):
    """What a processed inbound message turned out to be."""

    POST = "post"
    REPLY = "reply"
    DUPLICATE = "duplicate"
    BOUNCE = "bounce"
    COMMAND = "command"
    ROBOT = "robot"


class Source(StrEnum):
    """By which door an inbound message came in."""

    MAILBOX = "mailbox"
    CLI = "cli"
    IMPORT = "import"  #: an archive: history, which is sent to nobody


class PostState(StrEnum):
    """What was decided about a post."""

    ACCEPTED = "accepted"
    HELD = "held"
    REJECTED = "rejected"
    DISCARDED = "discarded"


class SubscriptionState(StrEnum):
    """How an address stands to a category."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class Receives(StrEnum):
    """In which form a subscriber wants the posts."""

    EACH = "each"
    DIGEST = "digest"
    MIME_DIGEST = "mime-digest"
    UPDATES = "updates"  #: a few lines about each post
    NONE = "none"


#: The forms in which the posts of a while come in one mail.
DIGESTS = (Receives.DIGEST, Receives.MIME_DIGEST)
#: The forms that a list below an umbrella can make nothing of.
FOR_PEOPLE = (*DIGESTS, Receives.UPDATES)


class Origin(StrEnum):
    """Who made, suspended or ended a subscription."""

    FILE = "file"  #: the category's subscriber file
    ADMIN = "admin"  #: the command line
    PERSON = "person"  #: the subscriber
    BOUNCES = "bounces"  #: his mail came back too often
    COMPLAINT = "complaint"  #: he called our mail spam at his provider


#: Who can make a subscription.
SUBSCRIBING = (Origin.FILE, Origin.ADMIN, Origin.PERSON)


class BounceClass(StrEnum):
    """What a message that came back says of the one it was for."""

    PERMANENT = "permanent"  #: there is nobody at that address, or he cannot be reached
    TEMPORARY = "temporary"  #: not yet; the server goes on trying, or is out of order
    POLICY = "policy"  #: the list or its mail is refused, whoever it is for
    COMPLAINT = "complaint"  #: he has called it spam


class Purpose(StrEnum):
    """What somebody who answers with a token wants."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    OPTIONS = "options"
    RESUME = "resume"  #: posts again, after his mail came back
    ADD_ADDRESS = "add-address"  #: a subscriber: that another address is his as well
    OWN_ADDRESS = "own-address"  #: who reads that address: that it is that subscriber's
    REMOVE_ADDRESS = "remove-address"
    MODERATE = "moderate"  #: to decide about a held post, as often as is tried


class Duty(StrEnum):
    """What a category owes somebody at a certain time."""

    DIGEST = "digest"  #: the posts of a while in one mail, to those who want them so
    PROBES = "probes"  #: to suspended subscribers, to see whether their addresses work again
    BOUNCE_REPORT = "bounce-report"  #: what has come back in a week, to the owners
    SUMMARY = "summary"  #: what waits for the moderators, once a day
    NEWS = "news"  #: who has joined and left, to the owners


class News(StrEnum):
    """What owners may be told of a subscriber."""

    JOINED = "joined"  #: by his own wish
    LEFT = "left"  #: by his own wish
    COMPLAINED = "complained"  #: and was unsubscribed for it
    GIVEN_UP = "given-up"  #: his mail came back, and no probe was answered


class Kind(StrEnum):
    """What kind of message is to be sent."""

    POST = "post"
    DIGEST = "digest"
    NOTICE = "notice"
    PROBE = "probe"
    ALERT = "alert"


class DeliveryState(StrEnum):
    """How far one message to one address has come."""

    PENDING = "pending"  #: not tried yet, or nothing of it has left
    SENDING = "sending"  #: its bytes may be leaving now
    SENT = "sent"  #: the server answered for it
    DEFERRED = "deferred"  #: refused for now; tried again at `next_attempt`
    HELD = "held"  #: a person must release it
    FAILED = "failed"  #: refused for good, or given up
    UNCERTAIN = "uncertain"  #: all sent, the server's last answer lost; due again at `next_attempt`
    CANCELLED = "cancelled"  #: no longer wanted


#: Delivery states whose rows still have a way to go.
UNSENT = (
    DeliveryState.PENDING,
    DeliveryState.SENDING,
    DeliveryState.DEFERRED,
    DeliveryState.HELD,
    DeliveryState.UNCERTAIN,
)
#: Delivery states that become due by themselves.
WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN)


class Trouble(StrEnum):
    """What kept a pass over a category from going well; the worst first."""

    OURS = "ours"  #: the store, or a defect of this program
    LOGIN = "login"  #: the server refuses the login
    UNREACHABLE = "unreachable"  #: the mailbox's server cannot be reached, or breaks off
    MAILBOX = "mailbox"  #: a message cannot be read, or the server asks for something else
    DELETIONS = "deletions"  #: what was deleted does not go away
    SUBSCRIBERS = "subscribers"  #: the subscriber file cannot be followed
