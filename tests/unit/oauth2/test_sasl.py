"""How a token is shown to a mail server, and what is made of its answers."""

import base64
import json

import pytest

from listbridge.oauth2 import AccessToken
from listbridge.oauth2.sasl import Exchange, exchange

TOKEN = AccessToken("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")


def begun(*offered: str, username: str = "someuser@example.com") -> Exchange:
    found = exchange(offered, username, TOKEN, "imap.example.com", 143)
    assert found is not None
    return found


def test_xoauth2_is_as_google_documents_it() -> None:
    assert begun("XOAUTH2").first == (
        b"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhk"
        b"SFJoZG1semRHRXVZMjl0Q2cBAQ=="
    )


def test_oauthbearer_is_as_rfc_7628_has_it() -> None:
    sent = base64.b64decode(begun("OAUTHBEARER").first).decode().split("\1")

    server = ["host=imap.example.com", "port=143"]
    assert sent == ["n,a=someuser@example.com,", *server, f"auth=Bearer {TOKEN.text}", "", ""]


def test_a_comma_in_a_name_is_escaped_in_oauthbearer() -> None:
    sent = base64.b64decode(begun("OAUTHBEARER", username="a,b=c").first)
    assert sent.startswith(b"n,a=a=2Cb=3Dc,\1")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("PLAIN", "OAUTHBEARER", "XOAUTH2"), "XOAUTH2"),
        (("plain", "oauthbearer"), "OAUTHBEARER"),
        (("PLAIN", "LOGIN"), None),
        ((), None),
    ],
)
def test_the_mechanism_is_one_that_is_offered(offered: tuple[str, ...], chosen: str | None) -> None:
    found = exchange(offered, "u", TOKEN, "h", 1)
    assert (found and found.mechanism) == chosen


@pytest.mark.parametrize(("mechanism", "word"), [("XOAUTH2", b""), ("OAUTHBEARER", b"AQ==")])
def test_the_servers_reason_is_answered_as_the_mechanism_wants(mechanism: str, word: bytes) -> None:
    one = begun(mechanism)

    assert one.answer(b"") == one.first
    assert one.answer(base64.b64encode(b'{"status":"401","schemes":"Bearer"}')) == word
    assert one.complaint == " (401)"


@pytest.mark.parametrize(
    "reason", ["{", "[]", "7", '{"status": 7}', '{"status": "ya29.x"}', '{"status": null}', "\xff"]
)
def test_words_that_could_be_anything_are_not_shown(reason: str) -> None:
    one = begun("XOAUTH2")

    assert one.answer(base64.b64encode(reason.encode("latin-1"))) == b""
    assert one.complaint == ""


def test_a_server_that_never_ends_is_left() -> None:
    one = begun("XOAUTH2")

    said = [one.answer(b""), one.answer(b"")]

    assert said == [one.first, b"*"]
    with pytest.raises(ValueError, match="after the end"):
        one.answer(b"")


def test_what_is_no_base64_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"base64|padding"):
        begun("XOAUTH2").answer(b"!!!")


def test_every_form_in_which_the_token_is_sent_is_known() -> None:
    forms = TOKEN.spellings("someuser@example.com", "imap.example.com", 143)

    assert TOKEN.text in forms
    for mechanism in ("XOAUTH2", "OAUTHBEARER"):
        assert begun(mechanism).first.decode() in forms
    assert json.dumps(repr(TOKEN)).find(TOKEN.text) < 0
