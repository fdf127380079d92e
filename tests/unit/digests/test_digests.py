"""Digests: who gets which posts in which mail, whatever he changes meanwhile, and never twice."""

from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import event

from listbridge import clock
from listbridge.category import DigestSettings, MessageSettings, Posting
from listbridge.delivery import digest, otherwise
from listbridge.intake.tally import Tally
from listbridge.moderation import actions
from listbridge.secret import Secret
from listbridge.service import duties
from storage import audit, posts
from storage import subscriptions as store
from storage.errors import StoreError
from storage.states import Origin, Receives, SubscriptionState
from tests.fakes.town import SENDING, Town
from tests.unit.digests.conftest import NOON, Post

DORA, MIM, EVE = "dora@example.net", "mim@example.net", "eve@example.net"
_AFTER_PREAMBLE = "\n" + "-" * 70 + "\n\n"
_BETWEEN = "\n\n" + "-" * 30 + "\n\n"


def text(one: EmailMessage) -> str:
    """Return the text of a plain digest."""
    return str(one.get_content()).replace("\r\n", "\n")


def subjects(one: EmailMessage) -> list[str]:
    """Return the subjects of the posts in a digest of either form, in their order."""
    if one.get_content_type() == "multipart/mixed":
        attached = list(one.iter_parts())[1]
        return [str(each.get_content()["Subject"]) for each in attached.iter_parts()]
    bodies = text(one).partition(_AFTER_PREAMBLE)[2].split(_BETWEEN)[:-1]
    return [line[9:] for each in bodies for line in each.splitlines() if line[:9] == "Subject: "]


def found(post: Post) -> list[tuple[str, list[str]]]:
    """Let a night pass; return who finds which posts in a digest."""
    return [(who, subjects(one)) for everybody, one in post.morning() for who in everybody]


def wish(town: Town, address: str, **wishes: Any) -> None:
    with town.office.db.transaction() as tx:
        store.change(tx, town.office.category_id, address, clock.now(), **wishes)


@pytest.mark.parametrize("form", ["digest", "mime-digest"])
def test_the_posts_of_a_day_come_in_one_mail_thread_by_thread(
    town: Town, post: Post, form: str
) -> None:
    town.member(DORA, receives=form)
    town.write("One")
    town.write("Two", "bob@example.net")
    town.write("Re: One", "bob@example.net", In_Reply_To="<1@example.net>")

    assert found(post) == [(DORA, ["One", "Re: One", "Two"])]


def test_who_takes_digests_gets_no_post_by_itself_and_others_no_digest(
    town: Town, post: Post
) -> None:
    town.member(DORA, receives="digest")
    town.member(EVE)

    assert town.gets("One", "ann@example.net") == [EVE]
    assert found(post) == [(DORA, ["One"])]


def test_everybody_who_wants_the_same_gets_the_same_mail(town: Town, post: Post) -> None:
    town.member(DORA, EVE, receives="digest")
    town.write("One")

    [(who, _)] = post.morning()

    assert who == [DORA, EVE]


def test_where_nothing_was_posted_nothing_comes_and_each_post_comes_once(
    town: Town, post: Post
) -> None:
    town.member(DORA, receives="digest")
    assert found(post) == []
    town.write("One")
    assert found(post) == [(DORA, ["One"])]

    assert found(post) == []


def test_nothing_comes_before_its_time(
    town: Town, post: Post, at: Callable[[timedelta], None]
) -> None:
    town.member(DORA, receives="digest")
    town.write("One")
    at(timedelta(hours=18, minutes=59))
    assert post.digests() == []

    at(timedelta(hours=19))
    assert len(post.digests()) == 1


def test_so_much_that_it_is_enough_goes_out_at_once(town: Town, post: Post) -> None:
    town.change(digest=DigestSettings(max_size=1000))
    town.member(DORA, receives="mime-digest")
    town.write("One")
    assert post.digests() == []

    town.write("Two " + "x" * 800)

    assert [subjects(one) for _, one in post.digests()] == [["One"], ["Two " + "x" * 800]]


