"""Each sample of a report is read rightly, and nothing else is taken for one."""

from pathlib import Path

import pytest

from listbridge import bounces

SAMPLES = Path(__file__).parents[3] / "fixtures" / "messages"
NAMES = sorted(str(p.relative_to(SAMPLES).with_suffix("")) for p in SAMPLES.rglob("*.eml"))
GONE = ("gone@example.net", "permanent", "5.1.1")
STRICT = "strict@example.net"
ANGRY = ("angry@example.net", "complaint", None)
EXPECTED: dict[str, list[tuple[str | None, str, str | None]]] = {
    "bounce_of_bounce": [("daemon@exim.example.net", "permanent", "5.2.2")],
    "complaint_arf": [(None, "complaint", None)],
    "courier": [("gone@example.net", "permanent", "5.0.0")],
    "domino": [GONE],
    "dsn_failed": [GONE],
    "exchange": [("gone@example.net", "permanent", None)],
    "exim": [GONE],
    "exim_failed_recipients": [GONE, ("full@example.net", "permanent", "5.2.2")],
    "forwarded": [GONE],
    "gmail": [GONE],
    "gmail_policy": [(STRICT, "policy", "5.7.26")],
    "groupwise": [GONE],
    "jmrp_arf": [ANGRY],
    "microsoft365": [("gone@example.net", "permanent", "5.1.10")],
    "microsoft365_policy": [(STRICT, "policy", "5.7.509")],
    "no_null_sender": [GONE],
    "null_sender_postmaster": [("gone@example.net", "permanent", None)],
    "plain_blocklist": [(STRICT, "policy", "5.0.0")],
    "plain_words": [GONE],
    "postfix": [GONE],
    "postfix_delayed": [("slow@example.net", "temporary", "4.4.1")],
    "postfix_several": [
        GONE,
        ("full@example.net", "permanent", "5.2.2"),
        ("slow@example.net", "temporary", "4.2.0"),
    ],
    "qmail": [GONE],
    "sendmail": [GONE],
    "smtputf8": [("jürgen@example.net", "permanent", "5.1.1")],
    "yahoo": [GONE],
    "yahoo_arf": [ANGRY],
}
#: Old or short reports come back without the message, or without its head.
WITHOUT_ID = {
    *("complaint_arf", "dsn_failed", "exchange", "null_sender_postmaster"),
    *("plain_blocklist", "plain_words", "bounce_of_bounce"),
}


def _read(name: str) -> bounces.Report | None:
    return bounces.read((SAMPLES / f"{name}.eml").read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_each_sample_reports_what_it_says_and_no_more(name: str) -> None:
    report = _read(name)

    found = report.failures if report else ()
    expected = EXPECTED.get(name.removeprefix("bounces/"), [])
    assert {(x.recipient, x.class_.value, x.status) for x in found} == set(expected)
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - WITHOUT_ID))
def test_each_sample_names_the_message_that_came_back(name: str) -> None:
    report = _read(f"bounces/{name}")

    assert report is not None
    assert "<picnic-1@example.org>" in report.message_ids


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - {"null_sender_postmaster", "dsn_failed"}))
def test_most_samples_give_a_reason(name: str) -> None:
    report = _read(f"bounces/{name}")

    assert report is not None
    reasons = [x.reason for x in report.failures]
    assert any(reasons) or name == "bounce_of_bounce"
    assert all("\n" not in x and len(x) <= 300 for x in reasons)
    assert not any("lake" in x for x in reasons)  # what our own message says is no reason


def test_a_forwarded_recipient_is_known_by_both_addresses() -> None:
    report = _read("bounces/forwarded")

    assert report is not None
    assert report.failures[0].also == ("gone@new.example",)


def test_the_message_within_a_report_about_a_report_is_the_report() -> None:
    report = _read("bounces/bounce_of_bounce")

    assert report is not None
    assert report.message_ids == ("<postfix@mx.example.net>",)
