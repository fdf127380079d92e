"""A category whose subscriber is another category: each post gets to everybody once."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from listbridge import clock, message
from listbridge.bounces import Book, Failure, Report
from listbridge.category import BounceSettings
from listbridge.intake.dispatch import dispatch_waiting
from listbridge.intake.readers import Readers
from listbridge.moderation import actions
from listbridge.secret import Secret
from storage import audit, categories, inbound, outbox, posts, raw_messages
from storage.database import Database
from storage.states import BounceClass, PostState, Source
from tests.fakes.lists import Lists
from tests.fakes.office import letter

ANN, BOB, EVE = "ann@example.net", "bob@example.net", "eve@example.net"
UNDER = {"umbrellas": ["all@example.org"], "non_members": "reject"}


@pytest.fixture
def lists(db: Database) -> Iterator[Lists]:
    one = Lists(db)
    one.make("all", ANN, "staff@example.org", "pupils@example.org")
    one.make("staff", BOB, posting=UNDER)
    one.make("pupils", EVE, posting=UNDER)
    yield one
    with db.reading() as tx:
        assert audit.problems(tx) == []


def head_of(raw: bytes) -> message.Head:
    return message.split(raw)[0]


def test_a_post_to_the_umbrella_goes_on_to_the_members_of_its_lists(lists: Lists) -> None:
    lists.hand_in("all", letter(1))

    assert lists.hand_in("staff", lists.copy("all")) == {"posts": 1, "queued": 1}
    assert lists.hand_in("pupils", lists.copy("all")) == {"posts": 1, "queued": 1}
    assert lists.getting("all") == [ANN, "pupils@example.org", "staff@example.org"]
    assert (lists.getting("staff"), lists.getting("pupils")) == ([BOB], [EVE])


def test_whoever_is_in_several_of_them_gets_it_once(lists: Lists) -> None:
    lists.make("staff", ANN, posting=UNDER)
    lists.make("pupils", ANN, BOB, posting=UNDER)

    lists.hand_in("all", letter(1))
    copy = lists.copy("all")
    lists.hand_in("staff", copy)
    lists.hand_in("pupils", copy)

    assert (lists.getting("staff"), lists.getting("pupils")) == ([BOB], [EVE])


def test_it_is_shaped_by_the_list_as_if_it_had_come_to_it_and_keeps_the_way(lists: Lists) -> None:
    shaped: dict[str, Any] = {"subject_prefix": "[all]", "footer": "of all"}
    lists.make("all", message=shaped)
    lists.make("staff", posting=UNDER, message={"subject_prefix": "[staff]", "footer": "of staff"})
    lists.hand_in("all", letter(1, From="Eve <eve@example.com>"))

    lists.hand_in("staff", lists.copy("all"))

    copy = lists.copy("staff")
    head, body = message.split(copy)
    assert head.text("Subject") == "[staff] 1"
    assert head.text("From") == '"Eve via staff" <staff@example.org>'
    assert head.text("Message-ID") == "<1@example.net>"
    assert (b"of staff" in body, b"of all" in body) == (True, False)
    assert message.passed(head) == ["all@example.org", "staff@example.org"]
    assert len(head.all("List-Id")) == 1


def test_a_forged_copy_changes_nothing_of_the_post(lists: Lists) -> None:
    lists.hand_in("all", letter(1))
    forged = lists.copy("all").replace(b"This is letter 1.", b"Buy this.")
    forged = re.sub(rb"Subject: .*", b"Subject: cheap", forged)

    lists.hand_in("staff", forged)
    again = lists.hand_in("staff", lists.copy("all"))

    assert again == {"duplicates": 1}
    head, body = message.split(lists.copy("staff"))
    assert head.text("Subject") == "1"
    assert body == b"This is letter 1.\r\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"<1@example.net>", b"<2@example.net>"),
        lambda raw: raw.replace(b"X-Listbridge-Loop", b"X-Other"),
        lambda raw: raw.replace(b"Loop: all@", b"Loop: other@"),
    ],
    ids=["another message", "no mark", "the mark of another list"],
)
def test_what_our_records_do_not_vouch_for_is_a_strangers(lists: Lists, change: Any) -> None:
    lists.hand_in("all", letter(1))

    assert lists.hand_in("staff", change(lists.copy("all"))) == {"rejected": 1}


def test_what_the_umbrella_has_not_accepted_is_a_strangers(lists: Lists) -> None:
    lists.hand_in("all", letter(2))
    forged = lists.copy("all").replace(b"<2@example.net>", b"<1@example.net>")
    lists.make("all", posting={"members": "hold"})
    lists.hand_in("all", letter(1))

    assert lists.hand_in("staff", forged) == {"rejected": 1}


def test_what_was_not_sent_to_the_list_is_a_strangers(lists: Lists) -> None:
    lists.make("other", BOB, posting=UNDER)
    lists.hand_in("all", letter(1))

    assert lists.hand_in("other", lists.copy("all")) == {"rejected": 1}


def test_a_list_that_names_no_umbrella_takes_it_for_anybodys(lists: Lists) -> None:
    lists.make("staff", posting={"non_members": "reject"})
    lists.hand_in("all", letter(1))

    assert lists.hand_in("staff", lists.copy("all")) == {"rejected": 1}


def test_a_post_to_both_is_the_same_post(lists: Lists) -> None:
    lists.make("staff", posting={**UNDER, "non_members": "accept"})
    lists.hand_in("staff", letter(1))
    lists.hand_in("all", letter(1))

    assert lists.hand_in("staff", lists.copy("all")) == {"duplicates": 1}


def test_it_goes_through_two_umbrellas_one_above_the_other(lists: Lists) -> None:
    lists.make("world", "all@example.org")
    lists.make("all", posting={"umbrellas": ["world@example.org"]})
    lists.hand_in("world", letter(1))

    lists.hand_in("all", lists.copy("world"))
    lists.hand_in("staff", lists.copy("all"))

    assert lists.getting("staff") == [BOB]
    way = ["all@example.org", "staff@example.org", "world@example.org"]
    assert sorted(message.passed(head_of(lists.copy("staff")))) == way


def test_umbrellas_in_a_circle_come_to_rest(lists: Lists) -> None:
    lists.make("all", posting={"umbrellas": ["staff@example.org"]})
    lists.make("staff", "all@example.org", posting=UNDER)
    lists.hand_in("all", letter(1))

    lists.hand_in("staff", lists.copy("all"))

    assert lists.hand_in("all", lists.copy("staff")) == {"robots": 1}


def test_a_message_without_an_id_is_known_again_by_the_one_it_was_given(lists: Lists) -> None:
    lists.make("both", "staff@example.org", posting={"umbrellas": ["all@example.org"]})
    lists.hand_in("all", letter(1, message_id=""))

    first = lists.hand_in("staff", lists.copy("all"))
    second = lists.hand_in("staff", b"X-Way: another\r\n" + lists.copy("all"))

    assert (first, second) == ({"posts": 1, "queued": 1}, {"duplicates": 1})


def test_two_posts_with_the_same_id_both_go_on(lists: Lists) -> None:
    lists.hand_in("all", letter(1))
    first = lists.copy("all")
    lists.hand_in("all", letter(2, message_id="<1@example.net>"))

    lists.hand_in("staff", first)
    lists.hand_in("staff", lists.copy("all"))

    with lists.db.reading() as tx:
        found = [one.subject for one in posts.in_category(tx, lists.ids["staff"])]
    assert found == ["1", "2"]


def test_what_the_list_holds_is_approved_as_the_same_post(lists: Lists) -> None:
    lists.make("all", EVE)
    lists.make("staff", EVE, posting={**UNDER, "hold_all": True})
    lists.hand_in("all", letter(1))
    assert lists.hand_in("staff", lists.copy("all")) == {"held": 1}

    with lists.db.transaction() as tx:
        [held] = posts.in_category(tx, lists.ids["staff"], state=PostState.HELD)
        actions.approve(tx, lists.categories["staff"], held)

    assert lists.getting("staff") == [BOB]
    way = ["all@example.org", "staff@example.org"]
    assert message.passed(head_of(lists.copy("staff"))) == way


def test_the_block_list_of_the_list_is_stronger(lists: Lists) -> None:
    lists.make("staff", posting={**UNDER, "block": ["ann@example.net"]})
    lists.hand_in("all", letter(1))

    assert lists.hand_in("staff", lists.copy("all")) == {"discarded": 1}


@pytest.mark.parametrize("where", ["To", "X-Note"])
def test_the_posting_password_of_the_umbrella_stays_with_it(lists: Lists, where: str) -> None:
    lists.make("all", posting={"password": Secret(literal="correct-horse")})
    lists.hand_in("all", letter(1, **{where: "all+correct-horse@example.org"}))

    assert lists.hand_in("staff", lists.copy("all")) == {"posts": 1, "queued": 1}

    with lists.db.reading() as tx:
        raws = tx.exec_driver_sql(
            "SELECT bytes FROM raw_messages JOIN posts ON raw_id = raw_messages.id "
            f"WHERE category_id = {lists.ids['staff']}"
        ).scalars()
        assert not any(b"correct-horse" in raw for raw in raws)
    assert b"correct-horse" not in lists.copy("staff")


def test_what_goes_on_as_the_umbrella_sent_it_is_no_template_of_personal_copies(
    lists: Lists,
) -> None:
    personal: dict[str, Any] = {"personalise": True, "footer": "For {member}: {unsubscribe}"}
    lists.make("all", message=personal)
    lists.hand_in("all", letter(1, **{"X-Note": "all+x@example.org"}))

    lists.hand_in("staff", lists.copy("all"))

    footer = b"For staff@example.org: mailto:all@example.org?subject=unsubscribe\r\n"
    assert lists.copy("staff").endswith(footer)


def test_a_list_below_whose_mail_comes_back_is_not_cut_off(lists: Lists) -> None:
    one, other = "staff@example.org", "bob@example.net"
    lists.make("all", other, bounces=BounceSettings(threshold=1))
    lists.hand_in("all", letter(1))
    with lists.db.transaction() as tx:
        book, now = Book(lists.ids["all"], lists.categories["all"]), clock.now()
        outgoing = outbox.of_post(tx, 1)
        assert outgoing is not None
        refused = book.refused(tx, outgoing.id, [one, other], "550 5.1.1 nobody", now)
        tx.exec_driver_sql("UPDATE deliveries SET state = 'sent'")
        complaints = tuple(Failure(x, BounceClass.COMPLAINT, None, "") for x in (one, other))
        complained = book.reported(tx, Report(complaints, ("<1@example.net>",)), 1, now)

    assert [x.suspended_at is not None for x in refused] == [False, True]
    assert [x.unsubscribed for x in complained] == [False, True]


def test_a_bounce_of_a_copy_is_a_bounce(lists: Lists) -> None:
    lists.hand_in("all", letter(1))
    mark = b"From: MAILER-DAEMON@example.net\r\nX-Listbridge-Loop: all@example.org\r\n"

    bounce = mark + b"Message-ID: <1@example.net>\r\nSubject: failed\r\n\r\nsorry\r\n"

    assert lists.hand_in("staff", bounce) == {"bounces": 1}


def test_in_a_shared_mailbox_a_copy_gets_to_those_that_it_was_sent_to(lists: Lists) -> None:
    lists.make("other", posting=UNDER)
    lists.hand_in("all", letter(1))
    sharing = [lists.reader(slug) for slug in ("other", "pupils", "staff")]
    with lists.db.transaction() as tx:
        raw_id = raw_messages.keep(tx, lists.copy("all"))
        lead = sharing[0].id
        categories.lock(tx, lead)
        inbound.keep_stored(tx, lead, raw_id, source=Source.CLI, now=clock.now(), unrouted=True)

    dispatch_waiting(lists.db, Readers(sharing))

    assert [one.tally.posts for one in sharing] == [0, 1, 1]
    assert [one.tally.shunted for one in sharing] == [0, 0, 0]


def test_a_copy_that_has_been_here_before_is_a_loop(lists: Lists) -> None:
    lists.hand_in("all", letter(1))
    lists.hand_in("staff", lists.copy("all"))

    assert lists.hand_in("staff", lists.copy("staff")) == {"robots": 1}


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_what_the_umbrella_has_not_sent_is_a_strangers(lists: Lists, state: str) -> None:
    lists.hand_in("all", letter(1))
    with lists.db.transaction() as tx:
        tx.exec_driver_sql(f"UPDATE deliveries SET state = '{state}'")

    assert lists.hand_in("staff", lists.copy("all")) == {"rejected": 1}


def test_what_would_be_a_command_to_the_list_is_a_post(lists: Lists) -> None:
    lists.hand_in("all", letter(1, To="all@example.org, staff+subscribe@example.org"))

    assert lists.hand_in("staff", lists.copy("all")) == {"posts": 1, "queued": 1}
