"""Posts under their Message-IDs, and the trees they form."""

from datetime import datetime

import pytest

from listbridge.intake import thread
from storage import audit, inbound, posts
from storage.database import Database
from storage.states import PostState, Result, Source


class Board:
    """A category into which posts are put by name; the name is the Message-ID too."""

    def __init__(self, db: Database, category_id: int, now: datetime) -> None:
        self.db, self.category_id, self.now = db, category_id, now
        self.ids: dict[str, int] = {}

    def post(self, name: str, *references: str, aliases: tuple[str, ...] = ()) -> int:
        """Store a post the way dispatch does; `references` has the nearest first."""
        with self.db.transaction() as tx:
            parent = thread.find_parent(tx, self.category_id, references)
            inbound_id, raw_id = inbound.keep(
                tx, self.category_id, name.encode(), source=Source.CLI, now=self.now
            )
            inbound.finish(tx, inbound_id, Result.POST, reason=None, now=self.now)
            new = posts.NewPost(
                category_id=self.category_id,
                inbound_id=inbound_id,
                raw_id=raw_id,
                message_id=name,
                fingerprint=f"content of {name}",
                aliases=aliases,
                references=references,
                sender=None,
                sender_name="",
                subject=name,
                date=self.now,
                state=PostState.HELD,
                reason=None,
                trail=(),
            )
            post_id = posts.add(tx, new, self.now)
            if parent:
                posts.hang(tx, post_id, parent=parent[0], rank=parent[1])
            thread.adopt_replies(tx, self.category_id, post_id, (name, *aliases))
        self.ids[name] = post_id
        return post_id

    def tree(self) -> dict[str, str | None]:
        """Return the parent of each post by name."""
        names = {post_id: name for name, post_id in self.ids.items()}
        with self.db.reading() as tx:
            found = posts.in_category(tx, self.category_id)
        return {names[x.id]: names[x.parent_id] if x.parent_id else None for x in found}

    def threads(self) -> list[set[str]]:
        """Return the threads as sets of names."""
        names = {post_id: name for name, post_id in self.ids.items()}
        sets: dict[int, set[str]] = {}
        with self.db.reading() as tx:
            for one in posts.in_category(tx, self.category_id):
                sets.setdefault(one.thread_id, set()).add(names[one.id])
            assert audit.problems(tx) == []
        return list(sets.values())


@pytest.fixture
def board(db: Database, category_id: int, now: datetime) -> Board:
    return Board(db, category_id, now)


def test_the_nearest_known_reference_is_the_parent(board: Board) -> None:
    board.post("root")
    board.post("middle", "root")

    board.post("leaf", "lost", "middle", "root")

    assert board.tree() == {"root": None, "middle": "root", "leaf": "middle"}


def test_a_parent_that_comes_late_gets_its_replies(board: Board) -> None:
    board.post("leaf", "middle", "root")
    board.post("other leaf", "middle", "root")

    board.post("middle", "root")

    assert board.tree() == {"leaf": "middle", "other leaf": "middle", "middle": None}


def test_threads_grow_together_when_the_missing_link_comes(board: Board) -> None:
    board.post("root")
    board.post("leaf", "middle")
    board.post("under leaf", "leaf")
    before = len(board.threads())

    board.post("middle", "root")

    assert before == 2
    assert board.threads() == [{"root", "middle", "leaf", "under leaf"}]


def test_a_nearer_parent_that_comes_late_takes_over(board: Board) -> None:
    board.post("root")
    board.post("leaf", "middle", "root")

    board.post("middle", "root")

    assert board.tree() == {"root": None, "leaf": "middle", "middle": "root"}


def test_posts_that_refer_to_each_other_do_not_form_a_ring(board: Board) -> None:
    board.post("hen", "egg")

    board.post("egg", "hen")

    assert board.tree() == {"hen": None, "egg": "hen"}
    assert board.threads() == [{"hen", "egg"}]


def test_a_post_that_refers_to_itself_is_its_own_thread(board: Board) -> None:
    board.post("vain", "vain")

    assert board.tree() == {"vain": None}


def test_an_id_given_on_the_way_stands_for_the_post(board: Board) -> None:
    board.post("root", aliases=("renamed by the server",))

    board.post("leaf", "renamed by the server")

    assert board.tree() == {"root": None, "leaf": "root"}


def test_the_newest_posts_are_those_a_limit_leaves(board: Board, db: Database) -> None:
    for name in ("one", "two", "three"):
        board.post(name)

    with db.reading() as tx:
        found = posts.in_category(tx, None, limit=2)

    assert [x.subject for x in found] == ["two", "three"]
