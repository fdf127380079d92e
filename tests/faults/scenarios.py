"""The small lists whose program is killed at each point in turn: 3 letters, 4 subscribers."""

from collections.abc import Callable
from random import Random

from tests.faults.killing import KILLED, Ground, List
from tests.ways import WAYS

LETTERS = 3
LETTERS_FOR_MANY = 6

# How many points a life of a list with many letters has; over POP3 each line read is one.
_LIFE = {"imap": (1000, 8000), "pop3": (1000, 12000)}
_LIFE_AMONG_MANY = 500
_TELLING = ("database: COMMIT", "mailbox <", "smtp <")


def _imap(ground: Ground) -> List:
    return ground.new_list("imap", LETTERS)


def _pop3(ground: Ground) -> List:
    return ground.new_list("pop3", LETTERS)


def _first_start(ground: Ground) -> List:
    return ground.new_list("imap", LETTERS, fresh=True)


def _fan_out(ground: Ground) -> List:
    made = ground.new_list("imap", LETTERS)
    made.poll_once("--no-send")
    return made


def _personal(ground: Ground) -> List:
    """Each copy is made for one subscriber, with a sender of its own."""
    more = '[message]\nfrom = "list"\npersonalise = true\n'
    made = ground.new_list("imap", LETTERS, more=more, outgoing="foreign_from = true")
    made.poll_once("--no-send")
    return made


#: What is there when the run begins that is to be killed.
SCENARIOS: dict[str, Callable[[Ground], List]] = {
    "imap": _imap,
    "pop3": _pop3,
    "fan-out": _fan_out,
    "first start": _first_start,
    "personal fan-out": _personal,
}
#: Each with the way in which its mail leaves; most of what sending does is in the fan-out.
PLAYS = [
    ("imap", "chunked"),
    ("pop3", "pipelined"),
    ("first start", "lock step"),
    *(("fan-out", way) for way in WAYS),
    ("personal fan-out", "chunked"),
]


def kill_at(ground: Ground, scenario: str, *points: int) -> bool:
    """Kill one run after the other at its point, then go on to the end; say if the last died."""
    made = SCENARIOS[scenario](ground)
    ended = [made.poll_once(point=point) for point in points]
    made.come_to_rest()
    return ended[-1].status == KILLED


def stop_at(ground: Ground, scenario: str, point: int) -> bool:
    """Stop a run at its point for longer than its lease; say if it had that point."""
    made = SCENARIOS[scenario](ground)
    stopped = made.overtake(point)
    made.come_to_rest(later=True)
    return stopped


def work_together(ground: Ground, protocol: str, chance: Random) -> List:
    """Let several work on one list at once, of whom one dies and one stops somewhere."""
    # The timeout is how long others wait for one who has stopped with the mailbox.
    made = ground.new_list(protocol, LETTERS_FOR_MANY, incoming='timeout = "2s"')
    made.work_together(chance.randint(1, _LIFE_AMONG_MANY), chance.randint(1, _LIFE_AMONG_MANY))
    made.come_to_rest(later=True)
    return made


def kill_until_through(ground: Ground, protocol: str, letters: int, chance: Random) -> List:
    """Kill run after run of one list, somewhere, until one gets through."""
    made = ground.new_list(protocol, letters)
    while made.poll_once(point=chance.randint(*_LIFE[protocol])).status == KILLED:
        pass
    made.come_to_rest()
    return made


def telling_points(ground: Ground, scenario: str, count: int) -> list[int]:
    """Choose so many of the points at which something is told to a server or committed.

    What stands between those is undone by a death; they are spread over all of a run.
    """
    made = SCENARIOS[scenario](ground)
    reached = made.poll_once().points
    made.come_to_rest()
    telling = [at for at, words in enumerate(reached, 1) if words.startswith(_TELLING)]
    chance = Random(scenario)
    return [telling[int((x + chance.random()) * len(telling) / count)] for x in range(count)]
