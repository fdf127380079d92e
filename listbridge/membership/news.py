"""What owners are told of who joins and leaves: each by itself, or once a day."""

from datetime import datetime

from listbridge.category import Category
from listbridge.membership.telling import tell_owners
from listbridge.notices import Notice, word
from storage import news
from storage.database import Tx
from storage.news import Event
from storage.states import News

# A mail of a megabyte is no news.
_MOST_NAMED = 500


def note(
    tx: Tx, category: Category, category_id: int, what: News, address: str, now: datetime
) -> None:
    """Note down what the owners are to be told, if they want to be."""
    news.note(tx, category_id, Event(what, address, now), category.news_due(now))


def see_to(tx: Tx, category: Category, category_id: int, now: datetime) -> tuple[int, None]:
    """Tell the owners what they were not told of yet; return how many there are."""
    events = news.take(tx, category_id)
    if category.news_due(now) is None or not events:
        return 0, None
    lines = [
        f"    {one.at:%Y-%m-%d %H:%M}  {_said(category, one.what)}: {one.address}"
        for one in events[:_MOST_NAMED]
    ]
    if len(events) > _MOST_NAMED:
        lines.append(f"    … {len(events)}")
    text = "\n".join(lines)
    return tell_owners(tx, category, category_id, Notice.NEWS, now, text=text), None


def _said(category: Category, what: News) -> str:
    return word(f"news-{what}", category.language, category.texts) or what.value
