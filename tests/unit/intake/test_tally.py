"""The numbers of a pass, and its sentence of trouble."""

from listbridge.intake.tally import Tally


def test_each_trouble_is_told_once() -> None:
    tally = Tally("general")

    for sentence in ("no disk", "no net", "no disk"):
        tally.complain(sentence)

    assert tally.error == "no disk; no net"
