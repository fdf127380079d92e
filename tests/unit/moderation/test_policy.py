"""What each rule decides about members, strangers and those who run the list."""

from datetime import timedelta
from typing import Any

import pytest

from listbridge import message
from listbridge.category import Category, Posting
from listbridge.moderation.chain import Verdict, judge
from listbridge.moderation.rules import Submission
from listbridge.posting import HeaderRule, Rate
from tests.fakes.office import letter

HOUR = Rate(20, timedelta(hours=1), "1h")
SPAM = letter(1, X_Spam_Flag="YES")
REFUSALS: tuple[Any, ...] = ("hold", "reject", "discard")
TREATMENTS: tuple[Any, ...] = ("accept", *REFUSALS)


def with_files(*named: str) -> bytes:
    """Make a letter with empty-handed files: `name` or `name;type`."""
    parts = "".join(
        f"--b\r\nContent-Type: {one.partition(';')[2] or 'application/octet-stream'}\r\n"
        f'Content-Disposition: attachment; filename="{one.partition(";")[0]}"\r\n\r\nx\r\n'
        for one in named
    )
    head = letter(1, Content_Type='multipart/mixed; boundary="b"').partition(b"\r\n\r\n")[0]
    return head + f"\r\n\r\n--b\r\n\r\nHello.\r\n{parts}--b--\r\n".encode()


#: Each person as the rules see him.
PEOPLE: dict[str, dict[str, Any]] = {
    "member": {"is_member": True},
    "stranger": {"is_member": False},
    "owner": {"is_member": False, "is_staff": True},
    "member who owns": {"is_member": True, "is_staff": True},
}


def judged(person: str, posting: Posting, raw: bytes = b"", **facts: Any) -> Verdict:
    """Judge a letter of Ann's, as one of the people."""
    told = {"approved": False, **PEOPLE[person], **facts}
    return judge(Submission(message.parse(raw or letter(1)), posting, **told))


def decided(verdict: Verdict) -> tuple[str, str]:
    """Return what was decided, and by which rule."""
    return verdict.action.value, verdict.trail[-1]["rule"]


#: What everybody is refused for, whoever he is: settings, letter, facts, rule.
FOR_EVERYBODY: dict[str, tuple[dict[str, Any], bytes, dict[str, Any], str]] = {
    "an address": ({"block": ["ann@example.net"], "blocked": "ACTION"}, b"", {}, "blocked"),
    "a domain": ({"block": ["example.net"], "blocked": "ACTION"}, b"", {}, "blocked"),
    "a pattern": ({"block": ["a*@*.net"], "blocked": "ACTION"}, b"", {}, "blocked"),
    "a field": (
        {"headers": [{"name": "X-Spam-Flag", "matches": "YES", "action": "ACTION"}]},
        SPAM,
        {},
        "header_fields",
    ),
    "too many files": (
        {"max_attachments": 1, "attachments": "ACTION"},
        with_files("a.txt", "b.txt"),
        {},
        "too_many_attachments",
    ),
    "a kind of file": (
        {"block_attachments": [".exe"], "attachments": "ACTION"},
        with_files("a.EXE"),
        {},
        "unwanted_attachment",
    ),
    "another kind": (
        {"allow_attachments": [".pdf", "image/*"], "attachments": "ACTION"},
        with_files("a.pdf", "b.docx"),
        {},
        "unwanted_attachment",
    ),
}


