"""What `check` says about lists that are subscribed to each other."""

from typing import Any

import pytest

from listbridge import clock
from listbridge.category import Category
from listbridge.config import Configuration
from listbridge.config.models import Service
from listbridge.membership.subscriptions import subscribe
from listbridge.service.checking.umbrellas import check_umbrellas, circles
from storage import categories, subscriptions
from storage.database import Database
from storage.states import Origin


def found(
    db: Database | None, below: dict[str, list[str]], **posting: dict[str, Any]
) -> list[tuple[str | None, bool, str]]:
    """Make these categories, and return what is found about them."""
    made = {
        slug: Category(slug=slug, address=f"{slug}@example.org", posting=posting.get(slug, {}))
        for slug in below
    }
    if db is not None:
        with db.transaction() as tx:
            for slug, subscribers in below.items():
                its_id = categories.keep(tx, slug, made[slug].address).id
                for one in subscribers:
                    subscribe(tx, its_id, f"{one.title()}@example.org", "", Origin.ADMIN)
    configuration = Configuration(Service.model_construct(), made, {}, ())
    return [(one.category, one.ok, one.seen) for one in check_umbrellas(configuration, db)]


def test_a_list_that_takes_its_umbrella_for_a_stranger_is_named(db: Database) -> None:
    assert found(db, {"all": ["staff"], "staff": []}) == [
        ("staff", False, "it is a subscriber of all, whose posts are a stranger's to it")
    ]


def test_a_list_that_takes_everything_or_names_its_umbrella_is_as_it_should_be(
    db: Database,
) -> None:
    below = {"all": ["pupils", "staff"], "pupils": [], "staff": []}
    postings = {"pupils": {"non_members": "accept"}, "staff": {"umbrellas": ["All@Example.org"]}}

    assert found(db, below, **postings) == []


@pytest.mark.parametrize("form", ["digest", "mime-digest", "updates"])
def test_a_list_that_gets_no_posts_but_something_else_is_named(db: Database, form: str) -> None:
    postings = {"staff": {"umbrellas": ["all@example.org"]}}
    found(db, {"all": ["staff"], "staff": []}, **postings)
    with db.transaction() as tx:
        above = categories.find(tx, "all")
        assert above is not None
        subscriptions.change(tx, above.id, "staff@example.org", clock.now(), receives=form)

    said = found(db, {"all": [], "staff": []}, **postings)

    assert said == [
        ("staff", False, f"as a subscriber of all it gets {form}, and takes that for a stranger's")
    ]


def test_a_circle_is_named(db: Database) -> None:
    said = "a → b → a: a circle; each post goes round it once at most"
    assert found(db, {"a": ["b"], "b": ["a"]}) == [("a", True, said)]


def test_an_umbrella_that_is_no_list_of_ours_is_named_without_the_database() -> None:
    [(slug, ok, seen)] = found(None, {"a": []}, a={"umbrellas": ["x@example.com"]})

    assert (slug, ok) == ("a", False)
    assert seen.startswith("x@example.com is no category of this installation")


def test_each_circle_is_found_once() -> None:
    edges = [("b", "c"), ("c", "d"), ("d", "b"), ("a", "b"), ("d", "e"), ("e", "d"), ("f", "f")]

    assert circles(edges) == [["b", "c", "d"], ["d", "e"]]
