"""What people ask by mail: what each gets, what nobody gets, and who cannot act for another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from listbridge.category import Members, Posting
from listbridge.moderation import actions
from storage import categories, posts
from storage.states import InboundState, Receives, Result
from tests.fakes.office import general, letter
from tests.fakes.town import SENDING, Town

ANN = "ann@example.net"
CONFIRM = {
    "subscribe": (ANN, "Please confirm: join General ()"),
    "unsubscribe": (ANN, "Please confirm: leave General ()"),
    "set receives none": (ANN, "Please confirm: your options on General ()"),
}


def test_who_asks_to_join_is_asked_and_not_subscribed(town: Town) -> None:
    assert town.write("subscribe") == {"commands": 1, "queued": 1}

    assert town.told() == [CONFIRM["subscribe"]]
    assert town.state() is None
    assert town.last.result is Result.COMMAND


def test_who_answers_is_subscribed_whatever_address_he_answers_from(town: Town) -> None:
    town.write("subscribe", "Ann Lee <ann@example.net>")

    town.write(f"Re: Please confirm ({town.token()})", "work@example.com")

    one = town.subscription()
    assert one is not None
    assert (one.state, one.origin, one.name) == ("active", "person", "Ann Lee")
    assert town.state("work@example.com") is None
    assert town.told() == [(ANN, "Welcome to General")]


@pytest.mark.parametrize("command", ["unsubscribe", "set receives none"])
def test_what_changes_a_subscription_is_asked_before(town: Town, command: str) -> None:
    town.member(ANN)
    before = town.subscription()

    town.write(command)

    assert town.told() == [CONFIRM[command]]
    assert town.subscription() == before


def test_who_confirms_that_he_leaves_has_left_by_his_own_wish(town: Town) -> None:
    town.member(ANN)
    town.write("unsubscribe")

    town.write(town.token())

    one = town.subscription()
    assert one is not None
    assert (one.state, one.removed_by) == ("removed", "person")
    assert town.told() == [(ANN, "You have left General")]


@pytest.mark.parametrize(
    ("wish", "column", "value"),
    [
        ("receives mime-digest", "receives", Receives.MIME_DIGEST),
        ("holiday 2099-12-24", "holiday_until", datetime(2099, 12, 24, tzinfo=UTC)),
        ("own-posts off", "own_posts", False),
        ("language fr", "language", "fr"),
    ],
)
def test_an_option_that_is_confirmed_takes_effect(
    town: Town, wish: str, column: str, value: Any
) -> None:
    town.member(ANN)
    town.write(f"Set {wish}")

    town.write(town.token())

    assert getattr(town.subscription(), column) == value


@pytest.mark.parametrize(
    ("subject", "member", "told"),
    [
        ("subscribe", True, "You are on the list General already"),
        ("unsubscribe", False, "You are not on the list General"),
        ("options", True, "Your options on General"),
        ("options", False, "You are not on the list General"),
        ("set receives none", False, "You are not on the list General"),
        ("set holiday 2001-01-01", True, "How to use General by mail"),
        ("set language xx", True, "How to use General by mail"),
        ("help", False, "How to use General by mail"),
    ],
)
def test_every_other_command_has_its_answer(
    town: Town, subject: str, member: bool, told: str
) -> None:
    if member:
        town.member(ANN)

    town.write(subject)

    assert town.told() == [(ANN, told)]


def test_a_closed_list_says_so_and_asks_nobody(town: Town) -> None:
    town.change(members=Members(subscribe="closed"))

    town.write("subscribe")

    assert town.told() == [(ANN, "Nobody can join General by mail")]


def test_a_list_that_was_closed_meanwhile_takes_nobody(town: Town) -> None:
    town.write("subscribe")
    token = town.token()
    town.change(members=Members(subscribe="closed"))

    town.write(token)

    assert town.state() is None


def test_who_comes_back_has_no_wishes_left_from_before(town: Town) -> None:
    future = datetime(2099, 1, 1, tzinfo=UTC)
    town.member(ANN, receives="none", holiday_until=future, own_posts=False, state="removed")
    town.write("subscribe")

    town.write(town.token())

    one = town.subscription()
    assert one is not None
    assert (one.receives, one.holiday_until, one.own_posts) == ("each", None, None)


def test_thousands_of_requests_in_one_name_lead_to_one_mail_a_day(
    town: Town, at: Callable[[timedelta], None]
) -> None:
    for _ in range(200):
        town.write("subscribe")
    first = town.told()
    at(timedelta(hours=23))
    town.write("subscribe")
    same_day = town.told()
    at(timedelta(hours=24))
    town.write("subscribe")

    assert (len(first), len(same_day), len(town.told())) == (1, 0, 1)


def test_upper_case_is_no_other_victim(town: Town) -> None:
    town.write("subscribe", "ann@example.net")
    town.write("subscribe", "ANN@example.net")

    assert len(town.told()) == 1


def test_a_list_answers_so_many_a_day_and_no_more(town: Town) -> None:
    town.change(members=Members(answers_per_day=3))

    for number in range(10):
        town.write("subscribe", f"victim{number}@example.net")

    assert len(town.told()) == 3


def test_a_request_that_was_not_answered_leaves_no_token(town: Town) -> None:
    town.change(members=Members(answers_per_day=1))
    for number in range(3):
        town.write("subscribe", f"victim{number}@example.net")

    assert town.office.count("tokens") == 1


def test_a_token_is_used_once(town: Town) -> None:
    town.write("subscribe")
    token = town.token()
    town.write(token)
    town.member(ANN, state="removed")
    town.told()

    town.write(token)

    assert town.state() == "removed"
    assert town.told() == [(ANN, "That confirmation is not valid for General")]


def test_a_token_runs_out(town: Town, at: Callable[[timedelta], None]) -> None:
    town.write("subscribe")
    token = town.token()
    at(timedelta(days=3))

    town.write(token)

    assert town.state() is None


def test_a_token_of_another_list_is_worth_nothing_and_stays_good_there(town: Town) -> None:
    town.write("subscribe")
    token = town.token()
    home, home_id = town.office.category, town.office.category_id
    with town.office.db.transaction() as tx:
        town.office.category_id = categories.keep(tx, "dev", "dev@example.org").id
    town.office.category = general(slug="dev", address="dev@example.org", outgoing=SENDING)

    town.write(token)
    elsewhere = town.state()
    town.office.category, town.office.category_id = home, home_id
    town.write(token)

    assert (elsewhere, town.state()) == (None, "active")


def test_an_invented_token_is_answered_like_a_used_one(town: Town) -> None:
    town.write("confirm-" + "a" * 26)

    assert town.told() == [(ANN, "That confirmation is not valid for General")]


def test_the_store_does_not_know_the_token_that_it_knows(town: Town) -> None:
    town.write("subscribe")

    secret = town.token().removeprefix("confirm-")

    assert town.office.count("tokens", f"sha256 LIKE '%{secret}%'") == 0
    assert secret not in (town.last.reason or "")


def test_who_quotes_a_confirmation_in_a_post_does_not_confirm_it(town: Town) -> None:
    town.member("bob@example.net")
    town.write("unsubscribe", "bob@example.net")
    token = town.token()

    counted = town.hand_in(letter(90, Subject="Who was that?") + f"> {token}\r\n".encode())

    assert counted["posts"] == 1
    assert town.state("bob@example.net") == "active"


def test_a_token_that_the_list_has_read_is_worth_nothing(town: Town) -> None:
    town.member("bob@example.net")
    town.write("unsubscribe", "bob@example.net")
    token = town.token()
    town.hand_in(letter(90, Subject=f"Fwd: confirm ({token})"))

    town.write(token, "eve@example.net")

    assert town.state("bob@example.net") == "active"


@pytest.mark.parametrize(
    "field",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Return_Path": "<>"},
        {"Precedence": "junk"},
        {"From": "MAILER-DAEMON@example.net"},
    ],
)
@pytest.mark.parametrize("subject", ["subscribe", "help", "confirm"])
def test_a_robot_gets_no_answer_and_confirms_nothing(
    town: Town, field: dict[str, str], subject: str
) -> None:
    town.write("subscribe", "vic@example.net")
    token = town.token()

    town.write(token if subject == "confirm" else subject, **field)

    assert town.told() == []
    assert town.state("vic@example.net") is None


@pytest.mark.parametrize(
    "field",
    [{"Precedence": "bulk"}, {"List_Id": "<other.example.com>"}, {"From": "general@example.org"}],
)
def test_what_came_by_a_list_is_not_answered(town: Town, field: dict[str, str]) -> None:
    counted = town.write("subscribe", **field)

    assert counted == {"commands": 1}
    assert town.told() == []


def test_our_own_notice_that_comes_back_is_a_loop(town: Town) -> None:
    town.write("subscribe")
    [asked] = town.notices()

    assert town.hand_in(asked.as_bytes()) == {"robots": 1}


@pytest.mark.parametrize("sender", ["", "ann@example.net, bob@example.net", "Ann"])
def test_a_command_without_a_plain_author_waits_for_a_person(town: Town, sender: str) -> None:
    assert town.write("subscribe", sender) == {"shunted": 1}

    assert town.last.state is InboundState.SHUNTED
    assert town.told() == []


def test_a_request_says_nothing_that_the_requester_wrote(town: Town) -> None:
    town.write("subscribe", '"Win at http://spam.example" <ann@example.net>')

    [asked] = town.notices()

    assert b"spam" not in asked.as_bytes()


def test_what_is_written_to_the_owners_gets_to_them(town: Town) -> None:
    town.change(owners=("olga@example.org", "otto@example.org"))

    counted = town.write("Who are you?", To="general-owner@example.org")

    assert counted == {"commands": 1, "queued": 2}
    first, second = town.notices()
    assert [first["To"], second["To"]] == ["olga@example.org", "otto@example.org"]
    assert first["Reply-To"] == ANN
    body = first.get_body(("plain",))
    assert body is not None
    assert "This is letter" in body.get_content()


@pytest.mark.parametrize("owners", [(), ("General@example.org",)])
def test_what_is_written_to_owners_that_there_are_not_is_set_aside(
    town: Town, owners: tuple[str, ...]
) -> None:
    town.change(owners=owners)

    assert town.write("Who are you?", To="general+owner@example.org") == {"shunted": 1}


def test_a_list_that_cannot_send_sets_commands_aside(town: Town) -> None:
    town.change(outgoing=None)

    assert town.write("subscribe") == {"shunted": 1}


def test_a_notice_is_in_the_member_s_language_else_in_the_list_s(town: Town) -> None:
    town.change(language="de-AT")
    town.member("bob@example.net", language="fr")

    for one in (ANN, "bob@example.net"):
        town.write("help", one)

    assert [x[1] for x in town.told()] == [
        "So bedienen Sie General per Mail",
        "Comment utiliser General par mail",
    ]


def test_nobody_on_holiday_gets_posts_until_it_is_over(
    town: Town, at: Callable[[timedelta], None]
) -> None:
    town.member("bob@example.net", "eve@example.net")
    town.member(ANN, holiday_until=datetime(2026, 11, 3, tzinfo=UTC))

    away = town.gets("one", "eve@example.net")
    at(timedelta(days=2))

    assert away == ["bob@example.net", "eve@example.net"]
    assert town.gets("two", "eve@example.net") == [ANN, "bob@example.net", "eve@example.net"]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("wish", [True, False, None])
def test_an_author_s_wish_goes_before_the_list_s_way(
    town: Town, listed: bool, wish: bool | None
) -> None:
    town.change(posting=Posting(own_copy=listed))
    town.member(ANN, own_posts=wish)
    town.member("bob@example.net", own_posts=False)

    expected = listed if wish is None else wish
    assert town.gets("one", ANN) == ([ANN] if expected else []) + ["bob@example.net"]


def test_a_subscriber_is_told_once_a_day_that_his_posts_are_held(town: Town) -> None:
    town.change(posting=Posting(members="hold"))
    town.member(ANN)

    counted = [town.write(f"post {number}") for number in range(3)]

    assert counted == [{"held": 1, "queued": 1}, {"held": 1}, {"held": 1}]
    assert town.told() == [(ANN, "Your post to General is waiting for a moderator")]


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("treatment", ["hold", "reject", "discard"])
def test_a_stranger_is_not_told_what_became_of_his_post(
    town: Town, treatment: Any, left: bool
) -> None:
    town.change(posting=Posting(non_members=treatment))
    if left:
        town.member(ANN, state="removed")

    town.write("buy this")

    assert town.told() == []


def test_a_subscriber_is_told_that_his_post_was_rejected(town: Town) -> None:
    town.change(posting=Posting(members="reject"), language="de")
    town.member(ANN)

    town.write("hello")

    [told] = town.notices()
    body = told.get_body(("plain",))
    assert body is not None
    assert "alle Beiträge an diese Liste werden zuerst angesehen" in body.get_content()


def test_a_subscriber_is_told_what_a_moderator_says(town: Town) -> None:
    town.change(posting=Posting(members="hold"))
    town.member(ANN)
    town.write("hello")
    town.told()

    with town.office.db.transaction() as tx:
        [held] = posts.in_category(tx, town.office.category_id)
        actions.reject(tx, town.office.category, held, "off topic")

    [told] = town.notices()
    body = told.get_body(("plain",))
    assert body is not None
    assert "was not accepted: off topic." in body.get_content()
    assert told["In-Reply-To"] == held.message_id


def test_a_robot_without_marks_is_not_told_that_it_repeats_itself(town: Town) -> None:
    town.member(ANN)
    for number in range(6):
        town.hand_in(
            letter(0, message_id=f"<{number}@x.org>", Subject="Re: x", In_Reply_To="<y@x.org>")
        )

    assert town.last.result is Result.REPLY or town.last.result is Result.POST
    assert town.office.count("posts", "state = 'held'") > 0
    assert town.told() == []
