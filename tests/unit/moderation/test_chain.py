"""Who may post what: each rule by itself, and which of them has the last word."""

from dataclasses import dataclass
from typing import Any

import pytest

from listbridge import message
from listbridge.category import Posting
from listbridge.moderation import chain, rules
from listbridge.moderation.chain import judge
from listbridge.moderation.rules import Action, Submission
from tests.fakes.office import letter

DEFAULT = Posting()
TREATMENTS: tuple[Any, ...] = ("accept", "hold", "reject", "discard")


@dataclass
class Case:
    """A submission in few words."""

    raw: bytes = letter(1)
    member: bool = False
    approved: bool = False
    posting: Posting = DEFAULT

    def judged(self) -> tuple[str, str]:
        """Return the verdict and the rule that gave it."""
        verdict = judge(self.submission())
        return verdict.action.value, verdict.trail[-1]["rule"]

    def submission(self) -> Submission:
        """Return what the rules look at."""
        return Submission(message.parse(self.raw), self.posting, self.member, self.approved)


TINY = Posting(max_size=10)
EMPTY = letter(1).partition(b"\r\n\r\n")[0] + b"\r\n\r\n \r\n"
TWO_AUTHORS = letter(1, From="a@example.net, b@example.net")
NO_AUTHOR = letter(1, From="")


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_members_are_treated_as_the_category_says(treatment: Any) -> None:
    case = Case(member=True, posting=Posting(members=treatment, non_members="hold"))

    assert case.judged() == (treatment, "member")


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_everybody_else_is_treated_as_the_category_says(treatment: Any) -> None:
    case = Case(posting=Posting(members="hold", non_members=treatment))

    assert case.judged() == (treatment, "non_member")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case(), ("hold", "non_member")),
        (Case(member=True), ("accept", "member")),
        (Case(NO_AUTHOR), ("hold", "no_usable_author")),
        (Case(TWO_AUTHORS), ("hold", "no_usable_author")),
        (Case(member=True, posting=TINY), ("hold", "too_large")),
        (Case(EMPTY, member=True), ("hold", "empty")),
        # The order: what comes first in the chain wins.
        (Case(NO_AUTHOR, posting=Posting(non_members="accept")), ("hold", "no_usable_author")),
        (Case(NO_AUTHOR, posting=TINY), ("hold", "no_usable_author")),
        (Case(EMPTY, posting=TINY), ("hold", "too_large")),
        (Case(posting=Posting(non_members="discard", max_size=10)), ("hold", "too_large")),
        (Case(NO_AUTHOR, approved=True, posting=TINY), ("accept", "approved")),
        (Case(EMPTY, approved=True), ("accept", "approved")),
    ],
)
def test_the_first_rule_with_an_opinion_decides(case: Case, expected: tuple[str, str]) -> None:
    assert case.judged() == expected


def test_a_message_of_exactly_the_allowed_size_is_not_too_large() -> None:
    size = len(letter(1))
    fitting = Case(member=True, posting=Posting(max_size=size))
    over = Case(member=True, posting=Posting(max_size=size - 1))

    assert rules.too_large(fitting.submission()) is None
    assert over.judged() == ("hold", "too_large")


def test_the_reason_of_a_message_too_large_names_both_sizes() -> None:
    opinion = rules.too_large(Case(posting=TINY).submission())

    assert opinion is not None
    assert opinion.reason == f"{len(letter(1))} bytes, more than the 10 allowed"


def test_the_reason_of_a_message_without_author_says_what_is_wrong_with_it() -> None:
    verdict = judge(Case(TWO_AUTHORS).submission())

    assert verdict.reason == "no usable From: the From field names more than one author"


def test_the_trail_names_every_rule_that_was_asked() -> None:
    verdict = judge(Case(member=True).submission())

    asked = [x["rule"] for x in verdict.trail]
    assert asked == [rule.__name__ for rule in chain._CHAIN][: len(asked)]
    assert [x["verdict"] for x in verdict.trail] == ["pass"] * (len(asked) - 1) + ["accept"]
    assert asked[-1] == "member"
    assert verdict.trail[-1]["reason"] == verdict.reason == "the author is a member"


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("member", [True, False])
@pytest.mark.parametrize("raw", [letter(1), NO_AUTHOR, EMPTY])
def test_every_post_gets_a_verdict_with_a_reason(raw: bytes, member: bool, approved: bool) -> None:
    verdict = judge(Case(raw, member, approved).submission())

    assert verdict.action in Action
    assert verdict.reason


def test_every_rule_of_the_module_is_in_the_chain() -> None:
    written = {
        x
        for x in vars(rules).values()
        if callable(x) and getattr(x, "__module__", "") == rules.__name__
    }
    functions = {x for x in written if not isinstance(x, type)}

    assert functions == set(chain._CHAIN)
