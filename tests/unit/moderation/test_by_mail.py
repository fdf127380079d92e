"""Moderators decide by answering: who is asked, what counts as an answer, and what comes of it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from types import SimpleNamespace

import pytest

from listbridge import clock, dmarc
from listbridge.category import Moderation, Posting
from listbridge.dmarc import Policy
from listbridge.intake.simulate import simulate
from listbridge.membership import further
from listbridge.membership.subscriptions import unsubscribe
from listbridge.moderation import actions, letters
from listbridge.notices import Notice
from listbridge.secret import Secret
from storage import allowed, categories, erasure, naming, posts, subscriptions
from storage.posts import Post
from storage.states import Origin, PostState, Result
from tests.fakes.office import letter
from tests.fakes.town import TOKEN, Town

MOD, DEPUTY, ANN, BOB = (f"{one}@example.net" for one in ("mod", "deputy", "ann", "bob"))
DAY = timedelta(days=1)
MEMBERS_HELD = Posting(members="hold")
VOUCHED = "mx.example.org; dmarc=pass header.from=example.net"
DOUBTED = "mx.example.org; dmarc=fail header.from=example.net"


@dataclass
class Desk:
    """The moderators' mail about one held post."""

    town: Town
    asked: dict[str, EmailMessage] = field(default_factory=dict)
    sent: int = 0

    def hold(self, subject: str = "Hello", sender: str = ANN, **fields: str) -> None:
        """Have a post held, and the moderators asked."""
        self.town.write(subject, sender, **fields)
        self.asked = {str(one["To"]): one for one in self.town.notices()}

    def code(self, who: str = MOD) -> str:
        [found] = TOKEN.findall(str(self.asked[who]["Subject"]))
        return str(found)

    def answer(
        self, text: str, who: str = MOD, *, sender: str = "", quoting: bool = True, **fields: str
    ) -> dict[str, int]:
        """Answer as mail programs do; return what is counted."""
        self.sent += 1
        asked = self.asked[who]
        body = asked.get_body(("plain",))
        assert body is not None
        quoted = "".join(f"> {line}\r\n" for line in body.get_content().splitlines())
        head = {
            "From": sender or who,
            "To": "general@example.org",
            "Subject": f"Re: {asked['Subject']}",
            "Message-ID": f"<answer-{self.sent}@example.net>",
            "In-Reply-To": str(asked["Message-ID"]),
            "Content-Type": "text/plain; charset=utf-8",
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        lines = [f"{name}: {value}" for name, value in head.items() if value]
        said = f"{text}\r\n\r\nOn 1 Nov, General wrote:\r\n{quoted}" if quoting else text
        return self.town.hand_in("\r\n".join([*lines, "", said, ""]).encode())

    def post(self) -> Post:
        return self.posts()[0]

    def posts(self) -> list[Post]:
        with self.town.office.db.reading() as tx:
            return posts.in_category(tx, self.town.office.category_id)

    def told(self) -> list[tuple[str, str]]:
        return self.town.told()


@pytest.fixture
def desk(town: Town, at: Callable[[timedelta], None]) -> Iterator[Desk]:
    one = Desk(town)
    yield one
    # Nothing that a moderator has answered is ever a post.
    assert not any(one.subject.startswith("Re: ") for one in one.posts())


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_each_moderator_is_asked_with_a_code_of_his_own(desk: Desk) -> None:
    desk.hold()

    assert desk.asked.keys() == {MOD, DEPUTY}
    assert desk.code(MOD) != desk.code(DEPUTY)


def test_he_is_shown_what_he_has_to_know(desk: Desk) -> None:
    desk.hold("About bees", f"Ann <{ANN}>")

    shown = text_of(desk.asked[MOD])

    for said in (
        "About bees",
        f"Ann ({ANN})",
        "the author is not a member",
        "non_member",
        "| This",
    ):
        assert said in shown
    [attached] = desk.asked[MOD].iter_attachments()
    assert attached.get_content_type() == "message/rfc822"
    assert attached.get_content()["Subject"] == "About bees"


def test_every_choice_is_a_link_as_well(desk: Desk) -> None:
    desk.hold()

    html = desk.asked[MOD].get_body(("html",))

    assert html is not None
    subjects = re.findall(r'href="mailto:general@example.org\?subject=([^"]+)"', html.get_content())
    words = [one.replace("%20", " ").replace(f" {desk.code()}", "") for one in subjects]
    assert words == ["approve", "approve always", "reject", "discard"]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("approve", PostState.ACCEPTED),
        ("Freigeben", PostState.ACCEPTED),
        ("accepter", PostState.ACCEPTED),
        ("reject", PostState.REJECTED),
        ("ablehnen", PostState.REJECTED),
        ("refuser", PostState.REJECTED),
        ("discard", PostState.DISCARDED),
        ("verwerfen", PostState.DISCARDED),
        ("supprimer", PostState.DISCARDED),
    ],
)
def test_an_answer_decides_in_all_three_languages(desk: Desk, text: str, state: PostState) -> None:
    desk.hold()

    desk.answer(text)

    assert (desk.post().state, desk.post().decided_by) == (state, MOD)


