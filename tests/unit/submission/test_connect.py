"""The name we say EHLO with."""

import pytest

from listbridge.submission.connect import own_name


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("bridge.example.org", "bridge.example.org"),
        ("my_machine", "my-machine"),
        ("Anns MacBook", "Anns-MacBook"),
        ("-x-", "x"),
        ("", "localhost"),
        ("brücke", "br-cke"),
    ],
)
def test_the_machines_name_is_made_fit_for_ehlo(machine: str, name: str) -> None:
    assert own_name(machine) == name
