"""The texts of notices: complete in each language, and whole where somebody changes them."""

from string import Template

import pytest

from listbridge.notices import catalogue
from listbridge.notices.catalogue import Notice

BUILT_IN = sorted(catalogue.languages({}))


def test_english_german_and_french_are_built_in() -> None:
    assert BUILT_IN == ["de", "en", "fr"]


@pytest.mark.parametrize("notice", Notice)
@pytest.mark.parametrize("language", BUILT_IN)
def test_every_language_has_every_notice_and_no_mistake(language: str, notice: Notice) -> None:
    texts = catalogue._built_in()[language]

    assert notice in texts
    assert catalogue.read({notice.value: texts[notice]})[1] == {}


@pytest.mark.parametrize("language", BUILT_IN)
def test_every_language_has_every_word(language: str) -> None:
    assert (
        catalogue._built_in()[language]["words"].keys()
        == catalogue._built_in()["en"]["words"].keys()
    )


@pytest.mark.parametrize("notice", Notice)
@pytest.mark.parametrize("language", BUILT_IN)
def test_a_translation_says_the_same_things(language: str, notice: Notice) -> None:
    said, english = (
        set(Template(catalogue.of(notice, x, {})["text"]).get_identifiers())
        for x in (language, "en")
    )

    assert said == english


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("de", "Willkommen bei $list"),
        ("de-AT", "Willkommen bei $list"),
        ("DE_ch", "Willkommen bei $list"),
        ("it", "Welcome to $list"),
        ("", "Welcome to $list"),
    ],
)
def test_a_language_without_texts_falls_back_to_english(language: str, subject: str) -> None:
    assert catalogue.of(Notice.WELCOME, language, {})["subject"] == subject


def test_a_text_of_one_s_own_goes_first_and_the_others_stay() -> None:
    own = {"it": {"welcome": {"subject": "Ciao", "text": "Ciao $member"}}}

    assert catalogue.of(Notice.WELCOME, "it", own)["subject"] == "Ciao"
    assert catalogue.of(Notice.GOODBYE, "it", own)["subject"] == "You have left $list"


@pytest.mark.parametrize(
    ("name", "texts", "place", "said"),
    [
        ("welcom", {}, ("welcom",), "there is no such notice"),
        ("welcome", "x", ("welcome",), "expected a table"),
        ("welcome", {"subject": "x"}, ("welcome",), "needs 'text' as well"),
        ("welcome", {"subject": "x", "text": "$nmae"}, ("welcome", "text"), "$nmae is not known"),
        ("welcome", {"subject": "x", "text": "$code"}, ("welcome", "text"), "$code is not known"),
        ("welcome", {"subject": "x", "text": "5 $ a"}, ("welcome", "text"), "write $$"),
        ("welcome", {"subject": "x", "text": "${list.__class__}"}, ("welcome", "text"), "$$"),
        ("welcome", {"subject": "x", "text": 5}, ("welcome", "text"), "in quotation marks"),
        ("welcome", {"subject": "x\ny", "text": "x"}, ("welcome", "subject"), "one line"),
        ("welcome", {"subject": "x", "text": "x", "htm": "x"}, ("welcome", "htm"), "expected"),
        ("confirm-subscribe", {"subject": "x", "text": "$code"}, None, "must hold $code"),
    ],
)
def test_a_mistake_is_said_and_the_notice_left_as_it_was(
    name: str, texts: object, place: tuple[str, ...] | None, said: str
) -> None:
    usable, wrong = catalogue.read({name: texts})

    assert usable == {}
    assert said in wrong[place or (name, "subject")]