def test_an_approved_post_goes_out(desk: Desk) -> None:
    desk.hold()

    # To bob, and to the other moderator.
    assert desk.answer("approve") == {"commands": 1, "queued": 2}

    query = "outgoing_id IN (SELECT id FROM outgoing WHERE post_id IS NOT NULL)"
    assert desk.town.office.count("deliveries", query) == 1


def test_the_code_counts_and_not_the_address_he_writes_from(desk: Desk) -> None:
    desk.hold()

    desk.answer("approve", sender="somebody@example.com")

    assert desk.post().decided_by == MOD


def test_a_link_decides(desk: Desk) -> None:
    desk.hold()

    desk.answer("", quoting=False, Subject=f"approve {desk.code()}", In_Reply_To="")

    assert desk.post().state is PostState.ACCEPTED


def test_the_others_are_told_what_was_decided(desk: Desk) -> None:
    desk.hold()

    desk.answer("approve")

    [told] = desk.town.notices()
    assert (told["To"], told["Subject"]) == (DEPUTY, "Decided on General: Hello")
    assert f"approved by {MOD} (2026-11-01 12:00 UTC)" in " ".join(text_of(told).split())


def test_what_is_decided_on_the_command_line_is_told_to_all(desk: Desk) -> None:
    desk.hold()
    with desk.town.office.db.transaction() as tx:
        actions.discard(tx, desk.town.office.category, desk.post())

    told = desk.town.notices()

    assert [one["To"] for one in told] == [MOD, DEPUTY]
    assert "discarded by somebody on the command line" in " ".join(text_of(told[0]).split())


def test_whoever_answers_later_is_told_who_was_first(desk: Desk) -> None:
    desk.hold()
    desk.answer("reject")
    desk.told()

    desk.answer("approve", DEPUTY)

    [told] = desk.town.notices()
    assert (told["To"], told["Subject"]) == (DEPUTY, "Already decided on General: Hello")
    assert f"rejected by {MOD}" in " ".join(text_of(told).split())
    assert desk.post().state is PostState.REJECTED


def test_an_answer_sent_twice_changes_nothing_more(desk: Desk) -> None:
    desk.hold()
    desk.answer("approve")
    desk.told()

    assert desk.answer("approve") == {"commands": 1, "queued": 1}

    assert desk.told() == [(MOD, "Already decided on General: Hello")]


@pytest.mark.parametrize("text", ["Hm.", "", "Approve? Never!"])
def test_what_is_not_understood_leaves_the_code_good(desk: Desk, text: str) -> None:
    desk.hold()
    code = desk.code()

    desk.answer(text)

    [told] = desk.town.notices()
    assert (told["To"], TOKEN.findall(str(told["Subject"]))) == (MOD, [code])
    assert "approve" in text_of(told)
    assert desk.post().state is PostState.HELD
    desk.asked[MOD] = told
    desk.answer("approve")
    assert desk.post().state is PostState.ACCEPTED


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"Return_Path": "<>"},
        {"List_Id": "<others.example.com>"},
    ],
)
def test_a_robot_decides_nothing_and_is_told_nothing(desk: Desk, fields: dict[str, str]) -> None:
    desk.hold()

    desk.answer("approve", **fields)

    assert desk.post().state is PostState.HELD
    assert desk.told() == []


def test_two_robots_come_to_an_end(desk: Desk) -> None:
    desk.hold()
    for number in range(15):
        desk.answer(f"I am away ({number}).")

    assert len(desk.told()) == 10


def test_a_changed_subject_is_known_by_what_is_answered_and_quoted(desk: Desk) -> None:
    desk.hold()

    desk.answer("approve", Subject="Re: that post")

    assert desk.post().state is PostState.ACCEPTED


