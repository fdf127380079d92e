"""Whatever the rules say of a post they hold, moderators and authors read in their languages."""

import email.policy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from listbridge import message
from listbridge.category import Moderation, Posting
from listbridge.intake.tally import Tally
from listbridge.message.authenticity import doubt
from listbridge.moderation.chain import judge
from listbridge.moderation.rules import Submission
from listbridge.notices import catalogue, reason, word
from listbridge.posting import HeaderRule
from listbridge.service import duties
from tests.fakes.office import letter
from tests.fakes.town import Town

ANN = "ann@example.net"
PLAIN = Submission(message.parse(letter(1, X_Flag="yes", X_Score="7")), Posting(), False, False)
MEMBER = replace(PLAIN, is_member=True)
EMPTY = letter(1).partition(b"\r\n\r\n")[0] + b"\r\n\r\n \r\n"


def _with(post: Submission = PLAIN, **posting: object) -> Submission:
    return replace(post, posting=Posting.model_validate(posting))


def _by(raw: bytes) -> Submission:
    return replace(PLAIN, message=message.parse(raw))


def _field(**rule: object) -> Submission:
    return _with(headers=(HeaderRule.model_validate(rule),))


def _attached() -> Submission:
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"] = ANN
    made.set_content("See there.")
    made.add_attachment(b"x", maintype="application", subtype="x-tar", filename="a.exe")
    return _by(made.as_bytes())


def _doubted(results: str, server: str) -> str:
    head = message.parse(letter(1, Authentication_Results=results)).head
    found = doubt(head, ANN, server)
    assert found is not None
    return found


DOUBTS = {
    "silent": _doubted("", ""),
    "silent server": _doubted("", "mx.example.org"),
    "failed": _doubted("mx; dmarc=fail", "mx"),
    "other domain": _doubted("mx; dmarc=pass header.from=example.com", "mx"),
    "nothing passed": _doubted("mx; spf=none", "mx"),
    "no server": "no server is named that could tell",
}
CASES = {
    "no author": _by(letter(1, From="")),
    "two authors": _by(letter(1, From="a@example.net, b@example.net")),
    "blocked": _with(block=("*@example.net",), blocked="hold"),
    "emergency": _with(hold_all=True),
    "size": _with(max_size=10),
    "empty": _by(EMPTY),
    "robot": replace(PLAIN, repetitions=9),
    "field missing": _field(name="X-Other", required=True),
    "field required": _field(name="X-Flag", matches="no", required=True),
    "field number": _field(name="X-Score", at_least=5),
    "field there": _field(name="X-Flag"),
    "field like": _field(name="X-Flag", matches="y*"),
    "attachments": _with(_attached(), max_attachments=0),
    "attachment blocked": _with(_attached(), block_attachments=(".exe",)),
    "attachment not allowed": _with(_attached(), allow_attachments=(".pdf",)),
    "many by the author": replace(_with(max_by_author="2 in 1h"), by_author=3),
    "many in the thread": replace(_with(max_in_thread="2 in 1h"), in_thread=3),
    "password": replace(PLAIN, shows_password=True),
    "announce": replace(PLAIN, kind="announce"),
    "first": _with(MEMBER, first_posts=1),
    "one of the first": _with(MEMBER, first_posts=3),
    "member": _with(MEMBER, members="hold"),
    "stranger": PLAIN,
} | {
    f"{mode}: {name}": replace(
        _with(MEMBER, authenticate=mode, authserv_id="mx", non_members="hold"), doubt=said
    )
    for name, said in DOUBTS.items()
    for mode in ("hold", "require")
}


@pytest.mark.parametrize("language", ["de", "fr"])
@pytest.mark.parametrize("case", CASES)
def test_a_moderator_reads_why_in_his_language_and_english_is_what_is_recorded(
    case: str, language: str
) -> None:
    recorded = judge(CASES[case]).reason

    told = reason(recorded, language, {})

    assert reason(recorded, "en", {}) == recorded
    assert told != recorded
    assert "$" not in told
    english = next((x for x in DOUBTS.values() if x in recorded), None)
    assert english is None or english not in told


def test_every_text_there_is_for_it_is_one_that_the_rules_say() -> None:
    own = {"xx": {"words": {name: name for name in catalogue.words("en")}}}

    told = {reason(judge(one).reason, "xx", own) for one in CASES.values()}

    assert told == {name for name in catalogue.words("en") if name.startswith("why-")}


def test_what_stands_in_it_is_told_as_it_is() -> None:
    told = reason(judge(CASES["blocked"]).reason, "de", {})

    assert told == "der Autor steht auf der Sperrliste (*@example.net)"


@pytest.mark.parametrize("language", ["en", "de", "fr"])
@pytest.mark.parametrize("case", CASES)
def test_an_author_reads_it_in_his_language_without_what_gets_past_the_rules(
    case: str, language: str
) -> None:
    rule = judge(CASES[case]).trail[-1]["rule"]

    if rule not in ("repeated", "in_doubt"):  # then nobody is told
        assert word(rule.replace("_", "-"), language, {})


def test_what_the_rules_did_not_say_is_told_as_it_is_recorded() -> None:
    assert reason("set aside by an older version", "de", {}) == "set aside by an older version"


@pytest.mark.parametrize("mail", ["each", "daily"])
def test_letter_and_summary_say_it_in_the_moderators_language(
    town: Town, at: Callable[[timedelta], None], mail: Any
) -> None:
    at(timedelta(0))
    town.change(language="fr", moderators=("mod@example.net",), moderation=Moderation(mail=mail))
    town.write("Bonjour", ANN)
    at(timedelta(days=1) if mail == "daily" else timedelta(0))
    duties.see_to(town.office.db, town.office.reader(Tally("general")))

    assert "l'auteur n'est pas membre" in town.text("mod@example.net")
