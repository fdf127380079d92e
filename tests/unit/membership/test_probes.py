"""Probes: who gets one and when, what an answer does, and who is given up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from listbridge.category import BounceSettings, Members
from storage import bounces
from storage.bounces import NewBounce
from storage.states import BounceClass
from tests.fakes.town import Town

ANN = "ann@example.net"
OWNER = "olga@example.org"
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
PROBE = (ANN, "Your mail from General came back ()")
At = Callable[[timedelta], None]


@pytest.fixture
def suspended(town: Town, at: At) -> Town:
    """Ann's mail came back often enough."""
    town.change(owners=(OWNER,))
    town.member(ANN, "bob@example.net")
    town.suspend(ANN)
    return town


def weeks(town: Town, at: At, *numbers: int) -> list[tuple[str, str]]:
    """Let the program run once in each of these weeks, and everything be sent."""
    for number in numbers:
        at(number * WEEK)
        town.end_of_pass()
        town.send()
    return town.told()


def test_who_is_suspended_is_written_to_at_once_and_not_again_before_a_week(
    suspended: Town, at: At
) -> None:
    suspended.end_of_pass()
    at(WEEK - timedelta(seconds=1))
    suspended.end_of_pass()

    assert suspended.told() == [PROBE]
    assert suspended.office.count("outgoing", "kind = 'probe'") == 1


def test_a_probe_says_what_was_said_and_shows_no_token_of_others(suspended: Town) -> None:
    secret = "confirm-" + "a" * 26
    one = suspended.subscription()
    assert one is not None
    with suspended.office.db.transaction() as tx:
        for counts, reason in ((True, f"550 nobody here {secret}"), (False, "451 later")):
            new = NewBounce(one.id, None, None, ANN, BounceClass.PERMANENT, None, reason, counts)
            bounces.add(tx, suspended.office.category_id, new, one.changed_at)
    suspended.end_of_pass()

    text = suspended.text()
    assert "550 nobody here confirm-***" in text
    assert secret not in text


@pytest.mark.parametrize("probe", [1, 2, 3])
def test_an_answer_to_any_probe_makes_him_active(suspended: Town, at: At, probe: int) -> None:
    weeks(suspended, at, *range(probe - 1))
    at((probe - 1) * WEEK)
    suspended.end_of_pass()
    token = suspended.token()
    at(probe * WEEK - DAY)

    suspended.write(f"Re: whatever ({token})", "work@example.com")

    assert suspended.state() == "active"
    assert suspended.told() == [(ANN, "You get the posts of General again")]
    assert suspended.gets("hello", "bob@example.net") == [ANN, "bob@example.net"]


def test_an_answer_to_the_first_probe_counts_after_the_third(suspended: Town, at: At) -> None:
    suspended.end_of_pass()
    token = suspended.token()
    weeks(suspended, at, 1, 2)

    suspended.write(token)

    assert suspended.state() == "active"


def test_who_answers_none_is_removed_after_the_last(suspended: Town, at: At) -> None:
    assert weeks(suspended, at, 0, 1, 2) == [PROBE] * 3
    assert suspended.state() == "suspended"

    weeks(suspended, at, 3)

    one = suspended.subscription()
    assert one is not None
    assert (one.state, one.removed_by) == ("removed", "bounces")
    weeks(suspended, at, 4)
    assert suspended.office.count("outgoing", "kind = 'probe'") == 3


@pytest.mark.parametrize(
    ("settings", "probes"), [({"remove": False}, 3), ({"probes": 0}, 0), ({"probes": 1}, 1)]
)
def test_settings_say_how_many_and_whether_he_goes(
    suspended: Town, at: At, settings: dict[str, Any], probes: int
) -> None:
    suspended.change(bounces=BounceSettings(**settings))

    weeks(suspended, at, *range(6))

    assert suspended.office.count("outgoing", "kind = 'probe'") == probes
    stays = settings != {"probes": 1}
    assert suspended.state() == ("suspended" if stays else "removed")


