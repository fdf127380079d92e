"""Erasing a person: nothing in any table names him, and everything else is in order."""

from collections import Counter
from typing import Any

import pytest

from listbridge import clock
from listbridge.bounces import Book
from listbridge.category import MessageSettings, Posting
from listbridge.membership import further
from listbridge.message import key
from storage import audit, categories, erased, erasure, posts, raw_messages
from storage.database import Database
from storage.schema import metadata
from storage.states import PostState
from tests.fakes.office import Office, general, letter
from tests.fakes.town import SENDING, Town

ANN = "ann@example.net"
WORK = "Ann@work.example"
BOB = "bob@example.net"
# What was sent stays with its bytes, unless they are to go as well.
_BYTES = {"raw_messages", "outgoing"}


@pytest.fixture
def town(db: Database, category_id: int) -> Town:
    """Ann and Bob have used their list for a while."""
    server: Any = None  # nothing is polled
    one = Town(Office(db, category_id, server, general(outgoing=SENDING, posting=Posting())))
    one.member(ANN, BOB)
    with db.transaction() as tx:
        found = one.subscription()
        assert found is not None
        further.add(tx, one.office.category, category_id, found, WORK)
    one.write("a post", f"Ann Lee <{ANN}>")
    one.write("Re: a post", BOB, In_Reply_To="<1@example.net>")
    one.write("a question", WORK)
    for command in ("options", "set receives none", "add-address third@example.com", "help"):
        one.write(command, ANN)
    one.write("unsubscribe", WORK)
    one.send()
    with db.transaction() as tx:
        book = Book(category_id, one.office.category)
        book.refused(tx, 1, [ANN], f"550 5.1.1 <{ANN}> unknown", clock.now())
        tx.exec_driver_sql(f"UPDATE deliveries SET last_reply = 'no {ANN}' WHERE id = 1")
    return one


def erase(town: Town, address: str = ANN, *, with_posts: bool = True) -> Counter[str]:
    with town.office.db.transaction() as tx:
        keys = erasure.keys_of(tx, key(address))
        return erasure.erase(tx, keys, clock.now(), with_posts=with_posts)


def naming(town: Town, *names: str) -> set[str]:
    """Return the tables that name somebody in any of their columns."""
    found = set()
    with town.office.db.reading() as tx:
        for table in metadata.sorted_tables:
            for row in tx.execute(table.select()):
                said = str(tuple(row)).lower()
                found |= {table.name} if any(name.lower() in said for name in names) else set()
        assert audit.problems(tx) == []
    return found


@pytest.mark.parametrize("address", [ANN, WORK])
def test_nothing_names_the_person_any_more(town: Town, address: str) -> None:
    assert naming(town, ANN, WORK, "Ann Lee") >= {"subscriptions", "posts", "inbound", "deliveries"}

    erase(town, address)

    assert naming(town, ANN, WORK, "Ann Lee") == set()


def test_without_the_posts_only_what_was_sent_names_him(town: Town) -> None:
    erase(town, with_posts=False)

    assert naming(town, ANN, WORK, "Ann Lee") == _BYTES


def test_others_keep_all_that_is_theirs(town: Town) -> None:
    def bobs() -> list[object]:
        with town.office.db.reading() as tx:
            [post] = [x for x in posts.in_category(tx, town.office.category_id) if x.sender == BOB]
            rows = tx.exec_driver_sql(
                f"SELECT id, state, outgoing_id FROM deliveries WHERE recipient = '{BOB}'"
            )
            return [post, raw_messages.read(tx, post.raw_id), rows.all(), town.subscription(BOB)]

    before = bobs()

    erase(town)

    assert bobs() == before


def test_what_is_unsent_to_him_is_cancelled(town: Town) -> None:
    town.write("news", BOB)

    done = erase(town)

    assert done["of these cancelled"] == 1
    assert town.office.count("deliveries", "state = 'pending'") == 1  # to Bob himself


def test_what_is_just_leaving_stays_for_another_time(town: Town) -> None:
    town.write("news", BOB)
    with town.office.db.transaction() as tx:
        tx.exec_driver_sql(
            f"UPDATE deliveries SET state = 'sending', owner = 'x#1@2' WHERE recipient = '{ANN}' "
            "AND state = 'pending'"
        )

    done = erase(town)

    assert done["deliveries leaving"] == 1
    assert town.office.count("deliveries", f"recipient = '{ANN}'") == 1


def test_a_post_that_is_still_being_sent_to_others_keeps_its_bytes(town: Town) -> None:
    town.write("the newest", ANN)

    done = erase(town)
    town.send()
    again = erase(town)

    assert (done["posts going out"], again["posts going out"]) == (1, 0)
    assert again["posts without content"] == 1
    assert naming(town, ANN) == set()


def test_two_posts_with_the_same_text_do_not_share_its_end(town: Town) -> None:
    # Only bodies that are not as they came are stored by themselves.
    town.change(message=MessageSettings(footer="The end."))
    same = "\r\n\r\nMe, too.\r\n"
    for number, sender in enumerate((ANN, BOB)):
        head = letter(90 + number, From=sender).partition(b"\r\n\r\n")[0]
        town.hand_in(head + same.encode())
    town.send()

    erase(town)

    with town.office.db.reading() as tx:
        for post in posts.in_category(tx, town.office.category_id):
            if post.sender == BOB and post.subject == "91":
                assert raw_messages.read(tx, post.raw_id).endswith(b"Me, too.\r\n")
                query = f"SELECT raw_id FROM outgoing WHERE post_id = {post.id}"
                body = raw_messages.read(tx, tx.exec_driver_sql(query).scalar_one())
    assert b"Me, too." in body


def test_a_held_post_of_his_is_never_posted(town: Town) -> None:
    town.change(posting=Posting(members="hold"))
    town.write("please", ANN)

    erase(town, with_posts=False)

    with town.office.db.reading() as tx:
        last = posts.in_category(tx, town.office.category_id)[-1]
        content = raw_messages.read(tx, last.raw_id)
    assert last.state is PostState.DISCARDED
    assert b"Erased." in content


def test_a_copy_that_came_twice_goes_like_the_first(town: Town) -> None:
    again = b"Received: from a.example.net; Sat, 31 Oct 2026 10:00:00 +0000\r\n" + letter(
        1, From=f"Ann Lee <{ANN}>", Subject="a post"
    )
    assert town.hand_in(again) == {"duplicates": 1}

    erase(town)

    assert naming(town, ANN) == set()


def test_a_file_knows_him_by_a_hash_until_he_comes_back_by_himself(town: Town) -> None:
    erase(town)

    with town.office.db.transaction() as tx:
        before = erased.among(tx, [ANN, key(WORK), BOB])
    town.member(ANN)
    with town.office.db.transaction() as tx:
        after = erased.among(tx, [ANN, key(WORK), BOB])

    assert (before, after) == ({ANN, key(WORK)}, {key(WORK)})


def test_erasing_reaches_all_categories(town: Town) -> None:
    with town.office.db.transaction() as tx:
        town.office.category_id = categories.keep(tx, "dev", "dev@example.org").id
    town.member(WORK, BOB)

    erase(town)

    assert town.office.count("subscriptions") == 2  # Bob's


def test_of_nobody_nothing_is_erased(town: Town) -> None:
    assert +erase(town, "nobody@example.com") == Counter()
