"""Who is to get which posts in a digest, which threads he has muted, and what else he wishes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from storage import (
    audit,
    categories,
    digests,
    duties,
    inbound,
    muted,
    outbox,
    posts,
    subscriptions,
    updates,
    wishes,
)
from storage.database import Database, Tx
from storage.digests import Waiting
from storage.outbox import NewOutgoing
from storage.service_mail import Letter
from storage.states import Duty, Kind, Origin, PostState, Receives, Source, SubscriptionState
from storage.wishes import Wishes
from tests.conftest import NOW

LETTER = Letter("<update@example.org>", b"Subject: One\r\n\r\n", b"Hello.\r\n")
TOMORROW = NOW + timedelta(days=1)
NOBODY: dict[str, Any] = {"without": None, "author": None}


@dataclass
class List:
    """A category whose posts are accepted at once."""

    db: Database
    id: int
    now: datetime
    made: int = field(default=0)

    def member(self, name: str, **wished: Any) -> int:
        address = f"{name}@example.org"
        with self.db.transaction() as tx:
            who: dict[str, Any] = {"address": address, "key": address, "name": ""}
            subscriptions.put(tx, self.id, **who, origin=Origin.ADMIN, now=self.now)
            if wished:
                subscriptions.change(tx, self.id, address, self.now, **wished)
            found = subscriptions.find(tx, self.id, address)
        assert found is not None
        return found.id

    def post(self, *, parent: int | None = None, author: str | None = None) -> tuple[int, int, int]:
        """Accept a post; return its id, how many get it by itself, and how many in digests."""
        self.made += 1
        raw = b"%d" % self.made
        with self.db.transaction() as tx:
            inbound_id, raw_id = inbound.keep(tx, self.id, raw, source=Source.CLI, now=self.now)
            new = posts.NewPost(
                category_id=self.id,
                inbound_id=inbound_id,
                raw_id=raw_id,
                message_id=f"<{self.made}@example.net>",
                fingerprint=f"{self.made:064}",
                aliases=(),
                references=(),
                sender=author,
                sender_name="",
                subject=f"Post {self.made}",
                date=self.now,
                state=PostState.ACCEPTED,
                reason=None,
                trail=(),
            )
            post_id = posts.add(tx, new, self.now)
            if parent is not None:
                posts.hang(tx, post_id, parent=parent, rank=0)
            copy = NewOutgoing(Kind.POST, self.id, post_id, "l@b", b"\r\n", None, raw_id, None)
            each = outbox.fan_out(
                tx,
                copy,
                to_subscribers=True,
                without=None,
                author=author,
                refusal=None,
                now=self.now,
            )
            more: dict[str, Any] = {"without": None, "author": author, "now": self.now}
            return post_id, each, digests.gather(tx, self.id, post_id, **more)

    def take(self) -> list[Waiting]:
        with self.db.transaction() as tx:
            return digests.take(tx, self.id)

    def wished(self, author: str | None = None) -> Wishes:
        with self.db.reading() as tx:
            return wishes.about_post(tx, self.id, author)


@pytest.fixture
def general(db: Database, category_id: int, now: datetime) -> List:
    return List(db, category_id, now)


def test_those_who_get_the_same_are_together_and_it_is_taken_once(general: List) -> None:
    for name in "ab":
        general.member(name, receives=Receives.DIGEST)
    general.member("m", receives=Receives.MIME_DIGEST)
    general.member("e")
    one, *counts = general.post()
    general.member("new", receives=Receives.DIGEST)
    two, *_ = general.post()

    assert counts == [1, 3]
    assert general.take() == [
        Waiting(Receives.DIGEST, None, (one, two), ("a@example.org", "b@example.org")),
        Waiting(Receives.MIME_DIGEST, None, (one, two), ("m@example.org",)),
        Waiting(Receives.DIGEST, None, (two,), ("new@example.org",)),
    ]
    assert general.take() == []


def test_what_waits_is_read_of_some_readers_at_a_time(
    general: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_AT_ONCE", 2)
    names = [f"{name}@example.org" for name in "abcde"]
    for name in "abcde":
        general.member(name, receives=Receives.DIGEST)
    ids = tuple(general.post()[0] for _ in range(3))
    read: list[int] = []

    def note(_tx: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT digest_entries"):
            read.append(len(parameters))

    with general.db.transaction() as tx:
        event.listen(tx, "before_cursor_execute", note)
        taken = digests.take(tx, general.id)

    assert taken == [Waiting(Receives.DIGEST, None, ids, tuple(names))]
    assert read == [2, 2, 1]


@pytest.mark.parametrize(
    "wished",
    [
        {"receives": Receives.NONE},
        {"receives": Receives.DIGEST, "state": SubscriptionState.SUSPENDED},
        {"receives": Receives.DIGEST, "holiday_until": TOMORROW},
        {"receives": Receives.DIGEST, "own_posts": False},
    ],
    ids=["none", "suspended", "holiday", "own posts"],
)
def test_who_does_not_want_a_post_gets_it_in_no_digest(
    general: List, wished: dict[str, Any]
) -> None:
    general.member("a", **wished)

    assert general.post(author="a@example.org")[1:] == (0, 0)


def test_the_last_form_he_had_is_that_of_what_is_left(general: List) -> None:
    general.member("a", receives=Receives.DIGEST)
    general.post()
    general.member("a", receives=Receives.MIME_DIGEST)
    general.post()
    general.member("a", receives=Receives.EACH)

    [one] = general.take()

    assert one.form is Receives.MIME_DIGEST


def test_what_is_cancelled_for_somebody_is_cancelled_in_digests_too(general: List) -> None:
    general.member("a", receives=Receives.DIGEST)
    general.member("b", receives=Receives.DIGEST)
    general.post()
    with general.db.transaction() as tx:
        outbox.cancel_for(tx, general.id, "a@example.org")

    assert [one.recipients for one in general.take()] == [("b@example.org",)]


def test_the_size_of_what_has_gathered_counts_each_post_once(general: List) -> None:
    for name in "ab":
        general.member(name, receives=Receives.DIGEST)
    with general.db.reading() as tx:
        assert digests.gathered(tx, general.id) == 0
    for _ in range(11):
        general.post()

    with general.db.reading() as tx:
        assert digests.gathered(tx, general.id) == len("1234567891011")


def test_issues_are_counted_by_category_and_begin_anew_with_each_volume(
    db: Database, category_id: int
) -> None:
    with db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id

        def number(category: int, volume: int) -> int:
            return digests.next_issue(tx, category, volume)

        found = [number(category_id, 2026), number(category_id, 2026), number(other, 2026)]
        found += [number(category_id, 2027), number(category_id, 2027)]

    assert found == [1, 2, 1, 1, 2]


def test_what_has_gathered_is_found_by_the_audit_where_no_digest_is_owed(general: List) -> None:
    general.member("a", receives=Receives.DIGEST)
    post_id, *_ = general.post()

    def found() -> list[str]:
        with general.db.reading() as tx:
            problems = audit.problems(tx)
        return [one.problem for one in problems if (one.what, one.id) == ("post", post_id)]

    assert "it waits for a digest that is not to be made" in found()
    with general.db.transaction() as tx:
        duties.owe(tx, general.id, Duty.DIGEST, general.now)
    assert "it waits for a digest that is not to be made" not in found()


def test_a_muted_thread_is_left_out_of_everything_whichever_post_names_it(general: List) -> None:
    first, *_ = general.post()
    second, *_ = general.post(parent=first)
    forms = (Receives.EACH, Receives.DIGEST, Receives.UPDATES)
    ids = [general.member(form.value, receives=form) for form in forms]
    with general.db.transaction() as tx:
        for one in ids:
            muted.mute(tx, one, second)
            muted.mute(tx, one, second)  # which he may do twice

    third, *counts = general.post(parent=first)

    assert counts == [0, 0]
    assert _told(general, third) == 0
    assert general.post()[1:] == (1, 1)


def test_a_thread_that_is_muted_before_it_is_joined_to_another_stays_so(general: List) -> None:
    own = general.member("a")
    early, *_ = general.post()
    with general.db.transaction() as tx:
        muted.mute(tx, own, early)
    late, *_ = general.post()
    with general.db.transaction() as tx:
        posts.hang(tx, early, parent=late, rank=0)

    assert general.post(parent=late)[1:] == (0, 0)


def test_a_thread_is_had_again_by_any_of_its_posts(general: List) -> None:
    own = general.member("a")
    first, *_ = general.post()
    second, *_ = general.post(parent=first)
    with general.db.transaction() as tx:
        muted.mute(tx, own, first)
        muted.unmute(tx, own, second)

    assert general.post(parent=second)[1:] == (1, 0)


def test_what_has_gathered_of_a_thread_goes_when_it_is_muted_and_nothing_else(
    general: List,
) -> None:
    own = general.member("a", receives=Receives.DIGEST)
    general.member("b", receives=Receives.DIGEST)
    first, *_ = general.post()
    answer, *_ = general.post(parent=first)
    other, *_ = general.post()
    with general.db.transaction() as tx:
        muted.mute(tx, own, answer)

    assert [(one.recipients, one.posts) for one in general.take()] == [
        (("a@example.org",), (other,)),
        (("b@example.org",), (first, answer, other)),
    ]


def test_muted_threads_are_told_by_their_first_posts_newest_first(general: List) -> None:
    own = general.member("a")
    first, *_ = general.post()
    answer, *_ = general.post(parent=first)
    other, *_ = general.post()
    with general.db.transaction() as tx:
        for one in (answer, first, other):
            muted.mute(tx, own, one)
        told = [muted.threads(tx, own, most) for most in (9, 1)]
        muted.forget(tx, own)
        assert muted.threads(tx, own, 9) == []

    assert [[one for one, _ in some] for some in told] == [[other, first], [other]]


def test_who_wishes_nothing_but_posts_is_no_cause_for_anything(general: List) -> None:
    general.member("a")
    general.member("b", receives=Receives.NONE)
    general.member("c", receives=Receives.DIGEST, state=SubscriptionState.SUSPENDED)
    general.member("d", acknowledge=True)

    assert general.wished("a@example.org") == Wishes()


def test_everything_that_is_wished_is_found_at_once(general: List) -> None:
    general.member("a", acknowledge=True)
    general.member("b", receives=Receives.MIME_DIGEST)
    for name, language in (("c", None), ("d", "de"), ("e", "de")):
        general.member(name, receives=Receives.UPDATES, language=language)

    assert general.wished("a@example.org") == Wishes(True, (None, "de"), True)


def _told(general: List, post_id: int, language: str | None = None, name: str = "x") -> int:
    letter = Letter(f"<{name}@example.org>", LETTER.head, LETTER.body)
    sender: dict[str, Any] = {"sender": "l@b", "language": language, "now": general.now}
    with general.db.transaction() as tx:
        return updates.put(tx, general.id, post_id, letter, **sender, **NOBODY)


def test_a_letter_about_a_post_goes_to_those_of_one_language_and_is_a_name_of_the_post(
    general: List,
) -> None:
    post_id, *_ = general.post()
    general.member("a")
    for name, language in (("c", None), ("d", "de"), ("e", "de")):
        general.member(name, receives=Receives.UPDATES, language=language)

    assert [_told(general, post_id, "de", "german"), _told(general, post_id)] == [2, 1]
    with general.db.reading() as tx:
        assert posts.known_as(tx, general.id, ["<german@example.org>"]) == {
            "<german@example.org>": post_id
        }
        assert [one for one in audit.problems(tx) if one.what == "outgoing"] == []


def test_a_post_goes_to_one_more_address_once(general: List) -> None:
    post_id, *_ = general.post()

    def add(tx: Tx) -> bool:
        return outbox.add_recipient(tx, post_id, "a@example.org", general.now)

    with general.db.transaction() as tx:
        assert [add(tx), add(tx)] == [True, False]
        assert not outbox.add_recipient(tx, post_id + 1, "a@example.org", general.now)
        assert [one for one in audit.problems(tx) if one.what == "outgoing"] == []


def test_a_form_that_does_not_exist_is_refused_by_the_database(general: List) -> None:
    general.member("a")

    with pytest.raises(Exception, match="ck_subscriptions_receives"):
        general.member("a", receives="sometimes")
