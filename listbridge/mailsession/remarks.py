"""What there is to say about a foreign setting, in sentences that repeat no secret."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Remark:
    """One sentence about one setting of a file, with its cure: as a string a line for people."""

    name: str  #: as the file has it: `mail.smtp.port`, `session-password-encrypted`
    text: str
    #: What of ours it leaves open, such as ("outgoing", "password"); who sets that has cured it.
    key: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class Notes:
    """Remarks as they come up: what is wrong, what is to be known, what means nothing here."""

    def __init__(self) -> None:
        self.problems: list[Remark] = []
        self.warnings: list[Remark] = []
        self.ignored: list[Remark] = []

    def problem(self, name: str, text: str, *key: str) -> None:
        """Note what cannot be used as it is."""
        self.problems.append(Remark(name, text, key))

    def warn(self, name: str, text: str, *key: str) -> None:
        """Note what is taken, though not quite as it was meant or not safely."""
        self.warnings.append(Remark(name, text, key))

    def ignore(self, name: str, text: str) -> None:
        """Note what means nothing here."""
        self.ignored.append(Remark(name, text))

    def lists(self) -> dict[str, Any]:
        """Return all of them as the fields of a `Reading`."""
        return {
            "problems": _once(self.problems),
            "warnings": _once(self.warnings),
            "ignored": _once(self.ignored),
        }


def _once(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    return tuple(dict.fromkeys(remarks))
