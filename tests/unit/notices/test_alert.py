"""What an alert says."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from listbridge.notices import Condition, Ended, What, alert

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def _condition(subject: str = "general", sentence: str = "It says no.") -> Condition:
    return Condition(What.LOGIN, subject, NOW, sentence, f"run `listbridge check {subject}`.")


def test_it_says_what_is_wrong_since_when_and_what_to_do() -> None:
    subject, text = alert(new=[_condition()], still=[], over=[])

    assert subject == "[listbridge] general: the mailbox refuses the login"
    assert text.startswith(
        "== New ==\n\n"
        "general: the mailbox refuses the login\n"
        "  It says no.\n"
        "  Known since 2026-11-01 12:00 UTC.\n"
        "  What to do: run `listbridge check general`.\n\n"
    )


@pytest.mark.parametrize(
    ("new", "still", "over", "expected"),
    [
        (0, 1, 0, "still: general: the mailbox refuses the login"),
        (0, 0, 1, "over: general: the mailbox refuses the login"),
        (2, 0, 0, "alerts: 2 new"),
        (1, 2, 3, "alerts: 1 new, 2 still so, 3 over"),
    ],
)
def test_the_subject_names_one_thing_and_counts_several(
    new: int, still: int, over: int, expected: str
) -> None:
    ended = Ended(What.LOGIN, "general", NOW)

    subject, _ = alert(new=[_condition()] * new, still=[_condition()] * still, over=[ended] * over)

    assert subject == f"[listbridge] {expected}"


def test_no_command_is_broken_over_two_lines() -> None:
    for length in range(40, 80):
        cure = "x" * length + " then `listbridge check general`."
        _, text = alert(new=[replace(_condition(), cure=cure)], still=[], over=[])
        assert "`listbridge check general`" in text


def test_what_is_over_is_said_to_be() -> None:
    _, text = alert(new=[], still=[], over=[Ended(What.DISK, "", NOW)])

    assert "== Over ==\n\nthe database's disk is nearly full  (told 2026-11-01 12:00 UTC)" in text


def test_of_very_many_each_is_named() -> None:
    many = [_condition(f"c{number}") for number in range(5000)]

    _, text = alert(new=many, still=[], over=[])

    assert all(f"c{number}: the mailbox refuses the login\n" in text for number in range(5000))
    assert text.count("What to do:") == 50


def test_what_a_server_said_cannot_look_like_our_own_words() -> None:
    _, text = alert(new=[_condition(sentence="no\r\n== Over ==\0\x1b[2J")], still=[], over=[])

    assert text.count("\n== ") == 0
    assert "\x1b" not in text


def test_every_sort_of_alert_has_a_title() -> None:
    for what in What:
        subject, _ = alert(new=[], still=[], over=[Ended(what, "general", NOW)])
        assert subject.startswith("[listbridge] over: ")
