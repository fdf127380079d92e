"""The tables. Unique keys carry the promises: nothing taken in twice, nobody sent to twice."""

from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)

from storage.moments import Moment
from storage.states import (
    DIGESTS,
    SUBSCRIBING,
    WAITING,
    BounceClass,
    DeliveryState,
    InboundState,
    Kind,
    News,
    PostState,
    Purpose,
    Receives,
    Result,
    Source,
    SubscriptionState,
    Trouble,
)

#: The newest migration; the database is brought to it when it is opened.
SCHEMA_VERSION = "0015"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows by itself only for a column of the exact type INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _quoted(values: tuple[StrEnum, ...] | type[StrEnum]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({_quoted(values)})", name=column)


categories = Table(
    "categories",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("slug", String, nullable=False, unique=True),
    Column("address", String, nullable=False),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String, nullable=False, unique=True),
)

raw_messages = Table(
    "raw_messages",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)

inbound = Table(
    "inbound",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("raw_id", ForeignKey("raw_messages.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("approved", Boolean, nullable=False),  # a person vouched for it when it came in
    Column("received_at", Moment, nullable=False),
    # Which categories it was sent to is still to be found out; until then it is with one of those
    # that read the mailbox.
    Column("unrouted", Boolean, nullable=False, server_default=false()),
    Column("not_before", Moment),  # it is to be decided then and no sooner
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),  # begun and not finished: how often we died on it
    Column("result", String),
    Column("reason", Text),
    Column("traceback", Text),
    Column("decided_at", Moment),
    _one_of("source", Source),
    _one_of("state", InboundState),
    _one_of("result", Result),
    CheckConstraint(
        f"(state = '{InboundState.PROCESSED}') = (result IS NOT NULL)", name="result_when_processed"
    ),
    Index("ix_inbound_category_id_raw_id", "category_id", "raw_id"),
    Index(
        "ix_inbound_waiting",
        "category_id",
        "id",
        sqlite_where=text(f"state = '{InboundState.RECEIVED}'"),
        postgresql_where=text(f"state = '{InboundState.RECEIVED}'"),
    ),
    Index(
        "ix_inbound_shunted",
        "category_id",
        "id",
        sqlite_where=text(f"state = '{InboundState.SHUNTED}'"),
        postgresql_where=text(f"state = '{InboundState.SHUNTED}'"),
    ),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("mailbox_id", ForeignKey("mailboxes.id"), nullable=False),
    Column("uidvalidity", BigInteger),  # IMAP only
    Column("uid", String),  # IMAP UID or POP UIDL; absent where the server has no usable one
    Column("size", BigInteger, nullable=False),  # as the server announced it
    Column("internal_date", Moment),
    Column("raw_id", ForeignKey("raw_messages.id"), nullable=False),
    Column("inbound_id", ForeignKey("inbound.id"), nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("gone_at", Moment),  # when the server was seen to have it no longer
    Column("returned", Integer, nullable=False),  # how often it was there although deleted
    Index("ix_arrivals_place", "mailbox_id", "uidvalidity", "uid"),
    Index("ix_arrivals_inbound_id", "inbound_id"),
    Index(
        "ix_arrivals_present",
        "mailbox_id",
        sqlite_where=text("gone_at IS NULL"),
        postgresql_where=text("gone_at IS NULL"),
    ),
)

posts = Table(
    "posts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("inbound_id", ForeignKey("inbound.id"), nullable=False, unique=True),
    Column("raw_id", ForeignKey("raw_messages.id"), nullable=False),
    Column("message_id", String, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("thread_id", _Id),  # the id of the thread's first post; its own for that one
    Column("parent_id", ForeignKey("posts.id")),
    Column("parent_rank", Integer),  # place of the parent among the references, 0 = nearest
    Column("sender", String),
    Column("sender_key", String),  # the address in lower case, for comparing
    Column("sender_name", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("date", Moment, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text),
    Column("trail", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("decided_by", String),  # the moderator who did so by mail; null: the command line
    Column("decided_at", Moment),  # when a person decided it; null: the rules did
    _one_of("state", PostState),
    UniqueConstraint("category_id", "raw_id"),
    UniqueConstraint("category_id", "message_id", "fingerprint"),
    Index("ix_posts_category_id_state", "category_id", "state"),
    Index("ix_posts_sender", "category_id", "sender_key", "created_at"),
    Index("ix_posts_message_id", "message_id"),  # in whichever category
    Index("ix_posts_thread_id", "thread_id"),
    Index("ix_posts_parent_id", "parent_id"),
)

# Under which Message-IDs a post is known: its own, and those a server on the way put in its place.
post_aliases = Table(
    "post_aliases",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True),
    Column("message_id", String, primary_key=True),
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
)

# What a post answers, so that a parent which comes late still finds its replies.
post_references = Table(
    "post_references",
    metadata,
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("message_id", String, nullable=False),
    Index("ix_post_references_category_id_message_id", "category_id", "message_id"),
)

# Who wants more of a post, or something else, than the post itself: mostly nobody.
_otherwise = f"receives IN ({_quoted((*DIGESTS, Receives.UPDATES))}) OR acknowledge"

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("address", String, nullable=False),
    Column("address_key", String, nullable=False),  # the address in lower case, for comparing
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),
    Column("receives", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("removed_by", String),
    Column("suspended_by", String),  # null: by a person, or not suspended
    Column("probed_at", Moment),  # when a suspended one was last written to, to see if it works
    Column("probes", Integer, nullable=False, server_default=text("0")),  # so many since then
    Column("changed_at", Moment, nullable=False),
    Column("holiday_until", Moment),  # no posts before then
    Column("own_posts", Boolean),  # null: as the category has it
    Column("language", String),  # null: the category's
    Column("joined_at", Moment),  # when he last became a subscriber; null: before this was kept
    # He wants to be told when a post of his was accepted.
    Column("acknowledge", Boolean, nullable=False, server_default=false()),
    _one_of("state", SubscriptionState),
    _one_of("receives", Receives),
    CheckConstraint(f"origin IN ({_quoted(SUBSCRIBING)})", name="origin"),
    UniqueConstraint("category_id", "address_key"),
    Index(
        "ix_subscriptions_otherwise",
        "category_id",
        sqlite_where=text(_otherwise),
        postgresql_where=text(_otherwise),
    ),
)

# Who wants no more of a thread, known by any post of it: threads are joined when a parent is late.
muted_threads = Table(
    "muted_threads",
    metadata,
    Column("subscription_id", ForeignKey("subscriptions.id"), primary_key=True),
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Index("ix_muted_threads_post_id", "post_id"),
)

# The accepted posts that a subscriber is still to get in a digest.
digest_entries = Table(
    "digest_entries",
    metadata,
    Column("subscription_id", ForeignKey("subscriptions.id"), primary_key=True),
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("form", String, nullable=False),  # as he wanted digests when the post was accepted
    CheckConstraint(f"form IN ({_quoted(DIGESTS)})", name="form"),
    Index("ix_digest_entries_category_id_post_id", "category_id", "post_id"),
)

# The number of each category's last digest; the volume is a year.
digest_numbers = Table(
    "digest_numbers",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True),
    Column("volume", Integer, nullable=False),
    Column("issue", Integer, nullable=False),
)

# Further addresses of subscribers, from which they write; mail goes to the subscription's own.
aliases = Table(
    "aliases",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True),
    Column("address_key", String, primary_key=True),
    Column("address", String, nullable=False),
    Column("subscription_id", ForeignKey("subscriptions.id"), nullable=False),
    Index("ix_aliases_subscription_id", "subscription_id"),
)

# Who has joined and left and the owners are still to be told of.
news = Table(
    "news",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("what", String, nullable=False),
    Column("address", String, nullable=False),
    Column("at", Moment, nullable=False),
    _one_of("what", News),
    Index("ix_news_category_id_id", "category_id", "id"),
)

# Whom no file may subscribe again, since everything about him was erased.
erased = Table(
    "erased",
    metadata,
    Column("sha256", String(64), primary_key=True),  # of the address in lower case
    Column("at", Moment, nullable=False),
)

# What somebody has been asked to confirm. A row goes with its use, so that each is used once.
tokens = Table(
    "tokens",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("sha256", String(64), nullable=False, unique=True),  # of the token, which is not kept
    Column("purpose", String, nullable=False),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("address", String, nullable=False),
    Column("address_key", String, nullable=False),
    Column("detail", String, nullable=False),  # the name, the change of options, or a post's id
    Column("expires_at", Moment, nullable=False),
    _one_of("purpose", Purpose),
    Index("ix_tokens_category_id_address_key", "category_id", "address_key"),
)

# Authors whom moderators have let in for good.
allowed = Table(
    "allowed",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True),
    Column("address_key", String, primary_key=True),
    Column("address", String, nullable=False),
    Column("allowed_by", String),  # the moderator; null: the command line
    Column("allowed_at", Moment, nullable=False),
)

