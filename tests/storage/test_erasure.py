"""Erasing a person: nothing in any table names him, and everything else is in order."""

from collections import Counter
from typing import Any

import pytest

from listbridge import clock
from listbridge.bounces import Book
from listbridge.category import DigestSettings, MessageSettings, Posting
from listbridge.membership import further
from listbridge.message import key
from storage import allowed, audit, categories, erased, erasure, posts, raw_messages
from storage.database import Database
from storage.naming import find
from storage.schema import metadata
from storage.states import PostState, Receives
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
    one.write("away", ANN, Auto_Submitted="auto-replied")
    one.send()
    with db.transaction() as tx:
        book = Book(category_id, one.office.category)
        book.refused(tx, 1, [ANN], f"550 5.1.1 <{ANN}> unknown", clock.now())
        tx.exec_driver_sql(f"UPDATE deliveries SET last_reply = 'no {ANN}' WHERE id = 1")
    return one


def erase(town: Town, address: str = ANN, *, with_posts: bool = True) -> Counter[str]:
    with town.office.db.transaction() as tx:
        keys = erasure.keys_of(tx, key(address))
        found = find(tx, keys)
        return erasure.erase(tx, keys, found, clock.now(), with_posts=with_posts)


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


def test_what_told_others_of_a_post_goes_with_it(town: Town) -> None:
    town.change(digest=DigestSettings(max_size=1))
    town.member("cid@example.net", receives=Receives.DIGEST)
    town.member("dora@example.net", receives=Receives.UPDATES)
    town.write("for all", f"Ann Lee <{ANN}>")
    town.end_of_pass()
    town.send()
    assert town.office.count("outgoing", "kind = 'digest'") == 1

    erase(town)

    assert naming(town, ANN, "Ann Lee") == set()


def test_letters_to_others_wait_until_they_are_sent(town: Town) -> None:
    town.change(owners=(BOB,))
    town.write("a question", ANN, To="general+owner@example.org")

    first = erase(town)
    assert naming(town, ANN) == {"raw_messages", "outgoing"}
    town.send()
    second = erase(town)

    assert (first["letters going out"], second["letters going out"]) == (1, 0)
    assert naming(town, ANN) == set()


def test_a_post_that_waits_in_digests_is_sent_in_none(town: Town) -> None:
    town.member("cid@example.net", receives=Receives.DIGEST)
    town.write("for all", ANN)
    town.write("another", BOB)
    town.send()

    erase(town)

    assert town.office.count("digest_entries") == 1


def test_what_a_moderator_has_decided_stays_decided_by_somebody(town: Town) -> None:
    with town.office.db.transaction() as tx:
        tx.exec_driver_sql(f"UPDATE posts SET decided_by = '{WORK}' WHERE sender = '{BOB}'")
        allowed.add(tx, town.office.category_id, BOB, BOB, by=WORK, now=clock.now())

    erase(town)

    assert naming(town, WORK) == set()
    assert town.office.count("posts", "decided_by = 'erased'") == 1


def test_the_copy_by_which_a_list_got_another_lists_post_goes_too(town: Town) -> None:
    with town.office.db.transaction() as tx:
        copy = raw_messages.keep(tx, f"From: general@example.org\r\n\r\n{ANN} writes".encode())
        its = f"(SELECT inbound_id FROM posts WHERE sender = '{ANN}')"
        tx.exec_driver_sql(f"UPDATE inbound SET raw_id = {copy} WHERE id = {its}")

    erase(town)

    assert naming(town, ANN) == set()


def test_a_message_that_was_sent_by_one_list_and_rejected_by_another_stays(town: Town) -> None:
    raw = letter(70, From=ANN)
    town.hand_in(raw)
    town.send()
    with town.office.db.transaction() as tx:
        town.office.category_id = categories.keep(tx, "dev", "dev@example.org").id
    town.change(posting=Posting(non_members="reject"))
    assert town.hand_in(raw)["rejected"] == 1

    erase(town, with_posts=False)

    with town.office.db.reading() as tx:
        assert {raw_messages.read(tx, one.raw_id) for one in posts.in_category(tx, 1)} >= {raw}
        assert audit.problems(tx) == []


def test_a_report_that_names_nobody_is_no_hindrance(town: Town) -> None:
    with town.office.db.transaction() as tx:
        tx.exec_driver_sql("UPDATE bounces SET recipient = NULL")

    assert erase(town)["bounces"] == 1


def test_whose_address_only_contains_his_keeps_all_mail(town: Town) -> None:
    """ann@example.net is a part of mary-ann@example.net, and of ann@example.net.example."""
    names = ("mary-ann@example.net", "ann@example.net.example")
    for name in names:
        town.write("help", name)
    town.send()

    erase(town)

    with town.office.db.reading() as tx:
        kept = [bytes(row[0]) for row in tx.exec_driver_sql("SELECT bytes FROM raw_messages")]
    for name in names:
        assert sum(name.encode() in raw for raw in kept) == 2  # what he wrote, and the answer
