"""What becomes of each received message, and that none of them harms its neighbours."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from listbridge import clock
from listbridge.category import Category, Posting
from listbridge.intake import dispatch as dispatching
from listbridge.intake import reading
from listbridge.intake import record as recording
from listbridge.intake.dispatch import dispatch, dispatch_waiting
from listbridge.intake.readers import Readers
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.message import MessageError
from listbridge.submission import OutgoingSettings
from storage import categories, deliveries, inbound, posts
from storage.database import Tx
from storage.errors import StoreError
from storage.posts import Post
from storage.states import DeliveryState, InboundState, Origin, PostState, Result
from tests.fakes.office import Office, general, letter

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


def counted(tally: Tally) -> dict[str, int]:
    """Return the counters that are not zero."""
    return {k: v for k, v in vars(tally).items() if isinstance(v, int) and v}


def post_of(office: Office, one: inbound.Inbound) -> Post | None:
    """Return the post an inbound message became."""
    with office.db.reading() as tx:
        return posts.of_inbound(tx, one.id)


def recipients(office: Office) -> Counter[str]:
    """Return everybody who is to get something, and how much."""
    with office.db.reading() as tx:
        return Counter(x.recipient for x in deliveries.listed(tx, tuple(DeliveryState)))


def subscribe(office: Office, *addresses: str) -> None:
    """Make the addresses subscribers."""
    with office.db.transaction() as tx:
        for address in addresses:
            subscriptions.subscribe(tx, office.category_id, address, "", Origin.ADMIN)


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
    subscribe(office, "ann@example.net", "bob@example.net")

    tally, one = decide(office, letter(1))

    assert counted(tally) == {"posts": 1, "queued": 2}
    assert (one.state, one.result) == (InboundState.PROCESSED, Result.POST)
    assert recipients(office) == {"ann@example.net": 1, "bob@example.net": 1}


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
    assert recipients(office) == {"ann@example.net": 1}


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
    subscribe(office, "bob@example.net")
    decide(office, letter(1))

    # A reply counts likewise, not as a reply.
    tally, one = decide(office, letter(2, In_Reply_To="<1@example.net>"))

    post = post_of(office, one)
    assert counted(tally) == {counter: 1}
    assert post is not None
    assert post.state is state
    assert recipients(office) == {}


def test_members_are_known_by_their_address_whatever_its_case(office: Office) -> None:
    office.category = general(posting=Posting(members="accept", non_members="reject"))
    subscribe(office, "Ann@Example.NET")

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
    subscribe(office, "ann@example.net", "bob@example.net")

    tally, _ = decide(office, letter(1, From="Ann <ANN@example.net>"))

    assert tally.queued == 1 + own_copy
    assert recipients(office)["ann@example.net"] == own_copy


def test_a_category_that_cannot_send_posts_to_nobody(office: Office) -> None:
    subscribe(office, "bob@example.net")

    assert counted(decide(office, letter(1))[0]) == {"posts": 1}
    assert recipients(office) == {}


@pytest.mark.parametrize(
    "trouble",
    [
        ValueError("Dear Ann, this is a secret"),
        RecursionError("secret"),
        MemoryError("secret"),
        UnicodeDecodeError("utf-8", b"secret", 0, 1, "secret"),
        KeyError("secret"),
        AssertionError("secret"),
    ],
)
def test_whatever_reading_a_message_raises_sets_it_aside_and_the_next_ones_go_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    ids = [office.hand_in(letter(n)) for n in range(3)]
    fails_at(monkeypatch, letter(1), trouble)

    tally = office.decide()

    one = office.inbound(ids[1])
    assert counted(tally) == {"posts": 2, "shunted": 1}
    assert office.subjects() == ["0", "2"]
    assert (one.state, one.result) == (InboundState.SHUNTED, None)
    assert one.reason == f"handling it failed: {type(trouble).__name__}"
    assert one.traceback is not None
    assert "in _decide" in one.traceback
    assert "secret" not in one.traceback


@pytest.mark.parametrize("words", ["it has more than 1,000 parts", "odd \ud800 \x00 words"])
def test_what_cannot_be_understood_is_set_aside_with_the_reason(
    office: Office, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    ids = [office.hand_in(letter(n)) for n in range(2)]
    fails_at(monkeypatch, letter(0), MessageError(words))

    tally = office.decide()

    one = office.inbound(ids[0])
    assert counted(tally) == {"posts": 1, "shunted": 1}
    assert one.reason is not None
    assert one.reason.split()[0] == words.split()[0]
    assert one.traceback is None


def test_what_fails_after_half_of_its_rows_leaves_none_of_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.category = general(outgoing=OUTGOING)

    def fails(*_: object, **__: object) -> int:
        raise ValueError("no copy can be made of it")

    monkeypatch.setattr(recording.fanout, "fan_out", fails)

    tally, one = decide(office, letter(1))

    assert counted(tally) == {"shunted": 1}
    assert one.state is InboundState.SHUNTED
    assert [office.count(x) for x in ("posts", "post_aliases", "outgoing")] == [0, 0, 0]


def test_what_fails_while_it_is_recorded_is_set_aside_and_its_neighbours_are_posts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        office.hand_in(letter(number))
    add = posts.add

    def fails(tx: Any, new: posts.NewPost, now: Any) -> int:
        made = add(tx, new, now)
        if new.subject == "3":
            raise ValueError("half of it is stored")
        return made

    monkeypatch.setattr(recording.posts, "add", fails)

    tally = office.decide()

    assert counted(tally) == {"posts": 4, "shunted": 1}
    assert office.subjects() == ["0", "1", "2", "4"]
    assert office.count("post_aliases") == 4


def test_several_are_decided_in_one_transaction_and_told_when_it_is_committed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.category = general(outgoing=OUTGOING)
    subscribe(office, "bob@example.net")
    for number in range(5):
        office.hand_in(letter(number))
    queued = []

    dispatch_waiting(
        office.db,
        Readers([office.reader(Tally("general"))]),
        lambda _: queued.append(office.count("deliveries")),
    )

    assert queued == [5]


def test_a_fan_out_that_takes_long_ends_the_transaction(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.category = general(outgoing=OUTGOING)
    subscribe(office, "bob@example.net")
    for number in range(3):
        office.hand_in(letter(number))
    monkeypatch.setattr(dispatching, "_LONG", 0)
    queued = []

    dispatch_waiting(
        office.db,
        Readers([office.reader(Tally("general"))]),
        lambda _: queued.append(office.count("deliveries")),
    )

    assert queued == [1, 2, 3]


def test_what_fails_at_the_commit_is_not_counted_as_decided(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbound_id, tally = office.hand_in(letter(1)), Tally("general")
    record = dispatching.record

    def fails(_: object) -> None:
        raise ArithmeticError

    def spoilt(tx: Tx, *args: Any) -> Any:
        event.listen(tx, "commit", fails)
        return record(tx, *args)

    monkeypatch.setattr(dispatching, "record", spoilt)

    dispatch(office.db, office.reader(tally), inbound_id)

    assert (tally.shunted, tally.posts, office.subjects()) == (1, 0, [])


def test_a_killer_costs_those_beside_it_one_attempt_however_often_it_kills(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [office.hand_in(letter(n)) for n in range(4)]
    fails_at(monkeypatch, letter(2), Killed())
    for _ in range(3):
        with pytest.raises(Killed):
            office.decide()

    office.decide()

    found = [office.inbound(one) for one in ids]
    assert [x.state is InboundState.SHUNTED for x in found] == [False, False, True, False]
    assert max(found[n].attempts for n in (0, 1, 3)) == 2
    assert office.subjects() == ["0", "1", "3"]


def test_a_message_at_which_the_program_died_three_times_is_set_aside(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = office.hand_in(letter(1))
    neighbour = office.hand_in(letter(2))
    fails_at(monkeypatch, letter(1), Killed())
    for _ in range(3):
        with pytest.raises(Killed):
            office.decide()
    before = office.inbound(killer)

    tally = office.decide()

    assert (before.state, before.attempts) == (InboundState.RECEIVED, 3)
    assert counted(tally) == {"shunted": 1, "posts": 1}
    reason = office.inbound(killer).reason
    assert reason == "the program ended 3 times while it was handling this message"
    # Once together with the killer, and then never again but for itself.
    assert office.inbound(neighbour).attempts == 2


def test_a_message_that_is_tried_again_by_a_person_has_all_its_attempts(office: Office) -> None:
    one = office.hand_in(letter(1))
    with office.db.transaction() as tx:
        for _ in range(9):
            inbound.begin(tx, one)
    office.decide()
    with office.db.transaction() as tx:
        inbound.retry(tx, one)

    assert counted(office.decide()) == {"posts": 1}


def test_trouble_of_the_database_is_no_fault_of_the_message(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [office.hand_in(letter(n)) for n in range(3)]
    fails_at(monkeypatch, letter(1), StoreError("the disk is full"))
    tally = Tally("general")
    for _ in range(5):
        with pytest.raises(StoreError):
            office.decide(tally)

    left = [office.inbound(x) for x in ids[1:]]
    assert counted(tally) == {"posts": 1}
    assert [(x.state, x.attempts) for x in left] == [(InboundState.RECEIVED, 0)] * 2

    monkeypatch.undo()
    assert counted(office.decide()) == {"posts": 2}


def test_two_that_decide_one_message_make_one_post_and_count_it_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.category = general(outgoing=OUTGOING)
    subscribe(office, "bob@example.net")
    inbound_id = office.hand_in(letter(1))
    faster, slower = Tally("general"), Tally("general")
    understand = reading.understand

    def overtaken(raw: bytes, category: Category) -> Any:
        monkeypatch.setattr(reading, "understand", understand)
        dispatch(office.db, office.reader(faster), inbound_id)
        return understand(raw, category)

    monkeypatch.setattr(reading, "understand", overtaken)
    dispatch(office.db, office.reader(slower), inbound_id)

    assert counted(faster) == {"posts": 1, "queued": 1}
    assert counted(slower) == {}
    assert recipients(office) == {"bob@example.net": 1}


@pytest.mark.parametrize(
    "raw", [letter(1, Subject="help"), letter(1, Auto_Submitted="auto-replied"), b"\xff"]
)
def test_two_that_decide_one_message_of_any_kind_count_it_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    inbound_id = office.hand_in(raw)
    faster, slower = Tally("general"), Tally("general")
    understand = reading.understand

    def overtaken(raw: bytes, category: Category) -> Any:
        monkeypatch.setattr(reading, "understand", understand)
        dispatch(office.db, office.reader(faster), inbound_id)
        return understand(raw, category)

    monkeypatch.setattr(reading, "understand", overtaken)
    dispatch(office.db, office.reader(slower), inbound_id)

    assert (sum(counted(faster).values()), counted(slower)) == (1, {})


def test_what_is_decided_already_is_not_decided_again(office: Office) -> None:
    inbound_id = office.hand_in(letter(1))
    office.decide()
    tally = Tally("general")

    dispatch(office.db, office.reader(tally), inbound_id)

    assert counted(tally) == {}
    assert office.inbound(inbound_id).attempts == 1


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


class Killed(BaseException):
    """Stands for a `kill -9`: nothing in the program may handle it."""


def fails_at(monkeypatch: pytest.MonkeyPatch, poison: bytes, trouble: BaseException) -> None:
    """Let reading this message raise the trouble; all others are read."""
    understand = reading.understand

    def failing(raw: bytes, category: Category) -> Any:
        if raw == poison:
            raise trouble
        return understand(raw, category)

    monkeypatch.setattr(reading, "understand", failing)
