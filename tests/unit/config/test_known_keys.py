"""The key that was probably meant."""

import pytest

from listbridge.config.known_keys import likely_meant, nearest
from listbridge.config.models import CategoryFile, ServiceFile


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (("adress",), "did you mean 'address'?"),
        (("incoming", "prot"), "did you mean 'protocol'?"),
        (("incoming", "hots"), "did you mean 'host'?"),
        (("message", "form"), "did you mean 'from'?"),
        (("posting", "nonmembers"), "did you mean 'non_members'?"),
        (("incomming",), "did you mean 'incoming'?"),
    ],
)
def test_misspelt_key_leads_to_the_right_one(path: tuple[str, ...], hint: str) -> None:
    assert likely_meant(CategoryFile, path) == hint


def test_key_of_a_mail_session_is_looked_for_there() -> None:
    hint = likely_meant(ServiceFile, ("mail_sessions", "default", "jndiname"))

    assert hint == "did you mean 'jndi_name'?"


def test_key_under_the_wrong_heading_is_sent_to_the_right_one() -> None:
    hint = likely_meant(CategoryFile, ("posting", "owners"))

    assert hint == "'owners' belongs at the top of the file, before the first [table]"


def test_key_of_two_tables_names_both() -> None:
    assert likely_meant(CategoryFile, ("host",)) == "'host' belongs in [incoming] or in [outgoing]"


def test_nearest_is_named_even_if_nothing_is_near() -> None:
    assert nearest("qqq", ["host", "port"]).startswith("the nearest known one is")
