"""The daily summary: what waits for the moderators of a category, with links to decide about it."""

from datetime import datetime, timedelta

from listbridge.category import Category
from listbridge.moderation import codes
from listbridge.moderation.letters import Letters, shown
from storage import posts
from storage.database import Tx
from storage.posts import Post

_DAY = timedelta(days=1)
# Whoever has more to look at does it on the command line.
_MOST_SHOWN = 20
_LONGEST = 18_000  #: characters; a notice cuts longer texts
_MARGIN = "    "


def send(
    tx: Tx, category: Category, category_id: int, now: datetime
) -> tuple[int, datetime | None]:
    """Tell each moderator what waits; return how many were told, and when the next one is due.

    None is sent where nothing waits, nor where each post is told by itself and none waits a day.
    """
    moderators = codes.moderators(category)
    waiting, number = posts.held(tx, category_id, _MOST_SHOWN)
    if not waiting or not moderators:
        return 0, None
    a_day_old = waiting[0].created_at + _DAY
    if category.moderation.mail == "each" and a_day_old > now:
        return 0, a_day_old
    letters = Letters(tx, category, category_id, now)
    for moderator in moderators:
        _tell(letters, moderator, waiting, number)
    return len(moderators), now + _DAY


def _tell(letters: Letters, moderator: str, waiting: list[Post], number: int) -> None:
    language = letters.language(moderator)
    blocks: list[str] = []
    length = 0
    for post in waiting:
        block = _block(letters, moderator, post, language)
        length += len(block)
        if length > _LONGEST:
            break
        blocks.append(block)
    rest = number - len(blocks)
    values = {
        "number": str(number),
        "text": "\n\n".join(blocks),
        "more": f"{letters.said('more-wait', language)} {rest}" if rest else "",
        "until": shown(letters.now + codes.LASTING),
    }
    letters.summary(moderator, values)


def _block(letters: Letters, moderator: str, post: Post, language: str) -> str:
    code = codes.make(letters.tx, letters.category_id, moderator, post.id, letters.now)
    about = letters.about(post, language)
    said = codes.choices(letters.category, language, code)
    lines = [
        f"{post.id}. {about['subject']}",
        f"{about['author']}, {shown(post.created_at)}",
        letters.why(post, language),
        *(f"{said[one]}: <{said[f'{one}_link']}>" for one in codes.NAMES.values()),
    ]
    return "\n".join(f"{_MARGIN}{line}" for line in lines if line)
