"""A message in hand: what fails at it harms no neighbour, and what two decide is decided once."""

from typing import Any

import pytest
from sqlalchemy import event

from listbridge.category import Category
from listbridge.intake import dispatch as dispatching
from listbridge.intake import reading
from listbridge.intake import record as recording
from listbridge.intake.dispatch import dispatch, dispatch_waiting
from listbridge.intake.readers import Readers
from listbridge.intake.tally import Tally
from listbridge.message import MessageError
from listbridge.submission import OutgoingSettings
from storage import inbound, posts
from storage.database import Tx
from storage.errors import StoreError
from storage.states import InboundState
from tests.fakes.office import Office, counted, general, letter

OUTGOING = OutgoingSettings(host="smtp.example.org")


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

    inbound_id = office.hand_in(letter(1))

    assert counted(office.decide()) == {"shunted": 1}
    assert office.inbound(inbound_id).state is InboundState.SHUNTED
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
    office.subscribe("bob@example.net")
    for number in range(5):
        office.hand_in(letter(number))
    monkeypatch.setattr(dispatching, "_LONG", 60)  # however slow this machine is
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
    office.subscribe("bob@example.net")
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
    office.subscribe("bob@example.net")
    inbound_id = office.hand_in(letter(1))

    faster, slower = decided_by_two(monkeypatch, office, inbound_id)

    assert counted(faster) == {"posts": 1, "queued": 1}
    assert counted(slower) == {}
    assert office.recipients() == {"bob@example.net": 1}


@pytest.mark.parametrize(
    "raw", [letter(1, Subject="help"), letter(1, Auto_Submitted="auto-replied"), b"\xff"]
)
def test_two_that_decide_one_message_of_any_kind_count_it_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    inbound_id = office.hand_in(raw)

    faster, slower = decided_by_two(monkeypatch, office, inbound_id)

    assert (sum(counted(faster).values()), counted(slower)) == (1, {})


def test_what_is_decided_already_is_not_decided_again(office: Office) -> None:
    inbound_id = office.hand_in(letter(1))
    office.decide()
    tally = Tally("general")

    dispatch(office.db, office.reader(tally), inbound_id)

    assert counted(tally) == {}
    assert office.inbound(inbound_id).attempts == 1


def decided_by_two(
    monkeypatch: pytest.MonkeyPatch, office: Office, inbound_id: int
) -> tuple[Tally, Tally]:
    """Let one decide the message while another reads it; return what each of them counted."""
    faster, slower = Tally("general"), Tally("general")
    understand = reading.understand

    def overtaken(raw: bytes, category: Category) -> Any:
        monkeypatch.setattr(reading, "understand", understand)
        dispatch(office.db, office.reader(faster), inbound_id)
        return understand(raw, category)

    monkeypatch.setattr(reading, "understand", overtaken)
    dispatch(office.db, office.reader(slower), inbound_id)
    return faster, slower


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
