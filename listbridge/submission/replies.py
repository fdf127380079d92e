"""What an SMTP reply means, decided in this one place: an ordered table, the first match counts.

Nobody above this module looks at a reply code.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

_SHOWN_CHARACTERS = 200
# Beyond the line ends this covers C1 controls and the Unicode line separators.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")


@dataclass(frozen=True)
class Reply:
    """One whole reply; the lines of `text` are joined by spaces."""

    code: int
    text: str

    @property
    def status(self) -> str:
        """Return the enhanced status code at the start of the text (RFC 2034), or ""."""
        found = _STATUS.match(self.text)
        return found[0] if found else ""

    @property
    def words(self) -> str:
        """Return the reply as it is shown to people: one line, no controls, of bounded length."""
        return shown(f"{self.code} {self.text}")


def shown(text: str) -> str:
    """Make a server's text fit for a log, a table or an error."""
    return _UNPRINTABLE.sub(" ", text).strip()[:_SHOWN_CHARACTERS]


class Step(Enum):
    """The step of a transaction that a reply answers."""

    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    END = auto()  #: the dot after the message


class Meaning(Enum):
    """What a reply says, and about whom."""

    ACCEPTED = auto()
    TEMPORARY = auto()  #: of this recipient or message: try again later
    PERMANENT = auto()  #: of this recipient or message: do not try again
    CROWDED = auto()  #: too many recipients in this transaction; the next one has room
    SENDER = auto()  #: the envelope sender is refused
    ACCOUNT = auto()  #: the account cannot send now
    CLOSING = auto()  #: the server ends the connection
    DISORDER = auto()  #: no answer to what was asked: the two sides are out of step


_REFUSALS = range(400, 600)
_ANY_STEP = frozenset(Step)
_MAIL = frozenset({Step.MAIL})
_RCPT = frozenset({Step.RCPT})

_LOGIN_CURE = "check security, username and password"
_QUOTA_CURE = "its sending limit is reached; set max_per_hour and max_per_day below it"
_BUSY_CURE = "it can take no mail at present"

