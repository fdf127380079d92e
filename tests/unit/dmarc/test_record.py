"""One policy record."""

import pytest

from listbridge.dmarc.record import Policy, Record, the_one

NONE, QUARANTINE, REJECT = Policy.NONE, Policy.QUARANTINE, Policy.REJECT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1; p=reject", Record(REJECT, REJECT, REJECT, "u")),
        ("v=DMARC1;p=none;sp=quarantine", Record(NONE, QUARANTINE, QUARANTINE, "u")),
        ("v=DMARC1; p=none; np=reject", Record(NONE, NONE, REJECT, "u")),
        ("v=DMARC1; p=none; sp=quarantine; np=none", Record(NONE, QUARANTINE, NONE, "u")),
        ("V = DMARC1 ; P = Reject ; PSD=Y;", Record(REJECT, REJECT, REJECT, "y")),
        ("v=DMARC1; rua=mailto:x@example.org; psd=n", Record(NONE, NONE, NONE, "n")),
        ("v=DMARC1", Record(NONE, NONE, NONE, "u")),
        ("v=DMARC1; p=banish; sp=; psd=x; other; =; p=reject", Record(NONE, NONE, NONE, "u")),
        # A test of a policy asks those who change mail on its way to rewrite From.
        ("v=DMARC1; p=quarantine; t=y", Record(QUARANTINE, QUARANTINE, QUARANTINE, "u")),
        ("v=DMARC1; p=reject; pct=0", Record(REJECT, REJECT, REJECT, "u")),
    ],
)
def test_a_record_says_what_its_tags_say(text: str, expected: Record) -> None:
    assert the_one(["some other text", text]) == expected


@pytest.mark.parametrize(
    "text", ["", "v=spf1 -all", "v=dmarc1; p=reject", "p=reject; v=DMARC1", "v=DMARC12; p=reject"]
)
def test_what_does_not_begin_with_the_version_is_no_record(text: str) -> None:
    assert the_one([text]) is None


def test_several_records_count_as_none() -> None:
    assert the_one(["v=DMARC1; p=reject", "v=DMARC1; p=reject"]) is None


@pytest.mark.parametrize("policy", Policy)
def test_only_none_and_absence_let_others_write(policy: Policy) -> None:
    assert policy.lets_others_write is (policy in (Policy.NONE, Policy.ABSENT))