def configured(settings: dict[str, Any], action: str = "hold") -> Posting:
    """Make the settings with an action in its place."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        return action if value == "ACTION" else value

    return Posting.model_validate(filled(settings))


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("action", REFUSALS)
@pytest.mark.parametrize("case", FOR_EVERYBODY)
def test_what_nobody_may_do_ends_as_the_category_says(case: str, action: str, person: str) -> None:
    settings, raw, facts, rule = FOR_EVERYBODY[case]

    verdict = judged(person, configured(settings, action), raw, **facts)

    assert decided(verdict) == (action, rule)
    assert verdict.reason


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize(
    ("settings", "facts", "rule"),
    [
        ({"hold_all": True}, {}, "all_held"),
        ({"max_by_author": HOUR}, {"by_author": 20}, "too_many_by_author"),
        ({"max_in_thread": HOUR}, {"in_thread": 20}, "too_many_in_thread"),
    ],
)
def test_emergencies_and_breakers_hold_everybody(
    settings: dict[str, Any], facts: dict[str, Any], rule: str, person: str
) -> None:
    assert decided(judged(person, Posting(**settings), **facts)) == ("hold", rule)


@pytest.mark.parametrize(
    ("settings", "facts"),
    [
        ({"max_by_author": HOUR}, {"by_author": 19}),
        ({"max_in_thread": HOUR}, {"in_thread": 19}),
        ({"first_posts": 2}, {"accepted_before": 2}),
        ({"block": ["example.org", "bob@example.net"]}, {}),
        ({"max_attachments": 0}, {}),
        ({"block_attachments": [".exe"]}, {}),
        ({"allow_attachments": [".pdf"]}, {}),
        ({"headers": [HeaderRule(name="X-Spam-Flag", matches="YES")]}, {}),
    ],
)
def test_below_each_limit_a_member_posts(settings: dict[str, Any], facts: dict[str, Any]) -> None:
    assert decided(judged("member", Posting(**settings), **facts)) == ("accept", "member")


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("person", ["owner", "member who owns"])
def test_those_who_run_the_list_may_always_post(person: str, treatment: Any) -> None:
    posting = Posting(members=treatment, non_members=treatment, first_posts=3)

    assert decided(judged(person, posting, kind="announce")) == ("accept", "staff")


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("person", ["member", "stranger"])
def test_the_allow_list_opens_what_is_closed(person: str, treatment: Any) -> None:
    posting = Posting(members=treatment, non_members=treatment, allow=("*.net",))

    assert decided(judged(person, posting, kind="announce")) == ("accept", "allowed")


def test_the_block_list_is_stronger_than_the_allow_list() -> None:
    posting = Posting(allow=("ann@example.net",), block=("example.net",))

    assert decided(judged("owner", posting)) == ("discard", "blocked")


@pytest.mark.parametrize("kind", ["announce", "newsletter"])
@pytest.mark.parametrize("treatment", REFUSALS)
@pytest.mark.parametrize(("person", "key"), [("member", "members"), ("stranger", "non_members")])
def test_where_only_some_announce_the_others_are_told_so(
    kind: str, treatment: str, person: str, key: str
) -> None:
    verdict = judged(person, Posting.model_validate({key: treatment}), kind=kind)

    assert decided(verdict) == (treatment, "announce_only")
    assert kind in verdict.reason


@pytest.mark.parametrize(("person", "key"), [("member", "members"), ("stranger", "non_members")])
def test_an_announce_list_may_be_opened_all_the_same(person: str, key: str) -> None:
    verdict = judged(person, Posting.model_validate({key: "accept"}), kind="announce")

    assert verdict.action == "accept"


@pytest.mark.parametrize(("person", "key"), [("member", "members"), ("stranger", "non_members")])
@pytest.mark.parametrize("treatment", TREATMENTS)
def test_first_posts_are_held_only_of_those_who_may_post(
    treatment: str, person: str, key: str
) -> None:
    posting = Posting.model_validate({key: treatment, "first_posts": 1})

    expected = ("hold", "first_posts") if treatment == "accept" else (treatment, key.rstrip("s"))
    assert decided(judged(person, posting)) == expected


@pytest.mark.parametrize("non_members", TREATMENTS)
@pytest.mark.parametrize("person", ["member", "owner", "member who owns"])
@pytest.mark.parametrize("demand", ["hold", "require"])
def test_a_trusted_author_in_doubt_is_not_trusted(
    demand: Any, person: str, non_members: Any
) -> None:
    posting = Posting(authenticate=demand, non_members=non_members)

    verdict = judged(person, posting, doubt="DMARC failed")

    expected = "hold" if demand == "hold" else non_members
    assert decided(verdict) == (expected, "in_doubt")
    assert "DMARC failed" in verdict.reason


def test_the_allow_list_trusts_nobody_in_doubt() -> None:
    posting = Posting(authenticate="require", non_members="reject", allow=("example.net",))

    assert decided(judged("stranger", posting, doubt="DMARC failed")) == ("reject", "in_doubt")


def test_a_stranger_in_doubt_is_a_stranger() -> None:
    verdict = judged("stranger", Posting(authenticate="hold"), doubt="DMARC failed")

    assert decided(verdict) == ("hold", "non_member")


@pytest.mark.parametrize("person", PEOPLE)
def test_what_was_handed_in_as_approved_passes_everything(person: str) -> None:
    posting = Posting(
        hold_all=True,
        block=("example.net",),
        headers=(HeaderRule(name="From"),),
        authenticate="require",
    )

    verdict = judged(person, posting, approved=True, doubt="DMARC failed")

    assert decided(verdict) == ("accept", "approved")


#: Fields as filters write them, and the rule that finds them; docs/policy.md names the sources.
FILTERS = [
    ("X-Spam-Flag: YES", {"name": "X-Spam-Flag", "matches": "YES"}, True),
    (
        "X-Spam-Status: Yes, score=7.9 required=5.0 tests=EMPTY_MESSAGE,MISSING_DATE,\r\n"
        "\tNO_RELAYS autolearn=no version=3.4.0",
        {"name": "X-Spam-Status", "behind": "score=", "at_least": 5.0},
        True,
    ),
    (
        "X-Spam-Status: No, score=-1.9 required=5.0 tests=BAYES_00",
        {"name": "X-Spam-Status", "behind": "score=", "at_least": -1.8},
        False,
    ),
    ("X-Spam-Level: *******", {"name": "X-Spam-Level", "matches": r"\*\*\*\*\**"}, True),
    ("X-Spam-Level: ***", {"name": "X-Spam-Level", "matches": r"\*\*\*\*\**"}, False),
    ("X-Spam: Yes", {"name": "X-Spam", "matches": "Yes"}, True),
    ("X-Rspamd-Score: 12.314971", {"name": "X-Rspamd-Score", "at_least": 6}, True),
    ("X-Rspamd-Score: -0.889991", {"name": "X-Rspamd-Score", "at_least": 6}, False),
    (
        "X-Forefront-Antispam-Report: CIP:192.0.2.1;CTRY:;LANG:hr;SCL:5;SRV:;IPV:NLI;SFV:SPM;",
        {"name": "X-Forefront-Antispam-Report", "behind": ";SCL:", "at_least": 5},
        True,
    ),
    (
        "X-Forefront-Antispam-Report: CIP:192.0.2.1;CTRY:;LANG:hr;SCL:-1;SRV:;SFV:SKN;",
        {"name": "X-Forefront-Antispam-Report", "behind": ";SCL:", "at_least": 5},
        False,
    ),
    ("X-Gm-Spam: 1", {"name": "X-Gm-Spam", "matches": "1"}, True),
    ("X-Gm-Spam: 0", {"name": "X-Gm-Spam", "matches": "1"}, False),
]


@pytest.mark.parametrize(("field", "rule", "is_spam"), FILTERS)
def test_what_spam_filters_say_is_found(field: str, rule: dict[str, Any], is_spam: bool) -> None:
    posting = Posting.model_validate({"headers": [rule]})

    verdict = judged("member", posting, field.encode() + b"\r\n" + letter(1))

    assert (verdict.action == "hold") is is_spam


FLAG = b"X-Spam-Flag: %s\r\n"


@pytest.mark.parametrize(
    ("fields", "required", "applies"),
    [
        ((b"NO", b"YES"), False, True),  # what the sender wrote himself harms only him
        ((b"NO",), False, False),
        ((), False, False),
        ((b"YES", b"NO"), True, False),
        ((b"NO", b"YES"), True, True),  # only the last server's word is worth anything
        ((), True, True),
    ],
)
def test_a_required_value_counts_on_top_and_a_forbidden_one_anywhere(
    fields: tuple[bytes, ...], required: bool, applies: bool
) -> None:
    rule = HeaderRule(name="x-spam-flag", matches="YES", required=required)
    raw = b"".join(FLAG % one for one in fields) + letter(1)

    assert (judged("member", Posting(headers=(rule,)), raw).action == "hold") is applies


def test_the_first_header_rule_that_applies_decides() -> None:
    rules = [
        {"name": "X-Spam-Flag", "matches": "NO", "action": "hold"},
        {"name": "X-Spam-Flag", "matches": "Y*", "action": "reject"},
        {"name": "X-Spam-Flag", "action": "discard"},
    ]

    verdict = judged("member", Posting.model_validate({"headers": rules}), SPAM)

    assert verdict.action == "reject"


ATTACHED = (
    letter(1, Content_Type='multipart/mixed; boundary="o"').partition(b"\r\n\r\n")[0]
    + b"\r\n\r\n--o\r\n\r\nSee below.\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n"
    + with_files("deep.exe")
    + b"\r\n--o--\r\n"
)


@pytest.mark.parametrize(
    "raw",
    [
        with_files("a.txt", "b.exe"),
        with_files("b.exe."),
        with_files("b.exe "),
        with_files('b.txt;application/octet-stream; name="b.exe"'),
        with_files("b.txt;application/octet-stream; name*=utf-8''b%2Eexe"),
        ATTACHED,
    ],
)
def test_a_blocked_kind_is_found_by_any_of_its_names(raw: bytes) -> None:
    verdict = judged("member", Posting(block_attachments=(".exe",)), raw)

    assert decided(verdict) == ("hold", "unwanted_attachment")


@pytest.mark.parametrize(
    "raw",
    [
        with_files("a.pdf", "b.txt"),
        with_files('a.pdf;application/pdf; name="a.scr"'),
        with_files("noname;application/x-sh"),
        ATTACHED,
    ],
)
def test_an_allow_list_of_kinds_lets_nothing_else_in(raw: bytes) -> None:
    verdict = judged("member", Posting(allow_attachments=(".pdf", "text/*")), raw)

    assert decided(verdict) == ("hold", "unwanted_attachment")


def test_bodies_and_allowed_kinds_are_no_trouble() -> None:
    raw = with_files("a.PDF", "b;image/png")
    posting = Posting(allow_attachments=(".pdf", "image/*"))

    assert judged("member", posting, raw).action == "accept"


def test_an_ordinary_category_knows_its_staff_by_their_addresses() -> None:
    category = Category(
        slug="x",
        address="x@example.org",
        owners=("Ann@example.net",),
        moderators=("bob@example.net",),
    )

    assert category.staff == {"ann@example.net", "bob@example.net"}


def test_to_a_discussion_an_owner_writes_like_anybody_else() -> None:
    assert decided(judged("owner", Posting())) == ("hold", "non_member")
    assert decided(judged("owner", Posting(), kind="announce")) == ("accept", "staff")
