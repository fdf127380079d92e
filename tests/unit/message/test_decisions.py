"""What a moderator's answer says, however his mail program quotes, and when it says nothing."""

import pytest

from listbridge.message.decisions import Answer, Decision, read
from listbridge.message.own_words import own_words
from listbridge.message.parse import ParsedMessage, parse

TOKEN = "confirm-mfrggzdfmztwq2lknnwg23tpoa"
WORDS = {
    "approve": Decision.APPROVE,
    "freigeben": Decision.APPROVE,
    "approve always": Decision.LET_IN,
    "toujours accepter": Decision.LET_IN,
    "reject": Decision.REJECT,
    "ablehnen": Decision.REJECT,
    "discard": Decision.DISCARD,
}
OURS = (
    f"Please answer above this line ({TOKEN}).",
    "",
    "A post waits:",
    "    | approve it, says its author",
    f"    approve (it goes out): <mailto:g@example.org?subject=approve%20{TOKEN}>",
    "",
    f"The code is good until then ({TOKEN}).",
)
QUOTED = "\n".join(f"> {line}".rstrip() for line in OURS)
BARE = "\n".join(OURS)
HTML = "".join(f"<p>{line.replace('<', '&lt;')}</p>" for line in OURS)
OUTLOOK = f"""From: General <general@example.org>
Sent: Saturday, 21 November 2026 10:00
To: Mod
Subject: Waiting on General ({TOKEN})

{BARE}"""
GERMAN_OUTLOOK = f"""________________________________
Von: General <general@example.org>
Gesendet: Samstag, 21. November 2026 10:00
An: Mod
Betreff: Wartet bei General ({TOKEN})

{BARE}"""
FRENCH_OUTLOOK = f"""De : General <general@example.org>
Envoyé : samedi 21 novembre 2026 10:00
À : Mod
Objet : En attente sur General ({TOKEN})

{BARE}"""
GMX = f"""Gesendet: Samstag, 21. November 2026 um 10:00
Von: "General" <general@example.org>
An: mod@gmx.example
Betreff: Wartet bei General ({TOKEN})

{BARE}"""
ON_A_DAY = "On Sat, 21 Nov 2026 at 10:00, General <general@example.org>\nwrote:"
AM_TAG = "Am 21.11.2026 um 10:00 schrieb General:"
LE_JOUR = "Le sam. 21 nov. 2026 à 10:00, General <general@example.org> a écrit :"

#: One answer, as each kind of mail program sends it.
SHAPES = {
    "top": f"{{}}\n\n{ON_A_DAY}\n\n{QUOTED}\n",
    "top without a blank line": f"{{}}\n{AM_TAG}\n{QUOTED}\n",
    "top in French": f"{{}}\n\n{LE_JOUR}\n{QUOTED}\n",
    "bottom": f"{ON_A_DAY}\n{QUOTED}\n\n{{}}\n",
    "signature": f"{{}}\n\n-- \nMod\nChief of things\n\n{AM_TAG}\n{QUOTED}\n",
    "bottom with signature": f"{QUOTED}\n\n{{}}\n\n-- \nMod\n",
    "outlook": f"{{}}\n\n{OUTLOOK}\n",
    "outlook in German": f"{{}}\n\n{GERMAN_OUTLOOK}\n",
    "outlook in French": f"{{}}\n\n{FRENCH_OUTLOOK}\n",
    "gmx": f"{{}}\n\n{GMX}\n",
    "telephone of Apple": f"\ufeff{{}}\n\n\ufeff{AM_TAG}\n\ufeff{QUOTED}\n",
    "original message": f"{{}}\n\n-----Original Message-----\n{OUTLOOK}\n",
    "not marked at all": f"{{}}\n\n{BARE}\n",
    "not marked, below": f"{BARE}\n\n{{}}\n",
    "nothing quoted": "{}\n",
}
HTML_SHAPES = {
    "top": f"<div>{{}}</div><br><div>{ON_A_DAY}</div><blockquote>{HTML}</blockquote>",
    "bottom": f"<blockquote>{HTML}</blockquote><div>{{}}</div>",
}


def mail(text: str, subject: str = f"Re: Waiting ({TOKEN})", kind: str = "plain") -> ParsedMessage:
    head = f"From: a@example.net\nSubject: {subject}\nContent-Type: text/{kind}; charset=utf-8\n\n"
    return parse((head + text).encode())


@pytest.mark.parametrize("shape", SHAPES)
def test_only_what_he_wrote_himself_is_read(shape: str) -> None:
    told = "Reject\nNot on topic.\n\nPlease write elsewhere."

    assert own_words(mail(SHAPES[shape].format(told))) == told


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("word", ["approve", "Freigeben.", "APPROVE, thanks"])
def test_the_first_word_decides(shape: str, word: str) -> None:
    assert read(mail(SHAPES[shape].format(word)), WORDS) == Answer(Decision.APPROVE)


@pytest.mark.parametrize("shape", HTML_SHAPES)
def test_an_answer_in_html_only_is_read_as_well(shape: str) -> None:
    told = HTML_SHAPES[shape].format("<b>Ablehnen</b>: nicht hier.<br>Und so nicht.")

    assert read(mail(told, kind="html"), WORDS) == Answer(
        Decision.REJECT, "nicht hier.\nUnd so nicht."
    )


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("reject", None),
        ("Reject: off topic", "off topic"),
        ("reject\noff topic\n\nsee you", "off topic\n\nsee you"),
        ("Reject this, it is not for us.", "this, it is not for us."),
    ],
)
def test_a_reason_is_what_stands_behind_the_word(text: str, note: str | None) -> None:
    assert read(mail(text), WORDS) == Answer(Decision.REJECT, note)


