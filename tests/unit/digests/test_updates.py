"""A few lines about each post, and being told that one's own was accepted."""

from email.message import EmailMessage

import pytest

from listbridge.category import MessageSettings, Posting
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from listbridge.moderation import actions
from storage import posts
from tests.fakes.office import letter
from tests.fakes.town import Town

ANN, BOB, UMA, UDO = "ann@example.net", "bob@example.net", "uma@example.net", "udo@example.net"


def body(one: EmailMessage) -> str:
    found = one.get_body(("plain",))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def recipients(town: Town) -> list[str]:
    """Return to whom notices go."""
    query = (
        "SELECT recipient FROM deliveries JOIN outgoing ON outgoing.id = outgoing_id "
        "WHERE kind = 'notice' ORDER BY recipient"
    )
    with town.office.db.reading() as tx:
        return [row[0] for row in tx.exec_driver_sql(query)]


def test_one_mail_for_each_language_tells_of_a_post(town: Town) -> None:
    town.member(UMA, "ute@example.net", receives="updates")
    town.member(UDO, receives="updates", language="de")
    town.member(BOB)

    assert town.write("One", "Ann Lee <ann@example.net>") == {"posts": 1, "queued": 4}

    english, german = town.notices()
    assert "Ann Lee has written to General:\n\nThis is letter 1.\n" in body(english)
    assert "Ann Lee hat an General geschrieben:" in body(german)
    assert recipients(town) == [UDO, UMA, "ute@example.net"]


def test_an_answer_to_it_is_an_answer_to_the_post(town: Town) -> None:
    town.member(UMA, receives="updates")
    town.write("One")
    [told] = town.notices()

    # Some mail programs name nothing but the mail itself.
    assert town.write(f"Re: {told['Subject']}", UMA, In_Reply_To=str(told["Message-ID"])) == {
        "replies": 1,
        "queued": 1,
    }

    [again] = town.notices()
    assert again["References"] == f"{told['Message-ID']} <2@example.net>"


def test_it_comes_back_as_no_post(town: Town) -> None:
    town.member(UMA, receives="updates")
    town.write("One")
    [told] = town.notices()

    assert town.hand_in(told.as_bytes()) == {"robots": 1}


def test_it_looks_like_the_post_in_a_list_of_mails(town: Town) -> None:
    town.change(message=MessageSettings(subject_prefix="[general]", reply_to="author"))
    town.member(UMA, receives="updates")
    town.write("One")

    [told] = town.notices()

    assert (told["Subject"], told["Reply-To"]) == ("[general] One", ANN)


def test_who_wants_it_whole_asks_for_it_and_gets_it_once(town: Town) -> None:
    town.member(UMA, receives="updates")
    town.write("One")

    assert town.write("get 1", UMA) == {"commands": 1, "queued": 1}
    town.notices()
    assert town.write("get 1", UMA) == {"commands": 1, "queued": 1}
    assert town.write("get 1", UMA) == {"commands": 1}

    assert town.told() == [(UMA, "Post 1 of General is not sent")]
    query = (
        "SELECT recipient, kind FROM deliveries JOIN outgoing ON outgoing.id = outgoing_id "
        "WHERE post_id = 1"
    )
    with town.office.db.reading() as tx:
        assert tx.exec_driver_sql(query).all() == [(UMA, "post")]


def test_who_wants_a_post_of_an_archive_is_told_that_it_is_not_sent(town: Town) -> None:
    town.member(UMA, receives="updates", language="de")
    imported = town.office.hand_in(letter(1))
    with town.office.db.transaction() as tx:
        tx.exec_driver_sql("UPDATE inbound SET source = 'import'")
    dispatch(town.office.db, town.office.reader(Tally("general")), imported)

    assert town.write("get 1", UMA) == {"commands": 1, "queued": 1}

    [told] = town.notices()
    assert told["Subject"] == "Beitrag 1 von General wird nicht geschickt"
    assert "mitgebrachten Archiv" in " ".join(body(told).split())


def test_nobody_can_have_others_flooded_with_old_posts(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listbridge.membership.post_requests._POSTS_A_DAY", 2)
    town.member(UMA, receives="updates")
    for number in range(3):
        town.write(f"Post {number}")

    assert [town.write(f"get {n}", UMA).get("queued") for n in (1, 2, 3)] == [1, 1, None]


def test_who_wants_it_is_told_that_his_post_was_accepted(town: Town) -> None:
    town.member(ANN, acknowledge=True, language="de")
    town.member(BOB)
    town.member(UMA, receives="updates")
    town.member("dora@example.net", receives="digest")

    assert town.write("One") == {"posts": 1, "queued": 4}

    [told] = [one for one in town.notices() if one["To"] == ANN]
    assert told["Subject"] == "Ihr Beitrag an General wurde angenommen"
    assert "Anzahl der Mitglieder, die ihn bekommen: 4." in body(told)


def test_nobody_else_is_told_and_nothing_of_posts_of_others(town: Town) -> None:
    town.member(ANN)
    town.member(BOB, acknowledge=True)

    town.write("One")

    assert town.told() == []


@pytest.mark.parametrize(
    "fields", [{"Precedence": "bulk"}, {"List_Id": "<other.example.org>"}], ids=["bulk", "list"]
)
def test_what_came_by_a_list_is_not_acknowledged(town: Town, fields: dict[str, str]) -> None:
    town.member(ANN, acknowledge=True)

    assert town.write("One", **fields)["posts"] == 1
    assert town.told() == []


def test_who_may_not_have_written_it_is_not_told(town: Town) -> None:
    town.change(
        posting=Posting(non_members="accept", authenticate="require", authserv_id="mx.example.org")
    )
    town.member(ANN, acknowledge=True)

    assert town.write("One")["posts"] == 1
    assert town.told() == []


def test_a_post_that_a_moderator_accepts_is_acknowledged(town: Town) -> None:
    town.change(posting=Posting(hold_all=True))
    town.member(ANN, acknowledge=True)
    town.write("One")
    town.notices()
    with town.office.db.transaction() as tx:
        [held] = posts.in_category(tx, town.office.category_id)
        assert actions.approve(tx, town.office.category, held)

    assert town.told() == [(ANN, "Your post to General was accepted")]


@pytest.mark.parametrize(
    ("wish", "column", "value"),
    [
        ("set acknowledge on", "acknowledge", True),
        ("set acknowledge off", "acknowledge", False),
        ("set receives updates", "receives", "updates"),
    ],
)
def test_it_is_chosen_by_mail(town: Town, wish: str, column: str, value: object) -> None:
    town.member(ANN, acknowledge=not value)
    town.write(wish)
    town.write(town.token())

    assert getattr(town.subscription(), column) == value
