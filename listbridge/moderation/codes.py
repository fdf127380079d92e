"""Codes by which a moderator decides: made for one moderator and one held post, and shown as links.

A code is a token (`message.tokens`). It stays good after it was used, so that whoever answers late
can be told what was decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from listbridge import message
from listbridge.category import Category
from listbridge.message import tokens as written_tokens
from listbridge.message.decisions import Decision, Words
from listbridge.notices import word, word_in_all
from storage import tokens
from storage.database import Tx
from storage.states import Purpose
from storage.tokens import Token

#: How long they are good; the summary brings new ones every day.
LASTING = timedelta(days=7)
#: What can be decided, as notices have it for their values.
NAMES = {decision: decision.replace("-", "_") for decision in Decision}


@dataclass(frozen=True)
class Code:
    """A code, and what it stands for."""

    moderator: str  #: his address
    post_id: int
    until: datetime
    secret: str = field(repr=False)

    @property
    def written(self) -> str:
        """The code as it is sent."""
        return written_tokens.written(self.secret)


def moderators(category: Category) -> tuple[str, ...]:
    """Return who is written to: nobody where nothing can be sent, and never the list itself."""
    if category.outgoing is None or category.moderation.mail == "off":
        return ()
    own = message.key(category.address)
    return tuple(one for one in category.moderators if message.key(one) != own)


def make(tx: Tx, category_id: int, moderator: str, post_id: int, now: datetime) -> Code:
    """Make a code for a moderator and a post."""
    code = Code(moderator, post_id, now + LASTING, written_tokens.new_secret())
    token = Token(Purpose.MODERATE, moderator, message.key(moderator), str(post_id))
    tokens.keep(tx, category_id, code.secret, token, expires_at=code.until, now=now)
    return code


def is_moderator(category: Category, address: str) -> bool:
    """Say whether whoever was written to at an address may decide by now.

    Where the category has turned such mail off since, he may all the same.
    """
    return message.key(address) in map(message.key, category.moderators)


def look(tx: Tx, category_id: int, secret: str, now: datetime) -> Code | None:
    """Return what a secret stands for, if it is a code; be it of a former moderator."""
    found = tokens.look(tx, category_id, secret, now)
    if found is None:
        return None
    token, until = found
    if token.purpose is not Purpose.MODERATE:
        return None
    return Code(token.address, int(token.detail), until, secret)


def asked(tx: Tx, category_id: int, post_id: int) -> list[str]:
    """Return who was sent a code for a post."""
    return tokens.asked_about(tx, category_id, str(post_id))


def words(category: Category) -> Words:
    """Return what decides, in all languages."""
    return {
        one.strip().lower(): decision
        for decision in Decision
        for said in word_in_all(f"say-{decision}", category.texts)
        for one in said.split(",")
    }


def choices(category: Category, language: str, code: Code) -> Mapping[str, str]:
    """Return what can be said, by the names that notices have for it: words, and links."""
    found: dict[str, str] = {}
    for decision, name in NAMES.items():
        said = word(f"say-{decision}", language, category.texts) or decision
        found[name] = said.partition(",")[0].strip()
        found[f"{name}_link"] = _link(category.address, f"{found[name]} {code.written}")
    return found


def _link(address: str, subject: str) -> str:
    """Return a URI that opens a new mail (RFC 6068)."""
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject)}"