# The notices that a mail from anybody can lead to, for a day: nobody can have others flooded.
answers = Table(
    "answers",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("address_key", String, nullable=False),
    Column("notice", String, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_answers_category_id_at", "category_id", "at"),
    Index("ix_answers_category_id_address_key", "category_id", "address_key"),
)

outgoing = Table(
    "outgoing",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String, nullable=False),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("post_id", ForeignKey("posts.id"), unique=True),
    Column("sender", String, nullable=False),  # envelope sender
    Column("head", LargeBinary, nullable=False),  # the copy's header block with its blank line
    Column("body", LargeBinary),  # only where it differs from the raw message's
    Column("raw_id", ForeignKey("raw_messages.id"), nullable=False),
    Column("made_message_id", String, index=True),  # a Message-ID that we generated
    # What stands in it for the secret of whom a copy is for; null: all copies are the same.
    Column("stand_in", String),
    # Whether each copy has an envelope sender that names whom it is for.
    Column("own_senders", Boolean, nullable=False, server_default=false()),
    Column("recipients", Integer, nullable=False),  # how many deliveries were made, for the audit
    Column("created_at", Moment, nullable=False),
    _one_of("kind", Kind),
    Index(
        "ix_outgoing_own_senders",
        "category_id",
        "created_at",
        sqlite_where=text("own_senders = 1"),
        postgresql_where=text("own_senders"),
    ),
)

