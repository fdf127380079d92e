"""The daily summary: what waits, once a day while something does, with links that decide."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import unquote

import pytest

from listbridge.category import Moderation
from listbridge.intake.tally import Tally
from listbridge.service import duties
from storage import posts
from storage.states import PostState
from tests.fakes.town import Town

MOD, DEPUTY = "mod@example.net", "deputy@example.net"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
At = Callable[[timedelta], None]


def daily(town: Town) -> None:
    town.change(moderation=Moderation(mail="daily"))


def summaries(town: Town) -> list[EmailMessage]:
    """Do what is owed, and return the summaries that this makes."""
    duties.see_to(town.office.db, town.office.reader(Tally("general")))
    return [x for x in town.notices() if str(x["Subject"]).startswith("Posts waiting")]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def links(mail: EmailMessage) -> list[str]:
    """Return the subjects of the mails that the summary's links open."""
    body = mail.get_body(("html",))
    assert body is not None
    found = re.findall(r'href="mailto:[^"?]+\?subject=([^"]+)"', body.get_content())
    return [unquote(html.unescape(one)) for one in found]


def state(town: Town, number: int = 0) -> PostState:
    with town.office.db.reading() as tx:
        return posts.in_category(tx, town.office.category_id)[number].state


def test_what_waits_for_a_day_is_told_to_each_moderator(town: Town, at: At) -> None:
    at(timedelta(0))
    town.write("About bees")
    at(DAY)

    told = summaries(town)

    assert [one["To"] for one in told] == [MOD, DEPUTY]
    assert told[0]["Subject"] == "Posts waiting on General: 1"
    assert "About bees" in text_of(told[0])


def test_it_comes_once_a_day_while_something_waits(town: Town, at: At) -> None:
    at(timedelta(0))
    town.write("About bees")
    found = []
    for hours in range(0, 73, 6):
        at(hours * HOUR)
        found += [hours for one in summaries(town) if one["To"] == MOD]

    assert found == [24, 48, 72]


def test_there_is_none_when_nothing_waits(town: Town, at: At) -> None:
    at(timedelta(0))
    town.write("About bees")
    town.write(f"discard {code(town)}")
    at(DAY)

    assert summaries(town) == []


def code(town: Town) -> str:
    found = re.findall(r"confirm-[a-z2-7]{26}", str(town.notices()[0]["Subject"]))
    return str(found[0])


def test_what_was_told_by_itself_today_waits_a_day_for_the_summary(town: Town, at: At) -> None:
    at(timedelta(0))
    town.write("First")
    at(20 * HOUR)
    town.write(f"discard {code(town)}")
    town.write("Second")
    at(DAY)
    assert summaries(town) == []

    at(20 * HOUR + DAY)
    assert len(summaries(town)) == 2


def test_where_nothing_else_is_sent_the_summary_brings_it_within_a_day(town: Town, at: At) -> None:
    daily(town)
    at(timedelta(0))
    town.write("First")
    at(23 * HOUR)
    town.write("Second")
    at(DAY)

    assert [one["Subject"] for one in summaries(town)] == ["Posts waiting on General: 2"] * 2


@pytest.mark.parametrize(("choice", "becomes"), [(0, PostState.ACCEPTED), (2, PostState.REJECTED)])
def test_a_link_in_it_decides(town: Town, at: At, choice: int, becomes: PostState) -> None:
    daily(town)
    at(timedelta(0))
    town.write("About bees")
    at(DAY)
    found = links(summaries(town)[0])

    assert len(found) == 4
    town.write(found[choice], MOD)

    assert state(town) is becomes


def test_an_answer_to_it_as_a_whole_decides_nothing_and_is_no_post(town: Town, at: At) -> None:
    daily(town)
    at(timedelta(0))
    for number in range(2):
        town.write(str(number))
    at(DAY)
    told = summaries(town)[0]

    counted = town.write("approve", MOD, References=str(told["Message-ID"]))

    assert counted == {"commands": 1, "queued": 1}
    assert (state(town, 0), state(town, 1)) == (PostState.HELD, PostState.HELD)
    assert town.told() == [(MOD, "Nothing was decided on General")]


def test_of_many_the_oldest_are_shown_and_the_rest_is_counted(town: Town, at: At) -> None:
    daily(town)
    at(timedelta(0))
    for number in range(1, 31):
        town.write(f"Letter {number}")
    at(DAY)

    told = summaries(town)[0]

    assert len(links(told)) == 4 * 20
    assert ("Letter 20" in text_of(told), "Letter 21" in text_of(told)) == (True, False)
    assert "not shown here: 10" in text_of(told)


def test_the_longest_texts_cut_no_link(town: Town, at: At) -> None:
    daily(town)
    at(timedelta(0))
    for number in range(20):
        sender = f'"{"n" * 400}" <{"a" * 60}@{"b" * 60}.{"c" * 60}.example.net>'
        town.write(f"{number} {'x' * 900}", sender)
    at(DAY)
    town.change(address=f"{'g' * 60}@{'d' * 60}.{'e' * 60}.example.org")

    told = summaries(town)[0]

    [rest] = re.findall(r"not shown here: (\d+)", text_of(told))
    assert 0 < len(links(told)) == 4 * (20 - int(rest))


@pytest.mark.parametrize("change", [{"moderators": ()}, {"moderation": Moderation(mail="off")}])
def test_nobody_is_told_who_does_not_want_it(town: Town, at: At, change: dict[str, object]) -> None:
    at(timedelta(0))
    town.write("About bees")
    town.notices()
    town.change(**change)
    at(DAY)

    assert summaries(town) == []


def test_a_category_that_owes_nothing_has_no_duty(town: Town) -> None:
    town.write("From a member", "bob@example.net")

    assert town.office.count("duties") == 0