# Where the words count, they are those of real servers. All repetitions are bounded: this is text
# from outside.
_QUOTA_WORDS = re.compile(
    r"(daily|hourly)\b.{0,40}\b(limit|quota)|(sending|submission|smtp|outgoing) ?(limit|quota)"
    r"|(limit|quota)\b.{0,40}\b(per|an?|this) (hour|day)\b|per (hour|day) (exceeded|reached)",
    re.IGNORECASE,
)
_CROWDED_WORDS = re.compile(r"too many recipients", re.IGNORECASE)
_OF_THE_CONNECTION = re.compile(r"too many (errors|messages|connections)", re.IGNORECASE)
_RELAY_WORDS = re.compile(
    r"relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited)|unable to relay"
    r"|client host rejected",
    re.IGNORECASE,
)
_SENDER_WORDS = re.compile(
    r"sender (address )?(is )?(rejected|refused|denied|not allowed)|not owned by user"
    r"|send ?as ?denied|(not allowed|permissions?) to send as",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Rule:
    """One line of the table; it applies where all of its conditions hold."""

    meaning: Meaning
    codes: Container[int]
    steps: frozenset[Step] = _ANY_STEP
    statuses: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    cure: str = ""  #: what to do about it; only trouble of the account has one

    def applies(self, reply: Reply) -> bool:
        """Say whether a reply of such a code, at such a step, says what this line asks for."""
        return (self.statuses is None or bool(self.statuses.fullmatch(reply.status))) and (
            self.words is None or bool(self.words.search(reply.text))
        )


def _statuses(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


RULES = (
    # RFC 4954 section 6, RFC 5248: no login, a wrong one, a disabled one, one that needs TLS.
    Rule(Meaning.ACCOUNT, {525, 530, 534, 535, 538}, cure=_LOGIN_CURE),
    Rule(Meaning.ACCOUNT, _REFUSALS, statuses=_statuses(r"5\.7\.(8|9|11)"), cure=_LOGIN_CURE),
    # RFC 4954 has 4.7.0 beside 454; alone it is any security policy, greylisting most of all.
    Rule(Meaning.ACCOUNT, {454}, statuses=_statuses(r"4\.7\.0"), cure=_LOGIN_CURE),
    # RFC 3463 3.3: X.2.X is the recipient's own mailbox, so its quota is no trouble of ours.
    Rule(
        Meaning.ACCOUNT,
        _REFUSALS,
        statuses=_statuses(r"(?![45]\.2\.[1-9]).*"),
        words=_QUOTA_WORDS,
        cure=_QUOTA_CURE,
    ),
    # Gmail counts the day's recipients with this one (RFC 3463 3.5 calls it congestion).
    Rule(Meaning.ACCOUNT, _REFUSALS, statuses=_statuses(r"5\.4\.5"), cure=_QUOTA_CURE),
    # RFC 5321 3.8 and 4.2.2: the server is leaving; says nothing of what was asked.
    Rule(Meaning.CLOSING, {421}),
    # RFC 5321 4.2.2: bad sequence; says nothing of the recipient either.
    Rule(Meaning.DISORDER, {503}),
    # RFC 5321 4.2.2: command not recognised. Every server knows RCPT and DATA, so something else
    # has reached it than what we sent; that is no verdict on a recipient.
    Rule(Meaning.TEMPORARY, {500, 502}, frozenset({Step.RCPT, Step.DATA})),
    # RFC 1870 6.1, RFC 3463 3.4: larger than the server, or this recipient, will ever take.
    Rule(Meaning.PERMANENT, _REFUSALS, statuses=_statuses(r"5\.3\.4")),
    Rule(Meaning.PERMANENT, {552}, _MAIL),
    # RFC 1870 6.1, RFC 3463 3.4: full or out of order, whoever is writing.
    Rule(Meaning.ACCOUNT, {452}, _MAIL, cure=_BUSY_CURE),
    Rule(Meaning.ACCOUNT, _REFUSALS, _MAIL, statuses=_statuses(r"[45]\.3\.\d+"), cure=_BUSY_CURE),
    # RFC 5321 4.5.3.1.10: the others are to be sent in a further transaction.
    Rule(Meaning.CROWDED, _REFUSALS, _RCPT, statuses=_statuses(r"[45]\.5\.3")),
    Rule(Meaning.CROWDED, _REFUSALS, _RCPT, words=_CROWDED_WORDS),
    # RFC 5321 4.5.3.1.10: 552 here is what others call 452; a full mailbox may be emptied, too.
    Rule(Meaning.TEMPORARY, {552}, _RCPT),
    # The relay does not know us, or not for this domain: no fault of the address, and the words
    # stay in the queue where the operator sees them.
    Rule(Meaning.TEMPORARY, _REFUSALS, _RCPT, words=_RELAY_WORDS),
    # Exchange judges the author at the end (5.2.252, 5.7.60); this concerns all recipients alike.
    Rule(Meaning.SENDER, _REFUSALS, frozenset({Step.DATA, Step.END}), words=_SENDER_WORDS),
    # RFC 5321 4.2.1: the first digit decides the rest.
    Rule(Meaning.ACCEPTED, range(200, 300), frozenset({Step.MAIL, Step.RCPT, Step.END})),
    Rule(Meaning.ACCEPTED, {354}, frozenset({Step.DATA})),
    Rule(Meaning.SENDER, _REFUSALS, _MAIL),
    Rule(Meaning.TEMPORARY, range(400, 500)),
    Rule(Meaning.PERMANENT, range(500, 600)),
    Rule(Meaning.DISORDER, range(1000)),
)


def rule_for(step: Step, reply: Reply) -> Rule:
    """Return the line of the table that decides `reply` at `step`."""
    for rule in _rules_for(step, reply.code):
        if rule.applies(reply):
            return rule
    raise AssertionError("the last line of the table applies to every reply")


@cache
def _rules_for(step: Step, code: int) -> tuple[Rule, ...]:
    # Every reply passes here; of the whole table a line or two concern it.
    return tuple(rule for rule in RULES if step in rule.steps and code in rule.codes)


def why_none_is_sent(step: Step, reply: Reply) -> str | None:
    """Return the cure where a refused sender or recipient means that nobody gets anything."""
    rule = rule_for(step, reply)
    if rule.meaning is Meaning.ACCOUNT:
        return rule.cure
    if rule.meaning is Meaning.SENDER or (step is Step.RCPT and speaks_of_sender(reply)):
        return "log in as an account that may write in the name of the list's address"
    if step is Step.RCPT and _RELAY_WORDS.search(reply.text):
        return "set username and password, or have the server's owner let this machine send"
    return None


def says_yes(reply: Reply) -> bool:
    """Say whether a command outside a transaction (NOOP, RSET) was carried out."""
    return 200 <= reply.code < 300


def answers_hello(reply: Reply) -> bool:
    """Say whether this is what EHLO is answered by a server that announces PIPELINING."""
    return says_yes(reply) and "PIPELINING" in reply.text.upper().split()


def may_come_unasked(reply: Reply) -> bool:
    """Say whether a server may say this of its own accord: that it is leaving (RFC 5321 3.8)."""
    return reply.code == 421


def slows_domain(reply: Reply) -> bool:
    """Say whether a reply to RCPT asks to send the recipient's domain less mail for a while.

    RFC 3463 3.8 has X.7.X for what a policy forbids, rate limits among them. 421 alone is taken so,
    too; with any other status it is the server's own end, and with these words the connection's.
    """
    if _OF_THE_CONNECTION.search(reply.text):
        return False
    return reply.status.startswith("4.7.") or (reply.code == 421 and not reply.status)


def speaks_of_address(reply: Reply) -> bool:
    """Say whether a reply reports on a sender or recipient (RFC 3463 3.2), not on a message."""
    return reply.status[1:4] == ".1."


def speaks_of_sender(reply: Reply) -> bool:
    """Say whether a refused recipient is really a refused sender.

    Postfix answers 250 to MAIL and refuses the sender at each RCPT (smtpd_delay_reject).
    """
    return bool(_SENDER_WORDS.search(reply.text))
