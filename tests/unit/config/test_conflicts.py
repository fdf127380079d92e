"""Categories that get in each other's way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load

WriteCategory = Callable[..., Path]

SHARED = 'username = "shared"'


def broken() -> dict[str, list[str]]:
    return {slug: [one.text for one in some] for slug, some in load().broken.items()}


def test_several_may_read_one_folder(category: WriteCategory) -> None:
    for slug in ("a", "b", "c"):
        category(slug, incoming=f'{SHARED}\nafter_fetch = "move"')

    assert list(load().categories) == ["a", "b", "c"]


def test_who_shares_a_folder_and_differs_in_what_becomes_of_mail_is_named_and_the_rest_goes_on(
    category: WriteCategory,
) -> None:
    category("a", incoming=SHARED)
    category("b", incoming=f"{SHARED}\nsince = 2026-11-20")
    category("c")

    configuration = load()

    assert list(configuration.categories) == ["c"]
    assert [str(one) for one in configuration.broken["b"]] == [
        "categories/b.toml:6: incoming.since: categories 'a' and 'b' share the mailbox "
        "shared@imap.example.org/INBOX, so this must be the same in each of them; else give each "
        "its own mailbox or folder"
    ]
    assert set(configuration.broken) == {"a", "b"}


@pytest.mark.parametrize(
    ("other", "keys"),
    [
        ('username = "shared"\nprotocol = "pop3"', ["incoming.protocol"]),
        ('username = "shared"\nport = 143\nsecurity = "starttls"', ["incoming.security"]),
        ('username = "shared"\nport = 143', ["incoming.port"]),
        ('username = "Shared"\nfolder = "inbox"', ["incoming.username"]),
        ('username = "shared"\nafter_fetch = "move"', ["incoming.after_fetch"]),
        (
            'username = "Shared"\nsecurity = "starttls"',
            ["incoming.username", "incoming.security"],  # as they stand in the file
        ),
    ],
)
def test_same_folder_is_recognised_however_it_is_written_and_the_difference_named(
    category: WriteCategory, other: str, keys: list[str]
) -> None:
    category("a", incoming=SHARED)
    category("b", incoming=other)

    found = load().broken

    assert [one.key for one in found["b"]] == keys
    assert found.keys() == {"a", "b"}


def test_who_shares_a_folder_must_move_to_the_same_one(category: WriteCategory) -> None:
    moving = f'{SHARED}\nafter_fetch = "move"\nmove_to = '
    category("a", incoming=f'{moving}"One"')
    category("b", incoming=f'{moving}"Two"')

    assert [one.key for one in load().broken["a"]] == ["incoming.move_to"]


@pytest.mark.parametrize(
    "other",
    ['username = "shared"\nfolder = "Lists"', 'username = "x"', "username = 'shared'\nport = 1143"],
)
def test_other_folder_user_or_server_is_no_conflict(category: WriteCategory, other: str) -> None:
    category("a", incoming=SHARED)
    category("b", incoming=other)

    assert broken() == {}


def test_inactive_category_need_not_agree(category: WriteCategory) -> None:
    category("a", incoming=SHARED)
    category("b", top="active = false", incoming=f'{SHARED}\nprotocol = "pop3"')

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
        category(f"c{number}", incoming=f"{SHARED}\nsince = 2026-11-0{number + 1}")

    assert "categories 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more share" in broken()["c7"][0]


def test_a_list_that_names_itself_as_its_umbrella_is_named(category: WriteCategory) -> None:
    category("a", end='[posting]\numbrellas = ["A@example.org"]')

    [said] = broken()["a"]
    assert said == "a@example.org is this list itself; name the list whose posts come from above"