@pytest.mark.parametrize("text", ["Approve always", "approve ALWAYS!", "toujours accepter"])
def test_two_words_let_the_author_in(text: str) -> None:
    assert read(mail(text), WORDS) == Answer(Decision.LET_IN)


@pytest.mark.parametrize(
    "text",
    [
        "Please approve",
        "Yes, approve this.",
        "Bitte freigeben!",
        "Ja bitte, freigeben. Danke!",
        "OK: approve",
        "“Approve”",
        "Approve as it is",
    ],
)
def test_what_people_say_out_of_politeness_changes_nothing(text: str) -> None:
    assert read(mail(text), WORDS) == Answer(Decision.APPROVE)


@pytest.mark.parametrize("text", ["Bitte ablehnen: nicht hier", "Reject: nicht hier"])
def test_before_a_reason_neither(text: str) -> None:
    assert read(mail(text), WORDS) == Answer(Decision.REJECT, "nicht hier")


@pytest.mark.parametrize(
    "note", ["why us?", "We do not approve of ads. Why here?", "Is that if he asks?"]
)
def test_a_reason_may_ask_and_use_any_word(note: str) -> None:
    assert read(mail(f"Reject: {note}"), WORDS) == Answer(Decision.REJECT, note)
    assert read(mail(f"Reject.\n{note}"), WORDS) == Answer(Decision.REJECT, note)


def test_an_umlaut_of_two_signs_is_one() -> None:
    words = {"zurückweisen": Decision.REJECT}

    assert read(mail("Zuru\u0308ckweisen"), words) == Answer(Decision.REJECT)


def test_a_sentence_behind_the_word_lets_nobody_in() -> None:
    assert read(mail("Approve. Always good to read her."), WORDS) == Answer(Decision.APPROVE)


@pytest.mark.parametrize("text", ["Discard, it is spam", "Discard this please, thanks Ann"])
def test_why_it_is_discarded_may_stand_beside_the_word(text: str) -> None:
    assert read(mail(text), WORDS) == Answer(Decision.DISCARD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thank you",
        "I approve",
        "Approve? No!",
        "approve not",
        "Freigeben? Eher nicht.",
        "Reject? Why?",
        "approved",
        "I am on holiday until Monday.\napprove",
        "> approve",
        "| approve",
        "Reject it?",
        "Reject, or what do you think?",
        "Ablehnen oder lieber doch nicht?",
        "approve or reject",
        "Reject / approve",
        "Ablehnen oder freigeben, mir ist es gleich",
        "approve didn't work",
        "Approve doesn’t work for me",
        "freigeben geht bei mir nicht",
        "Reject would be harsh.",
        "Ablehnen wäre zu hart",
        '"reject" is no word for that',
        "„Ablehnen“ hat nichts bewirkt",
        "Approve if he takes the link out",
        "Freigeben, sobald der Anhang weg ist",
        "Freigeben vielleicht später",
        "Please, what does approve do?",
        "approve: always late!",
        "Approve only the first one",
        "Approve tomorrow",
        "Approve, but without the attachment",
        "Approve. But take the telephone number out",
        "Approve: out of the question",
        "Approve - wait, it is spam",
        "Approve\nNo wait, don't",
        "Approve must be done by Ann",
        "Approve requests go to Ann this week",
        "Freigeben nach Rücksprache mit Anna",
        "Freigeben darf das der Vorstand",
        "Freigeben am Montag",
        "Toujours accepter serait une erreur",
        "Discard me from the moderators",
        "Yes",
    ],
)
def test_what_is_not_beyond_doubt_decides_nothing(text: str) -> None:
    assert read(mail(text), WORDS) is None


@pytest.mark.parametrize(
    ("subject", "text", "answer"),
    [
        (f"approve {TOKEN}", "", Answer(Decision.APPROVE)),
        (f"Approve always {TOKEN}", "Sent from my phone", Answer(Decision.LET_IN)),
        (f"reject {TOKEN}", "Off topic.", Answer(Decision.REJECT, "Off topic.")),
        (f"reject {TOKEN}", "Please, not here.", Answer(Decision.REJECT, "Please, not here.")),
        (f"reject {TOKEN}", "Approve of it we do", Answer(Decision.REJECT, "Approve of it we do")),
        ("approve", QUOTED, Answer(Decision.APPROVE)),
        (f"approve {TOKEN}", "Reject, this is spam", None),
        (f"approve {TOKEN}", "Or rather not?", None),
        (f"discard {TOKEN}", "Or is it by somebody we know?", None),
        (f"discard {TOKEN}", "Approve this after all", None),
        (f"approve {TOKEN}", "Remove the attachment first.", None),
        (f"reject {TOKEN}", "approve", None),
        (f"Re: approve {TOKEN}", "", None),
        (f"approve the budget {TOKEN}", "", None),
        (f"Re: Waiting on General: approve ({TOKEN})", "", None),
    ],
)
def test_a_subject_counts_that_is_nothing_but_a_decision(
    subject: str, text: str, answer: Answer | None
) -> None:
    assert read(mail(text, subject), WORDS) == answer