def test_settings_that_change_count_for_who_is_suspended_already(suspended: Town, at: At) -> None:
    suspended.change(bounces=BounceSettings(probes=0))
    weeks(suspended, at, 0, 1)
    suspended.change(bounces=BounceSettings())

    assert weeks(suspended, at, 2) == [PROBE]


def test_a_probe_that_has_not_left_is_waited_for(suspended: Town, at: At) -> None:
    suspended.end_of_pass()
    for week in range(1, 5):
        at(week * WEEK)
        suspended.end_of_pass()
    assert suspended.told() == [PROBE]

    suspended.send()
    at(5 * WEEK)
    suspended.end_of_pass()
    assert suspended.told() == [PROBE]


def test_a_clock_that_was_ahead_stops_no_probes_and_takes_no_time_from_anybody(
    suspended: Town, at: At
) -> None:
    at(365 * DAY)
    suspended.end_of_pass()
    suspended.send()
    suspended.told()

    assert weeks(suspended, at, 0) == []
    assert weeks(suspended, at, 1) == [PROBE]


def test_while_the_list_itself_is_refused_nobody_is_probed_or_given_up(
    suspended: Town, at: At
) -> None:
    people = [f"{number}@example.net" for number in range(5)]
    suspended.member(*people)
    with suspended.office.db.transaction() as tx:
        for address in people:
            one = suspended.subscription(address)
            assert one is not None
            new = NewBounce(one.id, None, None, address, BounceClass.POLICY, None, "spam", False)
            bounces.add(tx, suspended.office.category_id, new, one.changed_at)

    suspended.end_of_pass()
    assert suspended.told() == []
    at(2 * DAY)
    suspended.end_of_pass()
    assert suspended.told() == [PROBE]


def test_whom_a_person_has_suspended_gets_no_probe(town: Town) -> None:
    town.member(ANN, state="suspended")

    town.end_of_pass()

    assert town.told() == []


@pytest.mark.parametrize("command", ["resume", "subscribe"])
@pytest.mark.parametrize("way", ["confirm", "closed"])
def test_who_asks_by_mail_is_asked_and_then_gets_posts_again(
    suspended: Town, command: str, way: Any
) -> None:
    suspended.change(members=Members(subscribe=way))
    suspended.write(command)
    assert suspended.state() == "suspended"

    suspended.write(suspended.token())

    assert suspended.state() == "active"


@pytest.mark.parametrize(
    ("state", "subject"),
    [
        ("active", "You are on the list General already"),
        ("suspended", "Your subscription to General is suspended"),
        ("removed", "You are not on the list General"),
    ],
)
def test_who_cannot_be_taken_up_again_is_told_why(town: Town, state: str, subject: str) -> None:
    town.member(ANN, state=state)

    town.write("resume")

    assert town.told() == [(ANN, subject)]
    assert town.state() == state


def test_a_question_does_not_outlast_what_a_person_decided(suspended: Town) -> None:
    suspended.end_of_pass()
    token = suspended.token()
    suspended.member(ANN, state="suspended")

    suspended.write(token)

    assert suspended.state() == "suspended"
    assert suspended.told() == [(ANN, "Your subscription to General is suspended")]


def test_a_robot_s_answer_to_a_probe_takes_nobody_up(suspended: Town) -> None:
    suspended.end_of_pass()

    suspended.write(f"Re: {suspended.token()}", Auto_Submitted="auto-replied")

    assert suspended.state() == "suspended"


def test_resume_as_the_title_of_a_post_is_a_post(town: Town) -> None:
    town.member(ANN)

    raw = b"From: ann@example.net\r\nSubject: Resume\r\nMessage-ID: <cv@example.net>\r\n\r\n"
    text = b"Here is what I have done so far, in short words."

    assert town.hand_in(raw + text) == {"posts": 1, "queued": 1}
