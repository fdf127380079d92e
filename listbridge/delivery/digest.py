"""Digests: what has gathered for those who take them, made into mail and put into the outbox."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from string import Template
from uuid import uuid4

from listbridge import message
from listbridge.category import Category
from listbridge.delivery import wires
from listbridge.guard import safe
from listbridge.message import digest, listfields, words
from listbridge.message.digest import Item, Words
from listbridge.message.headers import Head
from listbridge.notices import Notice, catalogue, word
from storage import digests, outbox, posts, service_mail
from storage.database import Tx
from storage.digests import Waiting
from storage.posts import Post
from storage.service_mail import Letter
from storage.states import Kind, Receives

# A reader has other limits than octets, and so have programs that take a message apart.
_MOST_POSTS = 50


def send(tx: Tx, category: Category, category_id: int, now: datetime) -> tuple[int, None]:
    """Put everything that has gathered into the outbox; return how many deliveries that made.

    Whoever is to get the same gets the same mail. There is no next time before a post comes.
    """
    waiting = digests.take(tx, category_id)
    if not waiting:
        return 0, None
    volume = now.astimezone().year
    issue = f"V{volume} #{digests.next_issue(tx, category_id, volume)}"
    made = 0
    press = _Press(tx, category, issue, now)
    for some in waiting:
        for letter in press.letters(some):
            service_mail.put(
                tx,
                Kind.DIGEST,
                letter,
                sender=category.address,
                recipients=some.recipients,
                now=now,
                category=category_id,
            )
            made += len(some.recipients)
    return made, None


class _Press:
    """Makes the digests of one issue; each post is read once for all of them."""

    def __init__(self, tx: Tx, category: Category, issue: str, now: datetime) -> None:
        self._tx, self._category, self._issue, self._now = tx, category, issue, now
        self._item = cache(self._read)

    def letters(self, some: Waiting) -> Iterator[Letter]:
        """Yield the mails that bring these posts: one, or several where one would be too large."""
        language = some.language or self._category.language
        said = self._words(language)
        items = _in_threads([self._item(post_id) for post_id in some.posts])
        if some.form is Receives.DIGEST:
            shown = [digest.as_text(one, said) for one in items]
        else:
            shown = [""] * len(items)
        sizes = [
            len(text.encode("utf-8", "replace")) or len(one.copy or b"")
            for one, text in zip(items, shown, strict=True)
        ]
        parts = _split(sizes, self._category.digest.max_size)
        for number, part in enumerate(parts, 1):
            which = f" ({number}/{len(parts)})" if len(parts) > 1 else ""
            chosen = _begun_anew(items[part])
            title, preamble = self._front(language, chosen, which)
            message_id = f"<{uuid4().hex}@{self._category.address.rpartition('@')[2]}>"
            head = self._head(title, message_id)
            if some.form is Receives.DIGEST:
                head, body = digest.plain(head, title, preamble, shown[part])
            else:
                head, body = digest.mime(head, preamble, chosen, said)
            yield Letter(message_id, head.to_bytes(), body)

    def _read(self, post_id: int) -> tuple[Post, Item]:
        post = posts.find(self._tx, post_id)
        assert post is not None
        sent = outbox.of_post(self._tx, post_id)
        copy = None
        if sent is not None and sent.head:
            copy = wires.for_several(self._tx, sent, self._category.address)
        author = post.sender or ""
        if post.sender_name and author:
            author = f"{post.sender_name} <{author}>"
        return post, Item(post.id, post.subject, author, False, copy)

    def _words(self, language: str) -> Words:
        def said(name: str) -> str:
            return word(name, language, self._category.texts) or name

        return Words(said("attachment"), said("encrypted"), said("could-not-be-sent"))

    def _front(self, language: str, items: Sequence[Item], which: str) -> tuple[str, str]:
        """Return the subject, and what stands in front of the posts."""
        category = self._category
        written = catalogue.of(Notice.DIGEST, language, category.texts)
        values = {
            "list": words.tidy(category.name),
            "address": category.address,
            "issue": self._issue + which,
            "contents": digest.contents(items),
            "number": str(items[0].number),
        }
        subject = words.tidy(Template(written["subject"]).safe_substitute(values))
        return subject, Template(written["text"]).safe_substitute(values)

    def _head(self, title: str, message_id: str) -> Head:
        """The head of a digest; it is mail of a list, and no robot's (RFC 3834 5)."""
        category = self._category
        address = safe(category.address, "the list's address").encode()
        name = words.phrase(words.tidy(category.name), "the name")
        head = (
            Head()
            .append("From", name + b" <%b>" % address)
            .append("To", address)
            .append("Subject", title)
            .append("Date", format_datetime(self._now.astimezone(UTC)))
            .append("Message-ID", message_id)
        )
        return listfields.added(
            head,
            category.name,
            category.address,
            message.list_id(category.address),
            takes_posts=category.message.list_post,
        )


def _in_threads(found: Sequence[tuple[Post, Item]]) -> list[Item]:
    """Put the posts of each thread together, the threads by their first post, each by arrival."""
    threads: dict[int, list[Item]] = {}
    for post, item in sorted(found, key=lambda one: (one[0].created_at, one[0].id)):
        thread = threads.setdefault(post.thread_id, [])
        thread.append(replace(item, answers=bool(thread)))
    return [item for thread in threads.values() for item in thread]


def _begun_anew(items: Sequence[Item]) -> list[Item]:
    return [replace(items[0], answers=False), *items[1:]]


def _split(sizes: Sequence[int], most: int) -> list[slice]:
    """Cut a row of posts into digests: none too large, unless a single post is."""
    parts: list[slice] = []
    start, total = 0, 0
    for at, size in enumerate(sizes):
        if at > start and (total + size > most or at - start == _MOST_POSTS):
            parts.append(slice(start, at))
            start, total = at, 0
        total += size
    return [*parts, slice(start, len(sizes))]