_waiting = f"state IN ({_quoted(WAITING)})"

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("outgoing_id", ForeignKey("outgoing.id"), nullable=False),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    Column("recipient", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("waited", Integer, nullable=False),  # seconds of back-off so far, against giving up
    Column("next_attempt", Moment, nullable=False),
    Column("last_reply", Text),
    Column("owner", String),  # the process that is sending it
    Column("claimed_until", Moment),
    _one_of("state", DeliveryState),
    UniqueConstraint("outgoing_id", "recipient"),
    Index(
        "ix_deliveries_waiting",
        "category_id",
        "priority",
        "outgoing_id",
        "next_attempt",
        sqlite_where=text(_waiting),
        postgresql_where=text(_waiting),
    ),
    Index(
        "ix_deliveries_sending",
        "owner",
        sqlite_where=text(f"state = '{DeliveryState.SENDING}'"),
        postgresql_where=text(f"state = '{DeliveryState.SENDING}'"),
    ),
    Index(
        "ix_deliveries_held",
        "category_id",
        sqlite_where=text(f"state = '{DeliveryState.HELD}'"),
        postgresql_where=text(f"state = '{DeliveryState.HELD}'"),
    ),
)

# Partial indexes are used only where the database can see that the condition is theirs, so the
# states stand in the statement itself and not in a parameter.
is_waiting = deliveries.c.state.in_([literal_column(f"'{state}'") for state in WAITING])
is_sending = deliveries.c.state == literal_column(f"'{DeliveryState.SENDING}'")
is_held = deliveries.c.state == literal_column(f"'{DeliveryState.HELD}'")
is_otherwise = text(f"({_otherwise})")
is_received = inbound.c.state == literal_column(f"'{InboundState.RECEIVED}'")
is_shunted = inbound.c.state == literal_column(f"'{InboundState.SHUNTED}'")

