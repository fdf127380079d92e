"""What a kind of list sets, and what it leaves alone."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from listbridge.category import KINDS, Category, MessageSettings, Posting

POLICY = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")


def category(**given: Any) -> Category:
    """Make a category with these settings."""
    return Category(slug="general", address="general@example.org", **given)


def values(one: Category) -> dict[str, Any]:
    """Return what kinds set."""
    return {
        f"{table}.{key}": getattr(getattr(one, table), key)
        for table, keys in KINDS["discussion"].items()
        for key in keys
    }


def test_the_table_of_the_documents_is_the_one_of_the_program() -> None:
    written = re.findall(r"^\| `(\w+\.\w+)` \| (.+) \|$", POLICY, re.MULTILINE)
    documented = {
        kind: {
            key: tomllib.loads(f"x = {row.split(' | ')[at].strip('`')}")["x"]
            for key, row in written
        }
        for at, kind in enumerate(KINDS)
    }

    assert documented == {kind: values(category(kind=kind)) for kind in KINDS}


def test_a_discussion_is_what_a_list_is_without_a_kind() -> None:
    plain = {"posting": Posting(), "message": MessageSettings()}

    assert values(category(kind="discussion")) == values(category())
    assert values(category()) == {
        f"{table}.{key}": getattr(plain[table], key)
        for table, keys in KINDS["discussion"].items()
        for key in keys
    }


def test_every_kind_sets_the_same_keys() -> None:
    assert len({repr({t: sorted(k) for t, k in KINDS[kind].items()}) for kind in KINDS}) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", ["members", "non_members"])
def test_what_is_set_explicitly_wins(kind: Any, key: str) -> None:
    one = category(kind=kind, posting=Posting.model_validate({key: "discard"}))

    others = {k: v for k, v in KINDS[kind]["posting"].items() if k != key}
    assert getattr(one.posting, key) == "discard"
    assert {k: getattr(one.posting, k) for k in others} == others


def test_a_default_that_is_written_down_is_set_explicitly() -> None:
    one = category(kind="newsletter", message=MessageSettings(list_post=True, reply_to="list"))

    assert (one.message.list_post, one.message.reply_to) == (True, "list")
