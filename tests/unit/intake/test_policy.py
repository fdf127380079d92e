"""What earlier posts and the mailbox's server say, on the way from a message to its verdict."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from listbridge import clock
from listbridge.category import Moderation, Posting
from listbridge.intake.dispatch import dispatch
from listbridge.intake.simulate import Simulation, simulate
from listbridge.intake.tally import Tally
from listbridge.membership import subscriptions
from listbridge.moderation import actions
from listbridge.posting import Rate
from listbridge.submission import OutgoingSettings
from storage import audit, posts
from storage.database import Database, Tx
from storage.posts import Post
from storage.states import Origin
from tests.fakes.mailbox import FakeServer
from tests.fakes.office import Office, general, letter

SENDING = OutgoingSettings(host="smtp.example.org")
RATE = Rate(2, timedelta(hours=1), "1h")
TRUSTED = "mx.example.org; dmarc=pass header.from=example.net"


@pytest.fixture
def office(db: Database, category_id: int) -> Office:
    """A category with Ann and Bob."""
    with db.transaction() as tx:
        for address in ("ann@example.net", "bob@example.net"):
            subscriptions.subscribe(tx, category_id, address, "", Origin.ADMIN)
    return Office(db, category_id, FakeServer())


def rules(office: Office, *, kind: Any = "discussion", **settings: Any) -> None:
    """Give the category these rules."""
    office.category = general(
        outgoing=SENDING,
        kind=kind,
        owners=("owner@example.net",),
        moderation=Moderation(mail="off"),
        posting=Posting(**settings),
    )


def post(office: Office, raw: bytes) -> Post:
    """Hand a letter in and return the post that it became."""
    inbound_id = office.hand_in(raw)
    dispatch(office.db, office.reader(Tally("general")), inbound_id)
    with office.db.reading() as tx:
        made = posts.of_inbound(tx, inbound_id)
        assert audit.problems(tx) == []
    assert made is not None
    return made


def simulated(office: Office, raw: bytes) -> Simulation:
    with office.db.reading() as tx:
        return simulate(tx, office.category, office.category_id, raw)


def approve(office: Office, held: Post) -> None:
    with office.db.transaction() as tx:
        assert actions.approve(tx, office.category, held)


def test_first_posts_are_held_until_as_many_were_accepted(office: Office) -> None:
    rules(office, first_posts=1)

    first, second = post(office, letter(1)), post(office, letter(2))
    approve(office, first)
    third = post(office, letter(3, From="ANN@example.net"))

    assert [x.state for x in (first, second, third)] == ["held", "held", "accepted"]
    assert first.trail[-1]["rule"] == "first_posts"


def test_others_first_posts_do_not_count(office: Office) -> None:
    rules(office, first_posts=1)
    approve(office, post(office, letter(1)))

    assert post(office, letter(2, From="bob@example.net")).state == "held"


def test_beyond_his_share_an_author_is_held_however_he_writes_his_address(office: Office) -> None:
    rules(office, max_by_author=RATE)

    states = [post(office, letter(1)).state, post(office, letter(2, From="ANN@example.net")).state]
    states.append(post(office, letter(3, From="Ann@example.net")).state)

    assert states == ["accepted", "accepted", "held"]
    assert post(office, letter(4, From="bob@example.net")).state == "accepted"


def test_what_is_long_past_counts_no_more(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    rules(office, max_by_author=RATE)
    for number in (1, 2):
        post(office, letter(number))
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert post(office, letter(3)).state == "accepted"


def test_beyond_its_share_a_thread_is_held(office: Office) -> None:
    rules(office, max_in_thread=RATE)
    post(office, letter(1))
    post(office, letter(2, In_Reply_To="<1@example.net>"))

    third = post(office, letter(3, In_Reply_To="<2@example.net>", From="bob@example.net"))

    assert (third.state, third.trail[-1]["rule"]) == ("held", "too_many_in_thread")
    assert post(office, letter(4)).state == "accepted"


@pytest.mark.parametrize("kind", ["announce", "newsletter"])
def test_owners_announce_and_members_read(office: Office, kind: str) -> None:
    rules(office, kind=kind)

    own = post(office, letter(1, From="Owner@example.net"))
    other = post(office, letter(2))

    assert own.state == "accepted"
    assert (other.state, other.trail[-1]["rule"]) == (
        {"announce": "held", "newsletter": "rejected"}[kind],
        "announce_only",
    )
    # The owner's post to both readers, and word to the other one of what became of his.
    assert office.count("deliveries") == 3


def test_readers_of_an_announce_list_are_told_not_to_write_to_it(office: Office) -> None:
    rules(office, kind="announce")

    found = simulated(office, letter(1, From="owner@example.net"))

    assert found.copy is not None
    assert b"\r\nList-Post: NO\r\n" in found.copy
    assert b"\r\nReply-To: owner@example.net\r\n" in found.copy


FORGED = [
    letter(1),
    letter(1, Authentication_Results="evil.example; dmarc=pass header.from=example.net"),
    # The mailbox's server found it out; what the forger brought along lies below.
    b"Authentication-Results: mx.example.org; dmarc=fail header.from=example.net\r\n"
    + letter(1, Authentication_Results=TRUSTED),
    b"Authentication-Results: mx.example.org; none\r\n" + letter(1, Authentication_Results=TRUSTED),
]


@pytest.mark.parametrize("demand", ["hold", "require"])
@pytest.mark.parametrize("author", ["ann@example.net", "owner@example.net"])
@pytest.mark.parametrize("raw", FORGED)
def test_who_writes_in_anothers_name_is_held_and_nothing_is_sent(
    office: Office, raw: bytes, author: str, demand: str
) -> None:
    rules(office, authenticate=demand, authserv_id="mx.example.org")

    held = post(office, raw.replace(b"ann@example.net", author.encode()))

    assert (held.state, held.trail[-1]["rule"]) == ("held", "in_doubt")
    assert office.count("outgoing") == office.count("deliveries") == 0


@pytest.mark.parametrize("demand", ["hold", "require"])
def test_whom_the_server_knows_may_post(office: Office, demand: str) -> None:
    rules(office, authenticate=demand, authserv_id="mx.example.org")

    assert post(office, letter(1, Authentication_Results=TRUSTED)).state == "accepted"


def test_without_a_named_server_nobody_is_known(office: Office) -> None:
    rules(office, authenticate="hold")

    assert post(office, letter(1, Authentication_Results=TRUSTED)).state == "held"


def test_a_simulation_shows_the_trail_of_the_post_itself(office: Office) -> None:
    rules(office, first_posts=1, max_by_author=RATE, block=("example.com",))

    told = simulated(office, letter(1))

    assert told.trail == post(office, letter(1)).trail
    assert told.copy is not None


def statements(office: Office, raw: bytes) -> list[str]:
    """Return what a database is asked while a message is judged."""
    asked: list[str] = []
    with office.db.reading() as tx:

        @event.listens_for(tx, "before_cursor_execute")
        def _note(_tx: Tx, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        simulate(tx, office.category, office.category_id, raw)
        event.remove(tx, "before_cursor_execute", _note)
    return asked


ANSWER = letter(2, In_Reply_To="<1@example.net>")


def test_what_is_not_configured_asks_the_database_nothing(office: Office) -> None:
    rules(office)
    post(office, letter(1))
    plain = statements(office, ANSWER)
    rules(
        office,
        kind="announce",
        hold_all=True,
        allow=("example.net",),
        block=("example.com",),
        max_attachments=1,
        block_attachments=(".exe",),
        headers=({"name": "X-Spam-Flag"},),
        authenticate="hold",
        authserv_id="mx.example.org",
    )

    # Of a post that is held nobody counts the recipients.
    assert set(statements(office, ANSWER)) < set(plain)
    assert len(plain) == 8


@pytest.mark.parametrize(
    "settings", [{"first_posts": 1}, {"max_by_author": RATE}, {"max_in_thread": RATE}]
)
def test_what_counts_posts_asks_once_and_by_an_index(
    office: Office, settings: dict[str, Any]
) -> None:
    rules(office)
    post(office, letter(1))
    plain = statements(office, ANSWER)
    rules(office, **settings)

    [more] = set(statements(office, ANSWER)) - set(plain)

    with office.db.reading() as tx:
        asked = more.replace("?", "1")
        plan = [str(x[3]) for x in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
    assert any("ix_posts_sender" in x or "ix_posts_thread_id" in x for x in plan)
    assert not any(x.startswith("SCAN posts") for x in plan)
