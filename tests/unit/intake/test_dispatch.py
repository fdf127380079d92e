"""What becomes of each received message."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from listbridge import clock
from listbridge.category import Posting
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from listbridge.submission import OutgoingSettings
from storage import categories, inbound, posts
from storage.posts import Post
from storage.states import InboundState, PostState, Result
from tests.fakes.office import Office, counted, general, letter

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
NAMES = sorted(str(p.relative_to(SAMPLES).with_suffix("")) for p in SAMPLES.rglob("*.eml"))
EXPECTED = {
    **{name: "bounces" for name in NAMES if name.startswith("bounces/")},
    "bounces/challenge": "posts",
    "bounces/human_answers_bounce": "posts",
    "bounces/human_forwards_bounce": "posts",
    "bounces/human_quotes_bounce": "posts",
    "bounces/no_null_sender": "posts",
    "bounces/vacation": "robots",
    "broken/deep_nesting": "shunted",
    "broken/empty": "held",
    "broken/no_header": "held",
    "broken/nothing_to_read": "held",
    "broken/parseaddr_trick": "held",
    "broken/two_from": "held",
    "commands/confirm": "commands",
    "commands/subscribe": "commands",
    "loops/own_list_id_kept_by_other_list": "robots",
    "loops/own_loop_header": "robots",
    "loops/sixty_hops": "robots",
    "robots/exchange_automatic_reply": "robots",
    "robots/precedence_auto_reply": "robots",
    "robots/read_receipt": "robots",
    "robots/vacation_auto_submitted": "robots",
}
OUTGOING = OutgoingSettings(host="smtp.example.org")


def decide(office: Office, raw: bytes, *, approved: bool = False) -> tuple[Tally, inbound.Inbound]:
    """Hand a message in, decide it, and return the counters and what is stored of it."""
    inbound_id = office.hand_in(raw, approved=approved)
    tally = Tally("general")
    dispatch(office.db, office.reader(tally), inbound_id)
    return tally, office.inbound(inbound_id)


def post_of(office: Office, one: inbound.Inbound) -> Post | None:
    """Return the post an inbound message became."""
    with office.db.reading() as tx:
        return posts.of_inbound(tx, one.id)


def test_each_sample_is_decided_as_its_description_says(office: Office) -> None:
    office.category = general(outgoing=OUTGOING)
    found = {}
    for name in NAMES:
        tally, _ = decide(office, (SAMPLES / f"{name}.eml").read_bytes())
        [found[name]] = counted(tally).keys() - {"queued"}

    answers = {name: "replies" for name in NAMES if name.startswith("replies/")}
    assert found == {name: {**EXPECTED, **answers}.get(name, "posts") for name in NAMES}


def test_a_post_goes_to_every_subscriber(office: Office) -> None:
    office.category = general(outgoing=OUTGOING)
    office.subscribe("ann@example.net", "bob@example.net")

    tally, one = decide(office, letter(1))

    assert counted(tally) == {"posts": 1, "queued": 2}
    assert (one.state, one.result) == (InboundState.PROCESSED, Result.POST)
    assert office.recipients() == {"ann@example.net": 1, "bob@example.net": 1}


def test_an_answer_is_a_reply_under_its_parent(office: Office) -> None:
    _, first = decide(office, letter(1))

    tally, second = decide(office, letter(2, In_Reply_To="<1@example.net>"))

    parent, reply = post_of(office, first), post_of(office, second)
    assert (counted(tally), second.result) == ({"replies": 1}, Result.REPLY)
    assert parent is not None
    assert reply is not None
    assert (reply.parent_id, reply.thread_id) == (parent.id, parent.id)


def test_an_answer_to_what_never_came_is_a_post(office: Office) -> None:
    tally, _ = decide(office, letter(2, In_Reply_To="<lost@example.net>"))

    assert counted(tally) == {"posts": 1}


def test_an_answer_to_a_rejected_post_is_a_post(office: Office) -> None:
    office.category = general(posting=Posting(non_members="reject"))
    decide(office, letter(1))
    office.category = general()

    tally, _ = decide(office, letter(2, In_Reply_To="<1@example.net>"))

    assert counted(tally) == {"posts": 1}


def test_a_rejected_answer_is_not_adopted_by_what_it_answers(office: Office) -> None:
    office.category = general(posting=Posting(non_members="reject"))
    _, rejected = decide(office, letter(2, In_Reply_To="<1@example.net>"))
    office.category = general()

    decide(office, letter(1))

    answer = post_of(office, rejected)
    assert answer is not None
    assert answer.parent_id is None


def test_equal_bytes_are_a_duplicate(office: Office) -> None:
    decide(office, letter(1))

    tally, one = decide(office, letter(1))

    assert counted(tally) == {"duplicates": 1}
    assert (one.result, one.reason) == (Result.DUPLICATE, "the same bytes came before")


def test_the_same_content_by_another_way_is_a_duplicate(office: Office) -> None:
    decide(office, b"Received: from a.example.net; Sat, 31 Oct 2026 10:00:00 +0000\r\n" + letter(1))

    tally, one = decide(office, letter(1, Received="from b.example.net", List_Id="<x.example.net>"))

    assert counted(tally) == {"duplicates": 1}
    assert one.reason == "same Message-ID and content as post 1"


@pytest.mark.parametrize("field", ["Subject", "Date", "From"])
def test_the_same_message_id_with_other_content_is_another_post(office: Office, field: str) -> None:
    decide(office, letter(1))
    other = {"Subject": "x", "Date": "Sun, 1 Nov 2026 00:00:00 +0000", "From": "b@example.net"}

    tally, _ = decide(office, letter(1, **{field: other[field]}))

    assert counted(tally) == {"posts": 1}


def test_another_message_id_with_the_same_content_is_another_post(office: Office) -> None:
    decide(office, letter(1))

    tally, _ = decide(office, letter(1, message_id="<other@example.net>"))

    assert counted(tally) == {"posts": 1}


def test_without_message_id_only_equal_bytes_are_a_duplicate(office: Office) -> None:
    nameless = letter(1, message_id="")
    totals = Counter[str]()
    for raw in (nameless, nameless, b"Received: from x\r\n" + nameless):
        tally, _ = decide(office, raw)
        totals.update(counted(tally))

    assert totals == {"posts": 2, "duplicates": 1}


def test_a_post_without_message_id_gets_one_made_of_its_bytes(office: Office) -> None:
    _, one = decide(office, letter(1, message_id=""))

    post = post_of(office, one)
    assert post is not None
    assert post.message_id.endswith("@listbridge.invalid>")


def test_the_same_message_in_two_categories_is_two_posts(office: Office) -> None:
    decide(office, letter(1))
    with office.db.transaction() as tx:
        office.category_id = categories.keep(tx, "other", "other@example.org").id
    office.category = general(slug="other", address="other@example.org")

    tally, _ = decide(office, letter(1))

    assert counted(tally) == {"posts": 1}


def test_what_comes_back_under_a_message_id_of_ours_is_a_robot(office: Office) -> None:
    _, one = decide(office, letter(1, message_id=""))
    post = post_of(office, one)
    assert post is not None

    tally, back = decide(office, letter(1, message_id=post.message_id))

    assert counted(tally) == {"robots": 1}
    assert back.reason is not None
    assert "Message-ID is one that we made" in back.reason


def test_a_category_may_be_subscribed_to_another_whose_posts_have_ids_of_ours(
    office: Office,
) -> None:
    _, one = decide(office, letter(1, message_id=""))
    post = post_of(office, one)
    assert post is not None
    with office.db.transaction() as tx:
        office.category_id = categories.keep(tx, "all", "all@example.org").id
    office.category = general(slug="all", address="all@example.org")
    field = {"X_Listbridge_Loop": "general@example.org"}

    tally, _ = decide(office, letter(1, message_id=post.message_id, **field))

    assert counted(tally) == {"posts": 1}


def test_a_command_is_carried_out_and_counted_as_one(office: Office) -> None:
    office.category = general(outgoing=OUTGOING)

    tally, one = decide(office, letter(1, Subject="subscribe"))

    assert counted(tally) == {"commands": 1, "queued": 1}
    assert (one.state, one.result) == (InboundState.PROCESSED, Result.COMMAND)
    assert office.recipients() == {"ann@example.net": 1}


def test_a_command_that_cannot_be_answered_is_set_aside(office: Office) -> None:
    tally, one = decide(office, letter(1, Subject="subscribe"))

    assert counted(tally) == {"shunted": 1}
    assert one.state is InboundState.SHUNTED
    assert one.reason is not None
    assert "'subscribe'" in one.reason


@pytest.mark.parametrize(
    ("treatment", "state", "counter"),
    [
        ("hold", PostState.HELD, "held"),
        ("reject", PostState.REJECTED, "rejected"),
        ("discard", PostState.DISCARDED, "discarded"),
    ],
)
def test_what_is_not_accepted_goes_to_nobody(
    office: Office, treatment: Any, state: PostState, counter: str
) -> None:
    office.category = general(outgoing=OUTGOING, posting=Posting(non_members=treatment))
    office.subscribe("bob@example.net")
    decide(office, letter(1))

    # A reply counts likewise, not as a reply.
    tally, one = decide(office, letter(2, In_Reply_To="<1@example.net>"))

    post = post_of(office, one)
    assert counted(tally) == {counter: 1}
    assert post is not None
    assert post.state is state
    assert office.recipients() == {}


def test_members_are_known_by_their_address_whatever_its_case(office: Office) -> None:
    office.category = general(posting=Posting(members="accept", non_members="reject"))
    office.subscribe("Ann@Example.NET")

    assert counted(decide(office, letter(1))[0]) == {"posts": 1}


def test_what_a_person_vouched_for_is_accepted_whatever_the_rules_say(office: Office) -> None:
    office.category = general(posting=Posting(non_members="discard", max_size=1))

    tally, one = decide(office, letter(1, From=""), approved=True)

    post = post_of(office, one)
    assert counted(tally) == {"posts": 1}
    assert post is not None
    assert post.trail[-1]["rule"] == "approved"


def test_an_approved_copy_of_known_bytes_is_still_a_duplicate(office: Office) -> None:
    decide(office, letter(1))

    assert counted(decide(office, letter(1), approved=True)[0]) == {"duplicates": 1}


@pytest.mark.parametrize("own_copy", [True, False])
def test_the_author_gets_his_own_post_only_if_the_category_says_so(
    office: Office, own_copy: bool
) -> None:
    office.category = general(
        outgoing=OUTGOING, posting=Posting(non_members="accept", own_copy=own_copy)
    )
    office.subscribe("ann@example.net", "bob@example.net")

    tally, _ = decide(office, letter(1, From="Ann <ANN@example.net>"))

    assert tally.queued == 1 + own_copy
    assert office.recipients()["ann@example.net"] == own_copy


def test_a_category_that_cannot_send_posts_to_nobody(office: Office) -> None:
    office.subscribe("bob@example.net")

    assert counted(decide(office, letter(1))[0]) == {"posts": 1}
    assert office.recipients() == {}


def test_messages_are_decided_in_the_order_they_came(office: Office) -> None:
    for number in (3, 1, 2):
        office.hand_in(letter(number, Date=f"Sat, {31 - number} Oct 1970 10:00:00 +0000"))

    office.decide()

    assert office.subjects() == ["3", "1", "2"]


def test_a_post_without_a_date_has_that_of_its_arrival(office: Office) -> None:
    _, one = decide(office, letter(1, Date=""))

    post = post_of(office, one)
    assert post is not None
    assert post.date == one.received_at
    assert post.date <= clock.now()
