"""The table that says what a reply means."""

import pytest

from listbridge.submission.replies import Meaning, Reply, Step, rule_for, speaks_of_sender

ANYWHERE = tuple(Step)


@pytest.mark.parametrize(
    ("step", "code", "text", "meaning"),
    [
        (Step.MAIL, 250, "2.1.0 ok", Meaning.ACCEPTED),
        (Step.MAIL, 421, "4.3.2 shutting down", Meaning.CLOSING),
        (Step.MAIL, 503, "5.5.1 nested MAIL", Meaning.DISORDER),
        (Step.MAIL, 552, "too big", Meaning.PERMANENT),
        (Step.MAIL, 550, "5.3.4 too big", Meaning.PERMANENT),
        (Step.MAIL, 452, "4.3.1 insufficient storage", Meaning.ACCOUNT),
        (Step.MAIL, 451, "4.3.0 queue file write error", Meaning.ACCOUNT),
        (Step.MAIL, 451, "4.7.1 try later", Meaning.SENDER),
        (Step.MAIL, 553, "5.7.1 <a@b>: not owned by user c", Meaning.SENDER),
        (Step.RCPT, 250, "2.1.5 ok", Meaning.ACCEPTED),
        (Step.RCPT, 251, "will forward", Meaning.ACCEPTED),
        (Step.RCPT, 354, "what", Meaning.DISORDER),
        (Step.RCPT, 450, "4.2.0 greylisted", Meaning.TEMPORARY),
        (Step.RCPT, 450, "4.7.0 greylisted", Meaning.TEMPORARY),
        (Step.RCPT, 550, "5.1.1 unknown user", Meaning.PERMANENT),
        (Step.RCPT, 552, "5.2.2 mailbox full", Meaning.TEMPORARY),
        (Step.RCPT, 552, "5.3.4 too big for this mailbox", Meaning.PERMANENT),
        (Step.RCPT, 452, "4.5.3 too many recipients", Meaning.CROWDED),
        (Step.RCPT, 452, "Too many recipients received this hour", Meaning.CROWDED),
        (Step.RCPT, 452, "4.2.2 over quota, daily limit reached", Meaning.TEMPORARY),
        (Step.RCPT, 554, "5.7.1 <a@b>: Relay access denied", Meaning.TEMPORARY),
        (Step.RCPT, 421, "4.7.0 too many errors", Meaning.CLOSING),
        (Step.RCPT, 503, "5.5.1 need MAIL first", Meaning.DISORDER),
        (Step.DATA, 354, "go ahead", Meaning.ACCEPTED),
        (Step.DATA, 250, "ok?", Meaning.DISORDER),
        (Step.DATA, 451, "4.3.0 later", Meaning.TEMPORARY),
        (Step.DATA, 554, "5.5.1 no", Meaning.PERMANENT),
        (Step.END, 250, "2.0.0 daily limit 500, 3 used", Meaning.ACCEPTED),
        (Step.END, 354, "what", Meaning.DISORDER),
        (Step.END, 452, "4.3.1 full", Meaning.TEMPORARY),
        (Step.END, 552, "too big", Meaning.PERMANENT),
        (Step.END, 554, "5.2.252 SendAsDenied; x not allowed to send as y", Meaning.SENDER),
    ],
)
def test_a_reply_means_what_its_step_makes_of_it(
    step: Step, code: int, text: str, meaning: Meaning
) -> None:
    rule = rule_for(step, Reply(code, text))

    assert rule.meaning is meaning


@pytest.mark.parametrize("step", ANYWHERE)
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (530, "5.7.0 Must issue a STARTTLS command first"),
        (535, "5.7.8 bad credentials"),
        (534, "mechanism too weak"),
        (538, "encryption required"),
        (550, "5.7.8 credentials invalid"),
        (454, "4.7.0 temporary authentication failure"),
        (550, "5.4.5 Daily user sending limit exceeded"),
        (550, "5.1.90 you have reached your daily limit for message recipients"),
        (554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
        (450, "Number recipients per hour exceeded"),
        (421, "4.7.0 hourly quota used up"),
    ],
)
def test_login_and_quota_trouble_is_the_accounts_at_every_step(
    step: Step, code: int, text: str
) -> None:
    rule = rule_for(step, Reply(code, text))

    assert rule.meaning is Meaning.ACCOUNT
    assert rule.cure


@pytest.mark.parametrize("step", ANYWHERE)
def test_every_code_has_a_meaning_at_every_step(step: Step) -> None:
    meanings = {code: rule_for(step, Reply(code, "")).meaning for code in range(1000)}

    assert len(meanings) == 1000


@pytest.mark.parametrize(
    ("text", "of_sender"),
    [
        ("5.7.1 <a@b>: Sender address rejected: not logged in", True),
        ("5.7.1 <a@b>: Sender address rejected: not owned by user c", True),
        ("5.1.0 <a@b> sender rejected", True),
        ("5.1.1 <a@b>: Recipient address rejected: unknown user", False),
        ("5.7.1 rejected: the sender's mail looks like spam", False),
    ],
)
def test_only_words_about_the_sender_speak_of_the_sender(text: str, of_sender: bool) -> None:
    assert speaks_of_sender(Reply(550, text)) is of_sender


def test_words_are_one_bounded_line_without_controls() -> None:
    words = Reply(550, "5.1.1 no\r\nsuch\x1b[31m\u2028user " + "x" * 5000).words

    assert words.startswith("550 5.1.1 no such [31m user x")
    assert len(words) == 200


def test_a_long_hostile_reply_is_judged_all_the_same() -> None:
    # An expression that backtracks would not come back from these.
    near_misses = ("daily " * 10_000, "sender " * 10_000, "limit per " * 6_000)

    meanings = {rule_for(Step.RCPT, Reply(550, text)).meaning for text in near_misses}

    assert meanings == {Meaning.PERMANENT}
