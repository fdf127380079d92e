"""What a moderator does with a held post, once and never twice."""

from collections.abc import Callable

import pytest

from listbridge.category import Category, Posting
from listbridge.dmarc import Policy
from listbridge.intake.dispatch import dispatch
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.moderation import actions
from listbridge.submission import OutgoingSettings
from storage import audit, deliveries, posts
from storage.database import Database, Tx
from storage.posts import Post
from storage.states import DeliveryState, Origin, PostState
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general, letter


@pytest.fixture
def office(db: Database, category_id: int) -> Office:
    """A category with two subscribers, and one held post."""
    category = general(posting=Posting(), outgoing=OutgoingSettings(host="smtp.example.org"))
    one = Office(db, category_id, FakeServer(), category)
    with db.transaction() as tx:
        for address in ("bob@example.net", "eve@example.net"):
            subscriptions.subscribe(tx, category_id, address, "", Origin.ADMIN)
    tally = Tally("general")
    dispatch(db, one.reader(tally), one.hand_in(letter(1)))
    assert (tally.held, tally.queued) == (1, 0)
    return one


def post(office: Office) -> Post:
    """Return the one post."""
    with office.db.reading() as tx:
        assert audit.problems(tx) == []
        [found] = posts.in_category(tx, office.category_id)
    return found


def recipients(office: Office) -> list[str]:
    """Return everybody the post goes to."""
    with office.db.reading() as tx:
        return [x.recipient for x in deliveries.listed(tx, tuple(DeliveryState))]


def do(office: Office, action: Callable[[Tx], bool]) -> bool:
    """Carry one action out."""
    with office.db.transaction() as tx:
        return action(tx)


def test_an_approved_post_goes_to_everybody_once(office: Office) -> None:
    held = post(office)

    done = [do(office, lambda tx: actions.approve(tx, office.category, held)) for _ in range(2)]

    assert done == [True, False]
    assert recipients(office) == ["bob@example.net", "eve@example.net"]
    assert (post(office).state, post(office).reason) == (
        PostState.ACCEPTED,
        "approved by a moderator",
    )


def copy_head(office: Office) -> bytes:
    """Return the head of the one copy."""
    with office.db.reading() as tx:
        head = tx.exec_driver_sql("SELECT head FROM outgoing").scalar_one()
    assert isinstance(head, bytes)
    return head


@pytest.mark.parametrize("policy", [Policy.NONE, Policy.REJECT])
def test_an_approved_post_is_from_whom_the_authors_domain_allows(
    office: Office, policy: Policy
) -> None:
    held = post(office)

    do(office, lambda tx: actions.approve(tx, office.category, held, policy))

    keeps = copy_head(office).startswith(b"From: Ann <ann@example.net>\r\n")
    assert keeps is (policy is Policy.NONE)


@pytest.mark.parametrize("joins", [True, False])
def test_answers_to_an_approved_post_reach_an_author_who_is_no_member(
    office: Office, joins: bool
) -> None:
    held = post(office)
    if joins:
        with office.db.transaction() as tx:
            subscriptions.subscribe(tx, office.category_id, "ann@example.net", "", Origin.ADMIN)

    do(office, lambda tx: actions.approve(tx, office.category, held))

    assert (b"Reply-To: Ann <ann@example.net>, " in copy_head(office)) is not joins


def test_a_held_post_goes_to_those_who_are_subscribed_when_it_is_approved(office: Office) -> None:
    held = post(office)
    with office.db.transaction() as tx:
        subscriptions.unsubscribe(tx, office.category_id, "bob@example.net", Origin.PERSON)
        subscriptions.subscribe(tx, office.category_id, "zoe@example.net", "", Origin.PERSON)

    do(office, lambda tx: actions.approve(tx, office.category, held))

    assert recipients(office) == ["eve@example.net", "zoe@example.net"]


@pytest.mark.parametrize(
    ("because", "reason"),
    [
        (None, "rejected by a moderator"),
        ("off topic", "rejected by a moderator: off topic"),
    ],
)
def test_a_rejected_post_goes_to_nobody(office: Office, because: str | None, reason: str) -> None:
    held = post(office)

    assert do(office, lambda tx: actions.reject(tx, office.category, held, because))

    assert (post(office).state, post(office).reason) == (PostState.REJECTED, reason)
    assert recipients(office) == []


def test_a_discarded_post_goes_to_nobody(office: Office) -> None:
    held = post(office)

    assert do(office, lambda tx: actions.discard(tx, office.category, held))

    assert post(office).state is PostState.DISCARDED
    assert recipients(office) == []


def test_the_first_decision_stands(office: Office) -> None:
    held = post(office)
    every: tuple[Callable[[Tx], bool], ...] = (
        lambda tx: actions.discard(tx, office.category, held),
        lambda tx: actions.approve(tx, office.category, held),
        lambda tx: actions.reject(tx, office.category, held, "late"),
    )

    assert [do(office, action) for action in every] == [True, False, False]
    assert post(office).state is PostState.DISCARDED
    assert recipients(office) == []


def test_an_approval_that_fails_leaves_the_post_held(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = post(office)

    def fails(_category: Category, _raw: bytes) -> None:
        raise RecursionError

    monkeypatch.setattr(actions, "opened", fails)
    with pytest.raises(RecursionError):
        do(office, lambda tx: actions.approve(tx, office.category, held))

    assert post(office).state is PostState.HELD
