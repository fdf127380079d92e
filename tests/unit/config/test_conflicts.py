"""Categories that get in each other's way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load

WriteCategory = Callable[..., Path]

SHARED = 'username = "shared"'


def broken() -> dict[str, list[str]]:
    return {slug: [one.text for one in some] for slug, some in load().broken.items()}


def test_two_readers_of_one_folder_are_both_named_and_the_rest_goes_on(
    category: WriteCategory,
) -> None:
    for slug in ("a", "b"):
        category(slug, incoming=SHARED)
    category("c")

    configuration = load()

    assert list(configuration.categories) == ["c"]
    for slug in ("a", "b"):
        assert [str(one) for one in configuration.broken[slug]] == [
            f"categories/{slug}.toml:3: incoming.folder: categories 'a' and 'b' read the same "
            "folder shared@imap.example.org/INBOX; give each its own mailbox or folder"
        ]


@pytest.mark.parametrize(
    "other",
    [
        'username = "shared"\nprotocol = "pop3"',
        'username = "shared"\nport = 143\nsecurity = "starttls"',
        'username = "Shared"\nfolder = "inbox"',
    ],
)
def test_same_folder_is_recognised_however_it_is_written(
    category: WriteCategory, other: str
) -> None:
    category("a", incoming=SHARED)
    category("b", incoming=other)

    assert set(broken()) == {"a", "b"}


@pytest.mark.parametrize(
    "other",
    ['username = "shared"\nfolder = "Lists"', 'username = "x"', "username = 'shared'\nport = 1143"],
)
def test_other_folder_user_or_server_is_no_conflict(category: WriteCategory, other: str) -> None:
    category("a", incoming=SHARED)
    category("b", incoming=other)

    assert broken() == {}


def test_inactive_category_reads_no_folder(category: WriteCategory) -> None:
    category("a", incoming=SHARED)
    category("b", top="active = false", incoming=SHARED)

    assert broken() == {}


def test_same_address_is_refused_for_both_whatever_its_case(category: WriteCategory) -> None:
    one = category("a", incoming='username = "one"')
    two = category("b", incoming='username = "two"')
    two.write_text(two.read_text().replace("b@example.org", "A@Example.org"))

    assert one.exists()
    assert set(broken()) == {"a", "b"}
    assert "categories 'a' and 'b' have the same address a@example.org" in broken()["a"][0]


def test_moving_to_a_folder_that_another_reads_is_refused(category: WriteCategory) -> None:
    category("mover", incoming=f'{SHARED}\nafter_fetch = "move"\nmove_to = "Lists"')
    category("reader", incoming=f'{SHARED}\nfolder = "Lists"')

    assert broken() == {
        "mover": ["mail would be moved to the folder that category 'reader' reads; name another"]
    }


def test_default_target_of_a_move_counts_too(category: WriteCategory) -> None:
    category("mover", incoming=f'{SHARED}\nafter_fetch = "move"')
    category("reader", incoming=f'{SHARED}\nfolder = "Processed"')

    assert set(broken()) == {"mover"}


def test_moving_to_the_folder_it_reads_itself_is_refused(category: WriteCategory) -> None:
    category("mover", incoming='after_fetch = "move"\nmove_to = "inbox"')

    assert "move_to names the folder that is read" in broken()["mover"][0]


def test_moving_within_another_account_is_no_conflict(category: WriteCategory) -> None:
    category("mover", incoming='after_fetch = "move"\nmove_to = "Lists"')
    category("reader", incoming='folder = "Lists"')

    assert broken() == {}


def test_crowd_is_named_by_its_first_few(category: WriteCategory) -> None:
    for number in range(8):
        category(f"c{number}", incoming=SHARED)

    assert "categories 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more read" in broken()["c7"][0]
