"""Two categories on one mailbox, whose program is killed while their mail is taken in."""

from collections import Counter
from dataclasses import dataclass

from storage.opening import connect
from tests.faults.killing import KILLED, Ground
from tests.letters import letter
from tests.program import Program, category_toml

SUBSCRIBERS = ("ann@example.net", "bob@example.net")
SLUGS = ("dev", "general")
_POSTS = """SELECT slug, subject, count(deliveries.id) FROM posts
            JOIN categories ON categories.id = posts.category_id
            JOIN outgoing ON outgoing.post_id = posts.id
            JOIN deliveries ON deliveries.outgoing_id = outgoing.id
            GROUP BY posts.id, slug, subject"""
_UNDECIDED = "SELECT count(*) FROM inbound WHERE state = 'received'"
_ROWS = "SELECT slug FROM inbound JOIN categories ON categories.id = category_id"


@dataclass
class Shared:
    """Two categories on one mailbox with a letter to both, one to either, and one to none."""

    ground: Ground
    program: Program
    account: str
    url: str

    def poll_once(self, point: int = 0) -> list[str]:
        """Run a round that is killed at a point; return the points it came to."""
        ended = self.ground.zygote.run(self.program.folder, "poll-once", "--no-send", point=point)
        assert ended.status in (0, KILLED), (ended.status, self.program.folder)
        return ended.points

    def come_to_rest(self) -> None:
        """Go on to the end; fail unless each category has its letters, and nothing is left."""
        self.poll_once()
        assert self.ground.dovecot.messages(self.account) == []
        assert self.ground.zygote.run(self.program.folder, "audit").status == 0
        store = connect(self.url)
        with store.reading() as tx:
            found = Counter(tuple(row) for row in tx.exec_driver_sql(_POSTS))
            undecided = tx.exec_driver_sql(_UNDECIDED).scalar_one()
            rows = Counter(tx.exec_driver_sql(_ROWS).scalars())
        store.close()
        mine = {(slug, subject[0], copies): n for (slug, subject, copies), n in found.items()}
        assert mine == {
            ("dev", "0", 2): 1,
            ("general", "0", 2): 1,
            ("dev", "1", 2): 1,
            ("general", "2", 2): 1,
        }
        assert (undecided, rows) == (0, Counter(dev=3, general=2))  # one is set aside with the lead


def new_shared(ground: Ground, account: str, url: str | None = None) -> Shared:
    """Make them anew, in an SQLite database of their own or in the one at `url`."""
    program = Program(ground.folder / account)
    if url is not None:
        program.write_service(f'database = "{url}"\n')
    ground.dovecot.add_user(account, "secret")
    more = '[posting]\nnon_members = "accept"\n[outgoing]\nhost = "127.0.0.1"\nport = 1\n'
    for slug in SLUGS:
        toml = category_toml(slug, dovecot=ground.dovecot, username=account, more=more)
        program.write_category(slug, toml, SUBSCRIBERS)
    dev, general = (f"{slug}@example.org" for slug in SLUGS)
    for number, to in enumerate((f"{dev}, {general}", dev, general, "wiki@example.org")):
        ground.dovecot.deliver(account, _letter(number, to, account))
    return Shared(ground, program, account, url or f"sqlite:///{program.database}")


def points_after_storing(one: Shared) -> list[int]:
    """Return at which points a run can die once something is stored, by playing it to its end."""
    reached = one.poll_once()
    one.come_to_rest()
    stored = next(n for n, words in enumerate(reached) if "INSERT INTO inbound" in words)
    return [n for n, words in enumerate(reached, 1) if n > stored and "database" in words]


def _letter(number: int, to: str, run: str) -> bytes:
    raw = letter(number, run=run).replace(b"Subject: ", b"Subject: %d " % number)
    return raw.replace(f"To: list-{run}@example.org".encode(), f"To: {to}".encode())