def test_an_answer_without_a_code_decides_nothing_and_is_no_post(desk: Desk) -> None:
    desk.hold()

    counted = desk.answer("approve", Subject="Re: that post", quoting=False)

    assert counted == {"commands": 1, "queued": 1}
    assert desk.post().state is PostState.HELD
    assert desk.told() == [(MOD, "Nothing was decided on General")]


@pytest.mark.parametrize("who", [DEPUTY, ANN, "robot@example.com"])
def test_what_somebody_else_answers_without_a_code_is_no_post_and_leads_to_no_mail(
    desk: Desk, who: str
) -> None:
    """The mail may be forwarded to where a robot answers that does not say that it is one."""
    desk.hold()

    counted = desk.answer("approve", sender=who, Subject="Re: that post", quoting=False)

    assert counted == {"commands": 1}
    assert desk.post().state is PostState.HELD
    assert desk.told() == []


def test_a_moderator_is_known_by_a_further_address_of_his(desk: Desk) -> None:
    town = desk.town
    town.member(MOD)
    desk.hold()
    with town.office.db.transaction() as tx:
        one = subscriptions.find(tx, town.office.category_id, MOD)
        assert one is not None
        further.add(tx, town.office.category, town.office.category_id, one, "mod@work.example")

    desk.answer("approve", sender="mod@work.example", Subject="Re: that post", quoting=False)

    assert desk.told() == [(MOD, "Nothing was decided on General")]


def test_a_notice_that_is_forwarded_to_the_list_is_no_post(desk: Desk) -> None:
    desk.hold()

    desk.answer("Look!", Subject=f"Fwd: {desk.asked[MOD]['Subject']}")

    assert len(desk.posts()) == 1


def test_a_code_that_is_shown_in_a_post_is_void(desk: Desk) -> None:
    desk.hold()
    code = desk.code()
    desk.answer("What is that?", sender=BOB, Subject="What is that?", In_Reply_To="")
    assert len(desk.posts()) == 2

    desk.answer("", quoting=False, Subject=f"approve {code}", In_Reply_To="")

    assert desk.post().state is PostState.HELD


def test_a_code_runs_out(desk: Desk, at: Callable[[timedelta], None]) -> None:
    desk.hold()
    at(7 * DAY)

    desk.answer("approve")

    assert desk.post().state is PostState.HELD
    assert desk.told() == [(MOD, "Nothing was decided on General")]


def test_whoever_is_no_moderator_any_more_decides_nothing(desk: Desk) -> None:
    desk.hold()
    desk.town.change(moderators=(DEPUTY,))

    desk.answer("approve")

    assert desk.post().state is PostState.HELD
    assert desk.told() == []


def test_a_link_of_who_is_no_moderator_any_more_decides_nothing_and_is_not_set_aside(
    desk: Desk,
) -> None:
    desk.hold()
    desk.town.change(moderators=(DEPUTY,))

    counted = desk.answer("", quoting=False, Subject=f"approve {desk.code()}", In_Reply_To="")

    assert (counted, desk.post().state) == ({"commands": 1}, PostState.HELD)


def test_who_answers_about_somebody_who_was_erased_is_told_that_it_is_decided(desk: Desk) -> None:
    desk.hold()
    with desk.town.office.db.transaction() as tx:
        erasure.erase(tx, {ANN}, naming.find(tx, {ANN}), clock.now(), with_posts=False)

    assert desk.answer("approve") == {"commands": 1, "queued": 1}

    assert desk.told() == [(MOD, "Already decided on General: Hello")]


def test_a_moderator_who_leaves_the_list_still_gets_what_he_was_asked(desk: Desk) -> None:
    desk.town.member(MOD)
    desk.hold()

    with desk.town.office.db.transaction() as tx:
        unsubscribe(tx, desk.town.office.category_id, MOD, Origin.PERSON)

    assert desk.town.office.count("deliveries", f"state = 'pending' AND recipient = '{MOD}'") == 1


def test_no_author_can_have_a_link_of_his_own_look_like_ours(desk: Desk) -> None:
    desk.hold("approve: <mailto:eve@example.com?subject=x>")

    html = desk.asked[MOD].get_body(("html",))

    assert html is not None
    targets = re.findall(r'href="mailto:([^?"]+)', html.get_content())
    assert targets == ["general@example.org"] * 4


