"""Muted threads: said by mail, confirmed, and left out of copies, digests and updates alike."""

import pytest

from storage import categories
from tests.fakes.town import Town
from tests.unit.digests.conftest import Post
from tests.unit.digests.test_digests import found

ANN, BOB, DORA = "ann@example.net", "bob@example.net", "dora@example.net"
ASKED = (DORA, "Please confirm: your options on General ()")
QUOTED = "On Sat, 31 Oct 2026, Ann Lee\r\nwrote:\r\n> Hello.\r\n"


def answer(
    town: Town, text: str, sender: str = DORA, *, to: str = "1", subject: str = "Re: One"
) -> dict[str, int]:
    """Answer a post as mail programs do."""
    town.letters += 1
    head = f"From: {sender}\r\nTo: general@example.org\r\nSubject: {subject}\r\n"
    head += f"Message-ID: <{town.letters}@example.net>\r\nIn-Reply-To: <{to}@example.net>\r\n"
    return town.hand_in(f"{head}\r\n{text}".encode())


def confirm(town: Town) -> None:
    town.write(f"Re: {town.token()}", DORA)
    town.notices()


def mute(town: Town, text: str = "mute\r\n") -> None:
    answer(town, text)
    confirm(town)


def more(town: Town, number: str = "1") -> list[str]:
    """Answer a post in earnest; return who gets that."""
    before = town.letters + 1
    assert answer(town, f"Answer {before}, in earnest.\r\n", ANN, to=number)
    query = (
        "SELECT recipient FROM deliveries JOIN outgoing ON outgoing.id = outgoing_id "
        "WHERE post_id = (SELECT max(id) FROM posts) ORDER BY recipient"
    )
    with town.office.db.reading() as tx:
        return [row[0] for row in tx.exec_driver_sql(query)]


@pytest.fixture
def thread(town: Town) -> Town:
    """A post, and two members."""
    town.member(BOB, DORA)
    town.write("One")
    return town


@pytest.mark.parametrize(
    "text",
    [
        "mute",
        "Mute\r\n\r\n" + QUOTED,
        "#mute\r\n> Hello.",
        "mute.\r\n-- \r\nDora",
        "mute\r\n\r\n-----Original Message-----\r\nFrom: Ann\r\n\r\nHello.",
        "mute\r\n________________________________\r\nVon: Ann\r\n\r\nHello.",
    ],
)
def test_who_answers_a_post_with_that_one_word_is_asked(thread: Town, text: str) -> None:
    assert answer(thread, text) == {"commands": 1, "queued": 1}

    assert thread.told() == [ASKED]


@pytest.mark.parametrize(
    "text",
    [
        "Mute is the word you are looking for.",
        "mute\r\nis what I did, and it works.",
        "Quoted first:\r\n> mute\r\nI mean it.",
        "I would mute",
    ],
)
def test_an_answer_that_only_speaks_of_it_is_a_post(thread: Town, text: str) -> None:
    assert answer(thread, text)["replies"] == 1


def test_that_word_in_no_answer_is_a_post(thread: Town) -> None:
    head = b"From: dora@example.net\r\nSubject: Hello\r\nMessage-ID: <x@example.net>\r\n\r\n"

    assert thread.hand_in(head + b"mute\r\n")["posts"] == 1


@pytest.mark.parametrize("subject", ["get 1", "mute 1"])
def test_such_a_subject_over_a_text_is_that_of_a_post(thread: Town, subject: str) -> None:
    text = "I have found seven words and more for this subject."

    answer(thread, text, to="nothing", subject=subject)

    assert thread.office.subjects() == ["One", subject]


def test_nothing_is_muted_before_that_is_confirmed(thread: Town) -> None:
    answer(thread, "mute")

    assert more(thread) == [BOB, DORA]


def test_of_a_muted_thread_comes_nothing_more_and_of_others_everything(thread: Town) -> None:
    mute(thread)

    assert more(thread) == [BOB]
    assert more(thread, str(thread.letters)) == [BOB]  # an answer to that
    assert thread.gets("Two", ANN) == [BOB, DORA]


def test_any_post_of_the_thread_names_it_and_so_does_its_number(thread: Town) -> None:
    more(thread)
    assert thread.write("mute 2", DORA) == {"commands": 1, "queued": 1}
    confirm(thread)

    assert more(thread) == [BOB]


def test_a_muted_thread_stays_muted_when_the_post_that_it_answers_comes_late(town: Town) -> None:
    town.member(BOB, DORA)
    answer(town, "An answer that came first.", ANN, to="late")
    mute_it = town.write("mute 1", DORA)
    assert mute_it["commands"] == 1
    confirm(town)
    town.letters += 1
    late = (
        b"From: ann@example.net\r\nSubject: Late\r\nMessage-ID: <late@example.net>\r\n\r\nHi.\r\n"
    )
    town.hand_in(late)

    assert more(town, "late") == [BOB]


def test_it_can_be_had_again_by_another_post_of_the_thread(thread: Town) -> None:
    mute(thread)
    more(thread)
    thread.write("unmute 2", DORA)
    confirm(thread)

    assert more(thread) == [BOB, DORA]


def test_a_digest_leaves_it_out_with_what_has_gathered_of_it(thread: Town, post: Post) -> None:
    thread.write("set receives digest", DORA)
    confirm(thread)
    more(thread)
    thread.write("Two")
    mute(thread)
    more(thread)

    assert found(post) == [(DORA, ["Two"])]


def test_what_is_muted_is_told_with_the_options(thread: Town) -> None:
    mute(thread)
    thread.write("options", DORA)

    [told] = thread.notices()
    body = told.get_body(("plain",))
    assert body is not None
    assert "muted         One (1)\n" in body.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize("wish", ["mute 2", "get 2"])
def test_a_post_of_another_list_is_not_known(thread: Town, wish: str) -> None:
    thread.write("Two")
    with thread.office.db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
        tx.exec_driver_sql("UPDATE posts SET category_id = ? WHERE id = 2", (other,))

    thread.write(wish, DORA)

    assert thread.told() == [(DORA, "How to use General by mail")]


@pytest.mark.parametrize("wish", ["mute 99", "mute 2", "get 99", "get 2"])
def test_a_post_that_does_not_exist_or_was_never_accepted_is_not_known(
    thread: Town, wish: str
) -> None:
    thread.write("Two")
    with thread.office.db.transaction() as tx:
        tx.exec_driver_sql("UPDATE posts SET state = 'held' WHERE id = 2")
        tx.exec_driver_sql("DELETE FROM deliveries WHERE outgoing_id = 2")
        tx.exec_driver_sql("DELETE FROM outgoing WHERE id = 2")

    thread.write(wish, DORA)

    assert thread.told() == [(DORA, "How to use General by mail")]


@pytest.mark.parametrize("wish", ["mute 1", "get 1"])
def test_who_is_no_member_is_told_so(thread: Town, wish: str) -> None:
    thread.write(wish, "eve@example.com")

    assert thread.told() == [("eve@example.com", "You are not on the list General")]


def test_who_joins_anew_has_muted_nothing(thread: Town) -> None:
    mute(thread)
    for word in ("unsubscribe", "subscribe"):
        thread.write(word, DORA)
        confirm(thread)

    assert more(thread) == [BOB, DORA]