# Attempts that did not end in "sent": the doubts and refusals of a delivery, kept for good.
attempts = Table(
    "attempts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("delivery_id", ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reply", Text, nullable=False),
    _one_of("outcome", DeliveryState),
)

# Mail that came back, refused at the door or by a report.
bounces = Table(
    "bounces",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("category_id", ForeignKey("categories.id"), nullable=False),
    # Whose it is; null where nothing says that we sent it to a subscriber, and nobody is blamed.
    Column("subscription_id", ForeignKey("subscriptions.id")),
    Column("outgoing_id", ForeignKey("outgoing.id")),  # the message that came back, where known
    Column("inbound_id", ForeignKey("inbound.id")),  # the report; null: the server refused at once
    Column("recipient", String),  # as the report names it
    Column("class", String, nullable=False),
    Column("status", String),  # RFC 3463
    Column("reason", Text, nullable=False),
    Column("counts", Boolean, nullable=False),  # speaks against the subscriber
    Column("at", Moment, nullable=False),
    _one_of("class", BounceClass),
    Index("ix_bounces_subscription_id_at", "subscription_id", "at"),
    Index("ix_bounces_category_id_at", "category_id", "at"),
    Index("ix_bounces_class_at", "class", "at"),
    Index("ix_bounces_inbound_id", "inbound_id"),  # asked for each message that is routed
)

# Random octets that what we give out is computed from, one for each purpose.
keys = Table(
    "keys",
    metadata,
    Column("purpose", String, primary_key=True),
    Column("octets", LargeBinary, nullable=False),
)

# What a category owes by the clock, and since or from when; there is no row where it owes nothing.
duties = Table(
    "duties",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True),
    Column("what", String, primary_key=True),
    Column("due_at", Moment, nullable=False),
)

# How many recipients an account has been given, by minute: the ground of hourly and daily budgets.
account_usage = Table(
    "account_usage",
    metadata,
    Column("account", String, primary_key=True),
    Column("minute", Moment, primary_key=True),
    Column("recipients", Integer, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("until", Moment, nullable=False),
    Column("fence", BigInteger, nullable=False),  # grows with every new holder
)

# The last look at each category's mailbox, by whichever process.
polls = Table(
    "polls",
    metadata,
    Column("category_id", ForeignKey("categories.id"), primary_key=True),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("next_at", Moment),  # when a service means to look again
    Column("trouble", String),  # of the last pass that ended; null if all went well
    Column("error", Text),
    Column("failures", Integer, nullable=False),  # passes in a row with that trouble
    _one_of("trouble", Trouble),
)

# Outgoing accounts that cannot be used now, and since when.
account_pauses = Table(
    "account_pauses",
    metadata,
    Column("account", String, primary_key=True),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),  # when a service tries it again
    Column("reason", Text, nullable=False),
)

# What the operator was told and has not been told to be over.
alerts = Table(
    "alerts",
    metadata,
    Column("what", String, primary_key=True),
    Column("subject", String, primary_key=True),  # a category's slug, an account; or empty
    Column("since", Moment, nullable=False),
    Column("told_at", Moment, nullable=False),
)

# Whether this database may be an old state put back; one row, made at the first start.
restore_fence = Table(
    "restore_fence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("counted", BigInteger, nullable=False),  # starts and claims; SQLite only
    Column("place", String),  # what PostgreSQL last was seen to be
    Column("held_since", Moment),  # null if nothing holds the sending
    Column("reason", Text),
)