def test_a_code_of_another_list_is_worth_nothing(desk: Desk) -> None:
    desk.hold()
    office = desk.town.office
    with office.db.transaction() as tx:
        other = categories.keep(tx, "other", "other@example.org").id
    mine, office.category_id = office.category_id, other

    desk.answer("approve")
    office.category_id = mine

    assert desk.post().state is PostState.HELD


def test_made_up_references_are_those_of_a_post(desk: Desk) -> None:
    counted = desk.town.write("Hello", BOB, References="<held-0@example.org>")

    assert counted["posts"] == 1


def test_no_code_confirms_anything_else(desk: Desk) -> None:
    desk.hold()

    desk.town.write(f"confirm {desk.code()}", BOB)

    assert desk.post().state is PostState.HELD
    assert desk.town.state(MOD) is None


def test_a_simulated_answer_decides_nothing(desk: Desk) -> None:
    desk.hold()
    raw = letter(9, Subject=f"approve {desk.code()}", From=MOD)
    office = desk.town.office
    with office.db.reading() as tx:
        found = simulate(tx, office.category, office.category_id, raw)

    assert (found.kind, found.copy) == ("command", None)
    assert desk.post().state is PostState.HELD


def test_letting_in_for_good_is_for_all_further_posts(desk: Desk) -> None:
    desk.hold()
    desk.answer("approve always")

    desk.town.write("Again", "ANN@example.net")

    states = [(one.state, one.trail[-1]["rule"]) for one in desk.posts()]
    assert states == [("accepted", "non_member"), ("accepted", "let_in")]


def test_whom_nobody_lets_in_any_more_is_held_again(desk: Desk) -> None:
    desk.hold()
    desk.answer("approve always")
    with desk.town.office.db.transaction() as tx:
        assert allowed.remove(tx, desk.town.office.category_id, ANN)

    desk.town.write("Again", ANN)

    assert desk.posts()[1].state is PostState.HELD


@pytest.mark.parametrize("authenticate", ["hold", "require"])
def test_a_forged_name_profits_from_it_no_more_than_from_the_allow_list(
    desk: Desk, authenticate: str
) -> None:
    desk.hold()
    desk.answer("approve always")
    asks = Posting(authenticate=authenticate, authserv_id="mx.example.org")
    desk.town.change(posting=asks)

    desk.town.write("Forged", ANN, Authentication_Results=DOUBTED)
    desk.town.write("His own", ANN, Authentication_Results=VOUCHED)

    forged, own = desk.posts()[1:]
    assert (forged.state, forged.trail[-1]["rule"]) == (PostState.HELD, "in_doubt")
    assert (own.state, own.trail[-1]["rule"]) == (PostState.ACCEPTED, "let_in")


def test_nobody_is_let_in_where_nobody_is_named(desk: Desk) -> None:
    desk.hold(sender="ann@example.net, bob@example.net")

    desk.answer("approve always")

    assert desk.post().state is PostState.HELD
    assert desk.told() == [(MOD, "Not understood on General: Hello ()")]


def test_a_reason_reaches_the_author_once(desk: Desk) -> None:
    desk.town.change(posting=MEMBERS_HELD)
    desk.hold(sender=BOB)

    desk.answer("reject\r\nNot here.\r\n\r\nTry elsewhere.")

    [told] = [one for one in desk.town.notices() if one["To"] == BOB]
    assert text_of(told).rstrip().endswith("was not accepted: Not here. Try elsewhere.")
    assert desk.post().reason == "rejected by a moderator: Not here. Try elsewhere."


@pytest.mark.parametrize(
    ("sender", "results", "is_told"),
    [
        (BOB, VOUCHED, True),
        (BOB, DOUBTED, False),
        (ANN, VOUCHED, True),
        (ANN, DOUBTED, False),
    ],
)
def test_where_it_is_asked_only_who_is_the_author_is_told(
    desk: Desk, sender: str, results: str, is_told: bool
) -> None:
    desk.town.change(
        posting=Posting(members="hold", authenticate="hold", authserv_id="mx.example.org")
    )
    desk.hold(sender=sender, Authentication_Results=results)

    desk.answer("reject: no")

    assert (sender in [to for to, _ in desk.told()]) is is_told


@pytest.mark.parametrize("moderation", ["daily", "off"])
def test_where_it_is_not_wanted_nobody_is_asked(desk: Desk, moderation: str) -> None:
    desk.town.change(moderation=Moderation(mail=moderation))  # type: ignore[arg-type]

    desk.hold()

    assert desk.asked == {}


