"""kill -9 while digests are gathered, made and sent: each post is in one of them, once."""

import email
import re
from email.policy import default

from tests.faults.killing import Ground, List
from tests.faults.scenarios import LETTERS

# Besides these, deaths at any point are tried in tests/faults/test_kill.py.
_TELLING = re.compile(r"database: .*digest|database: COMMIT|database: .* duties")


def test_killed_around_any_change_of_what_has_gathered_each_post_comes_once(
    ground: Ground,
) -> None:
    kill_around(ground, 3)


def kill_around(ground: Ground, kills: int) -> None:
    """Kill so many runs, each of a list of its own, while a digest comes about; then look."""
    readers = [f"{ground.run}-digest-{number}" for number in range(kills + 1)]
    ground.relay.add_users(readers)
    unharmed = _list(ground, readers[0])
    reached = unharmed.poll_once().points
    unharmed.come_to_rest()
    telling = [at for at, words in enumerate(reached, 1) if _TELLING.search(words)]
    assert [words for words in reached if "INSERT INTO digest_entries" in words]
    lists = [unharmed]
    for number, reader in enumerate(readers[1:]):
        made = _list(ground, reader)
        made.poll_once(point=telling[(2 * number + 1) * len(telling) // (2 * kills)])
        made.come_to_rest()
        lists.append(made)

    assert ground.judge_copies().kills > kills // 2  # the last point comes sooner in some runs
    for made, reader in zip(lists, readers, strict=True):
        assert _posts_of(ground, reader) == _posts_of_list(made), made.died()


def _list(ground: Ground, reader: str) -> List:
    """A list whose digest is made as soon as a post has come."""
    made = ground.new_list("imap", LETTERS, more='[digest]\nmax_size = "1B"\n')
    made.program.same_process = True
    made.program.run("subscribers", "add", made.slug, f"{reader}@example.org")
    wish = ("--receives", "digest")
    made.program.run("subscribers", "set", made.slug, f"{reader}@example.org", *wish)
    return made


def _posts_of(ground: Ground, reader: str) -> list[str]:
    """Return the posts in a reader's digests; a digest that was in doubt may have come twice."""
    found = [email.message_from_bytes(x, policy=default) for x in ground.relay.copies(reader)]
    once = {str(one["Message-ID"]): one for one in found}
    texts = (one.get_content() for one in once.values())  # type: ignore[attr-defined]
    return sorted(name for text in texts for name in re.findall(r"Message-ID: (<.*>)", text))


def _posts_of_list(made: List) -> list[str]:
    return sorted(one["message_id"] for one in made.program.json("posts", "list", made.slug))
