"""[posting]: what is refused, in which words, and what it comes to."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from listbridge import config
from listbridge.category import Category
from listbridge.posting import Rate

Write = Callable[..., Path]


def problems(category: Write, end: str) -> list[str]:
    """Return what is wrong with a category that ends like this, without the places."""
    category(end=end)
    return [f"{one.key}: {one.text}" for one in config.load().broken["general"]]


def loaded(category: Write, end: str, **parts: str) -> Category:
    """Return a category that ends like this."""
    category(end=end, **parts)
    found = config.load()
    assert [str(one) for some in found.broken.values() for one in some] == []
    return found.categories["general"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('allow = ["nobody at home"]', "posting.allow: 'nobody at home' is no address, no domain"),
        ('allow = [""]', "posting.allow: "),
        ('block = ["*"]', "posting.block: '*' is everybody"),
        ('block = ["*@*.*"]', "posting.block: '*@*.*' is everybody"),
        (f'block = ["{"*a" * 200}"]', "posting.block: write a pattern of at most 254"),
        ('block = ["*@käse.example"]', "posting.block: write the domain in '*@käse.example'"),
        ('blocked = "accept"', "posting.blocked: expected "),
        ("first_posts = -1", "posting.first_posts: expected a number of at least 0"),
        ("first_posts = true", "posting.first_posts: expected a whole number"),
        ('max_by_author = "20"', "posting.max_by_author: write a number of posts and a time"),
        ('max_by_author = "0 in 1h"', "posting.max_by_author: write a number of posts and a time"),
        ('max_in_thread = "5 in 0h"', "posting.max_in_thread: write a time above zero"),
        ('max_in_thread = "5 in ever"', "posting.max_in_thread: write a number and a unit"),
        ('block_attachments = ["exe"]', "posting.block_attachments: 'exe' is neither"),
        ('allow_attachments = ["image/"]', "posting.allow_attachments: 'image/' is neither"),
        ('headers = [{ matches = "x" }]', "posting.headers.name: required"),
        ('headers = [{ name = "X Y" }]', "posting.headers.name: write the name of a header field"),
        (
            'headers = [{ name = "X", matches = "1", at_least = 1 }]',
            "posting.headers: matches and at_least exclude each other",
        ),
        ('headers = [{ name = "X", at_least = "1x" }]', "posting.headers.at_least: "),
        (
            'headers = [{ name = "X", at_least = "5" }]',
            "posting.headers.at_least: expected a number",
        ),
        ('headers = [{ name = "X", at_least = nan }]', "posting.headers.at_least: "),
        ('headers = [{ name = "X", behind = "x" }]', "posting.headers: behind says where"),
        ('headers = [{ name = "X", match = "x" }]', "posting.headers.match: unknown key; did you"),
        ('authserv_id = "*"', "posting.authserv_id: name the server"),
        ('password = "short"', "posting: the posting password must be 8 to 64 letters"),
        ('password = "with+plus@x"', "posting: the posting password must be 8 to 64 letters"),
        ("password = 12345678", 'posting.password: expected "literal"'),
        ('authenticate = "hold"', "posting.authserv_id: required with authenticate"),
    ],
)
def test_a_slip_is_named_with_its_key(category: Write, line: str, said: str) -> None:
    [found] = problems(category, f"[posting]\n{line}\n")

    assert found.startswith(said)


def test_an_unknown_kind_is_refused(category: Write) -> None:
    category(top='kind = "forum"')

    [found] = config.load().broken["general"]
    assert found.text == "expected 'discussion', 'announce' or 'newsletter'"


def test_entries_are_compared_as_addresses_are(category: Write) -> None:
    posting = loaded(
        category,
        '[posting]\nallow = ["Ann@Example.NET", "@Käse.example", "*.Example.org", "ex.net"]',
    ).posting

    assert posting.allow == (
        "ann@example.net",
        "xn--kse-qla.example",
        "*.example.org",
        "ex.net",
    )


def test_a_rate_is_a_number_and_a_time(category: Write) -> None:
    posting = loaded(category, '[posting]\nmax_by_author = "20 in 2h"').posting

    assert posting.max_by_author == Rate(20, timedelta(hours=2), "2h")


def test_headers_are_tables(category: Write) -> None:
    text = '[[posting.headers]]\nname = "A"\n[[posting.headers]]\nname = "B"\nat_least = 5\n'

    assert [(x.name, x.at_least) for x in loaded(category, text).posting.headers] == [
        ("A", None),
        ("B", 5.0),
    ]


def test_the_provider_says_whose_results_count(category: Write, folder: Path) -> None:
    path = category(end='[posting]\nauthenticate = "require"\n')
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("imap.example.org", "imap.gmail.com"), encoding="utf-8")

    assert config.load().categories["general"].posting.authserv_id == "mx.google.com"


def test_the_file_knows_better_than_the_provider(category: Write) -> None:
    lines = '[posting]\nauthenticate = "hold"\nauthserv_id = "MX.example.org"\n'

    assert loaded(category, lines).posting.authserv_id == "mx.example.org"


def test_a_kind_sets_what_the_file_does_not(category: Write) -> None:
    one = loaded(category, '[posting]\nmembers = "discard"\n', top='kind = "announce"')

    assert (one.posting.members, one.posting.non_members) == ("discard", "hold")
    assert (one.message.reply_to, one.message.list_post) == ("author", False)


@pytest.mark.parametrize("key", ["owners", "moderators"])
def test_who_runs_the_list_is_no_longer_a_key_without_effect(category: Write, key: str) -> None:
    category(top=f'{key} = ["ann@example.net"]')

    assert [str(x) for x in config.load().warnings] == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[message]\ndrop_attachments = "exe"', 'message.drop_attachments: write "all", or a list'),
        ('[message]\ndrop_attachments = ["exe"]', "message.drop_attachments: 'exe' is neither"),
        ("[message]\ndrop_attachments = [1]", 'message.drop_attachments: write "all", or a list'),
        ('[bounces]\nthreshold = "3"', "bounces.threshold: expected a number"),
        ("[bounces]\nprobes = true", "bounces.probes: expected a whole number"),
        ('[members]\nanswers_per_day = "7"', "members.answers_per_day: expected a whole number"),
    ],
)
def test_a_value_of_another_kind_is_refused_in_one_sentence(
    category: Write, table: str, said: str
) -> None:
    [problem] = problems(category, table)

    assert problem.startswith(said)