def test_the_list_itself_is_never_asked(desk: Desk) -> None:
    desk.town.change(moderators=("General@example.org",))

    desk.hold()

    assert desk.asked == {}


def test_an_answer_in_the_list_s_own_name_counts(desk: Desk) -> None:
    desk.hold()

    desk.answer("approve", sender="general@example.org")

    assert desk.post().state is PostState.ACCEPTED


def test_a_notice_that_comes_back_is_a_loop(desk: Desk) -> None:
    desk.hold()

    desk.town.hand_in(desk.asked[MOD].as_bytes())

    assert desk.town.last.result is Result.ROBOT


def test_neither_codes_nor_the_posting_password_are_shown(desk: Desk) -> None:
    desk.town.change(posting=Posting(password=Secret(literal="open-sesame"), hold_all=True))
    token = "confirm-" + "a" * 26
    desk.hold(To="general+open-sesame@example.org", X_Note=token)

    assert len(desk.asked) == 2
    for one in desk.asked.values():
        raw = one.as_bytes()
        assert b"open-sesame" not in raw
        assert token.encode() not in raw


def test_what_is_too_large_is_not_attached(desk: Desk) -> None:
    desk.town.hand_in(letter(1) + b"A line.\r\n" * 60_000)
    desk.asked = {str(one["To"]): one for one in desk.town.notices()}

    assert list(desk.asked[MOD].iter_attachments()) == []
    assert "too large" in text_of(desk.asked[MOD])


def test_a_flood_is_no_flood_of_mail(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(letters._MOST, Notice.HELD_POST, 3)
    for number in range(6):
        desk.town.write(str(number))

    found = [one for one in desk.town.notices() if one["To"] == MOD]

    assert ["last mail" in text_of(one) for one in found] == [False, False, True]


def test_a_flood_leaves_others_their_answers(desk: Desk) -> None:
    limited = desk.town.office.category.members.model_copy(update={"answers_per_day": 1})
    desk.town.change(members=limited)
    desk.hold()

    desk.town.write("help", BOB)

    assert desk.told() == [(BOB, "How to use General by mail")]


@pytest.mark.parametrize(
    ("author", "moderator", "is_kept"),
    [("open.example", "shut.example", True), ("shut.example", "open.example", False)],
)
def test_what_he_lets_out_is_from_whom_its_own_author_s_domain_allows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, author: str, moderator: str, is_kept: bool
) -> None:
    policies = {"open.example": Policy.NONE, "shut.example": Policy.REJECT}
    known = SimpleNamespace(of=lambda domains: {one: policies[one] for one in domains})
    monkeypatch.setattr(dmarc, "shared", known)
    desk.hold(sender=f"ann@{author}")

    desk.answer("approve", sender=f"mod@{moderator}")

    with desk.town.office.db.reading() as tx:
        query = "SELECT head FROM outgoing WHERE post_id IS NOT NULL"
        head = tx.exec_driver_sql(query).scalar_one()
    assert head.startswith(f"From: ann@{author}\r\n".encode()) is is_kept


def test_a_post_that_shows_a_code_is_from_whom_its_own_author_s_domain_allows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = {"open.example": Policy.NONE, "shut.example": Policy.REJECT}
    known = SimpleNamespace(of=lambda domains: {one: policies[one] for one in domains})
    monkeypatch.setattr(dmarc, "shared", known)
    desk.town.member("bob@shut.example")
    desk.hold(sender="ann@open.example")

    desk.answer("Look", sender="bob@shut.example", Subject="Look", In_Reply_To="")

    with desk.town.office.db.reading() as tx:
        query = "SELECT head FROM outgoing WHERE post_id IS NOT NULL"
        head = tx.exec_driver_sql(query).scalar_one()
    assert head.startswith(b'From: "bob via General" <general@example.org>')


def test_what_looks_like_a_robot_s_is_rejected_without_a_word(desk: Desk) -> None:
    for number in range(5):
        head = f"From: {BOB}\r\nSubject: Aw: Hello\r\nMessage-ID: <{number}@example.net>\r\n"
        desk.town.hand_in(f"{head}In-Reply-To: <x@example.net>\r\n\r\nI am away.\r\n".encode())
    [held] = [one for one in desk.posts() if one.state is PostState.HELD]
    desk.town.notices()

    with desk.town.office.db.transaction() as tx:
        actions.reject(tx, desk.town.office.category, held, "no")

    assert held.trail[-1]["rule"] == "repeated"
    assert BOB not in [to for to, _ in desk.told()]