def test_what_goes_out_at_once_is_not_added_up_again_with_each_post(
    town: Town, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.change(digest=DigestSettings(max_size=1))
    town.member(DORA, receives="digest")
    town.write("One")
    monkeypatch.delattr(otherwise.digests, "gathered")

    assert town.write("Two")["posts"] == 1


CHANGES: dict[str, dict[str, Any]] = {
    "each": {"receives": Receives.EACH},
    "none": {"receives": Receives.NONE},
    "holiday": {"holiday_until": NOON + timedelta(days=30)},
    "own posts off": {"own_posts": False},
    "updates": {"receives": Receives.UPDATES},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_posted_while_he_took_digests_comes_in_a_last_one(
    town: Town, post: Post, change: str
) -> None:
    town.member(DORA, receives="digest")
    town.write("Before")
    wish(town, DORA, **CHANGES[change])
    town.write("Behind", DORA)

    assert found(post) == [(DORA, ["Before"])]
    assert found(post) == []


def test_whatever_form_somebody_wants_when_each_post_is_his_once(town: Town, post: Post) -> None:
    got: list[str] = []
    town.member(DORA)
    for number, form in enumerate([*Receives, *reversed(Receives)]):
        wish(town, DORA, receives=form)
        subject = f"Post {number}"
        got += [subject] if town.gets(subject, "ann@example.net") == [DORA] else []
        if number % 3 == 2:
            got += [one for _, some in found(post) for one in some]
    got += [one for _, some in found(post) for one in some]

    wanted = [
        f"Post {number}"
        for number, form in enumerate([*Receives, *reversed(Receives)])
        if form not in ("none", "updates")
    ]
    assert sorted(got) == wanted


def test_the_form_is_the_one_that_is_wanted_in_the_end(town: Town, post: Post) -> None:
    town.member(DORA, receives="digest")
    town.write("One")
    wish(town, DORA, receives=Receives.MIME_DIGEST)

    [(_, one)] = post.morning()

    assert one.get_content_type() == "multipart/mixed"
    assert subjects(one) == ["One"]


def test_who_comes_to_digests_with_each_post_sent_before_gets_only_later_ones(
    town: Town, post: Post
) -> None:
    town.member(DORA)
    assert town.gets("Before", "ann@example.net") == [DORA]
    wish(town, DORA, receives=Receives.DIGEST)
    town.write("Behind")

    assert found(post) == [(DORA, ["Behind"])]


@pytest.mark.parametrize("how", ["removed", "suspended"])
def test_who_is_no_subscriber_any_more_gets_nothing_that_has_gathered(
    town: Town, post: Post, how: str
) -> None:
    town.member(DORA, receives="digest")
    town.write("One")
    if how == "removed":
        with town.office.db.transaction() as tx:
            actions.subscriptions.unsubscribe(tx, town.office.category_id, DORA, Origin.PERSON)
        town.member(DORA)  # and comes back, before the digest
    else:
        wish(town, DORA, state=SubscriptionState.SUSPENDED)

    assert found(post) == []


def test_his_own_posts_are_left_out_where_he_does_not_want_them(town: Town, post: Post) -> None:
    town.member(DORA, receives="digest", own_posts=False)
    town.write("Mine", DORA)
    town.write("Another's")

    assert found(post) == [(DORA, ["Another's"])]


def test_a_held_post_is_in_the_first_digest_after_it_was_approved(town: Town, post: Post) -> None:
    town.change(posting=Posting(non_members="hold"))
    town.member(DORA, receives="digest")
    town.write("Held")
    assert found(post) == []
    with town.office.db.transaction() as tx:
        [held] = posts.in_category(tx, town.office.category_id)
        assert actions.approve(tx, town.office.category, held)

    assert found(post) == [(DORA, ["Held"])]


def test_who_wants_other_posts_or_another_language_gets_another_mail_of_the_same_issue(
    town: Town, post: Post
) -> None:
    town.member(DORA, receives="digest")
    town.member(EVE, receives="digest", language="de")
    town.member(MIM, receives="mime-digest")
    town.write("One")
    town.member("new@example.net", receives="digest")
    town.write("Two")

    made = post.morning()

    assert [(who, subjects(one)) for who, one in made] == [
        ([DORA], ["One", "Two"]),
        ([EVE], ["One", "Two"]),
        ([MIM], ["One", "Two"]),
        (["new@example.net"], ["Two"]),
    ]
    assert {str(one["Subject"]) for _, one in made} == {"General Digest V2026 #1"}
    assert "In diesem Digest:" in text(made[1][1])


def test_issues_are_counted(town: Town, post: Post) -> None:
    town.member(DORA, receives="digest")
    titles = []
    for subject in "AB":
        town.write(subject)
        titles += [str(one["Subject"]) for _, one in post.morning()]

    assert titles == ["General Digest V2026 #1", "General Digest V2026 #2"]


def test_a_digest_is_split_where_it_would_be_too_large_and_no_post_is_cut(
    town: Town, post: Post
) -> None:
    town.member(MIM, receives="mime-digest")
    for number in range(3):
        town.write(f"Post {number}")
    town.change(digest=DigestSettings(max_size=1600))

    made = [one for _, one in post.morning()]

    assert [subjects(one) for one in made] == [["Post 0", "Post 1"], ["Post 2"]]
    assert [str(one["Subject"])[-5:] for one in made] == ["(1/2)", "(2/2)"]


def test_no_digest_has_more_posts_than_programs_take_apart(
    town: Town, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "_MOST_POSTS", 2)
    town.member(DORA, receives="digest")
    for number in range(5):
        town.write(f"Post {number}")

    assert [len(some) for _, some in found(post)] == [2, 2, 1]


def test_a_digest_is_mail_of_the_list_and_no_robots(town: Town, post: Post) -> None:
    town.member(DORA, receives="digest")
    town.write("One")

    [(_, one)] = post.morning()

    names = ("From", "To", "Sender", "Precedence", "List-Id", "List-Post", "Auto-Submitted")
    assert {name: one[name] for name in names} == {
        "From": "General <general@example.org>",
        "To": "general@example.org",
        "Sender": "general@example.org",
        "Precedence": "list",
        "List-Id": "General <general.example.org>",
        "List-Post": "<mailto:general@example.org>",
        "Auto-Submitted": None,
    }


def test_a_digest_that_comes_back_is_no_post(town: Town, post: Post) -> None:
    town.member(DORA, receives="digest")
    town.write("One")
    [(_, one)] = post.morning()

    assert town.hand_in(one.as_bytes()) == {"robots": 1}


def test_what_goes_out_singly_without_it_is_without_it_in_digests(town: Town, post: Post) -> None:
    """A token somebody quotes, the posting password, Bcc: nobody may see them."""
    token = "confirm-" + "a" * 26
    password = Secret.model_validate("hidden-word")
    town.change(posting=Posting(non_members="accept", password=password))
    town.member(DORA, receives="digest")
    town.member(MIM, receives="mime-digest")
    town.hand_in(
        b"From: ann@example.net\r\nTo: general+hidden-word@example.org\r\n"
        b"Bcc: secret@example.net\r\nDisposition-Notification-To: spy@example.net\r\n"
        b"Subject: Look\r\nMessage-ID: <1@example.net>\r\n\r\n"
        b"I was asked for " + token.encode() + b" and wrote to general+hidden-word@example.org.\r\n"
    )

    texts = [one.as_bytes().decode() for _, one in post.morning()]

    assert len(texts) == 2
    for hidden in (token, "hidden-word", "secret@example.net", "spy@example.net"):
        assert not any(hidden in text for text in texts), hidden


def test_a_post_that_no_server_could_take_is_named_and_the_others_come(
    town: Town, post: Post
) -> None:
    town.member(DORA, receives="digest")
    town.member(MIM, receives="mime-digest")
    signed = (
        b"From: ann@example.net\r\nSubject: Bad\r\nMessage-ID: <bad@example.net>\r\n"
        b'Content-Type: multipart/signed; boundary="b"\r\n\r\n'
        b"--b\r\n\r\n" + b"x" * 2000 + b"\r\n--b\r\n"
        b"Content-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
    )
    town.hand_in(signed)
    town.write("Good")

    [(_, plain), (_, mime)] = post.morning()

    assert subjects(plain) == ["Bad", "Good"]
    assert "[this post could not be sent]" in text(plain)
    kinds = [part.get_content_type() for part in list(mime.iter_parts())[1].iter_parts()]
    assert kinds == ["text/plain", "message/rfc822"]


def test_the_footer_of_the_copies_does_not_break_the_form(town: Town, post: Post) -> None:
    town.change(message=MessageSettings(footer="-" * 30 + "\nAll about {list_name}"))
    town.member(DORA, receives="digest")
    town.write("One")
    town.write("Two")

    assert found(post) == [(DORA, ["One", "Two"])]


@pytest.mark.parametrize("form", ["digest", "mime-digest"])
def test_what_is_each_readers_own_in_single_copies_is_nobodys_in_a_digest(
    town: Town, post: Post, form: str
) -> None:
    settings = MessageSettings(personalise=True, footer="For {member}: {unsubscribe}")
    town.change(message=settings)
    town.member(DORA, receives=form)
    town.write("One")

    [(_, one)] = post.morning()

    assert "leave-" not in one.as_string()
    assert "mailto:general@example.org?subject=unsubscribe" in one.as_string()


class Killed(StoreError):
    """The process dies here; as when its store is away, nothing goes on."""


def test_killed_behind_any_statement_it_is_made_once(town: Town, post: Post) -> None:
    """From the post to the digest: each is there wholly, or not at all and made later."""
    engine = town.office.db._engine
    left = 0

    def die(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal left
        if statement.startswith("BEGIN"):
            return  # before anything is done
        left -= 1
        if left == 0:
            raise Killed

    town.member(DORA, receives="digest")
    event.listen(engine, "after_cursor_execute", die)
    deaths, day, number = 0, 0, 0
    while deaths == number:
        number += 1
        day += 1
        post.at(timedelta(days=day))
        left = 0
        town.write(f"Post {number}")
        post.at(timedelta(days=day, hours=20))
        before = post.last()
        left = number
        try:
            post.see_to()
        except Killed:
            deaths += 1
        left = 0
        post.see_to()
        with town.office.db.reading() as tx:
            assert audit.problems(tx) == []
        made = post.made_since(before)
        assert [subjects(one) for _, one in made] == [[f"Post {number}"]], number
    event.remove(engine, "after_cursor_execute", die)

    assert deaths > 10


def test_of_two_services_at_once_one_makes_the_digest(
    town: Town, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has found it owed, and waits for the lock meanwhile."""
    town.member(DORA, receives="digest")
    town.write("One")
    post.at(timedelta(days=1))
    office = town.office
    lock = duties.categories.lock
    made: list[int] = []

    def locked(tx: Any, category_id: int) -> None:
        monkeypatch.setattr(duties.categories, "lock", lock)
        lock(tx, category_id)
        made.append(digest.send(tx, office.category, category_id, clock.now())[0])
        duties.duties.done(tx, category_id, duties.Duty.DIGEST, None)

    monkeypatch.setattr(duties.categories, "lock", locked)
    tally = Tally("general")
    duties.see_to(office.db, office.reader(tally))

    assert (made, tally.queued) == ([1], 0)


def test_a_list_that_cannot_send_gathers_nothing(town: Town, post: Post) -> None:
    town.change(outgoing=None)
    town.member(DORA, receives="digest")
    town.write("One")
    town.change(outgoing=SENDING)

    assert found(post) == []
