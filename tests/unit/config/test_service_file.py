"""What the service file comes to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from listbridge.config import load
from listbridge.errors import ConfigError

Write = Callable[[str, str], Path]


def problems(text: str, write: Write) -> list[str]:
    write("listbridge.toml", text)
    with pytest.raises(ConfigError) as caught:
        load()
    return str(caught.value).splitlines()


def test_without_any_file_the_defaults_hold(folder: Path) -> None:
    service = load().service

    assert service.file is None
    assert service.folder == folder
    assert service.database == f"sqlite:///{folder}/listbridge.db"
    assert service.categories == folder / "categories"
    assert service.web.listen == "127.0.0.1:8025"
    assert service.alerts.to == ()
    assert service.base_url is None


def test_relative_paths_count_from_the_service_files_folder(write: Write, folder: Path) -> None:
    write("lists/listbridge.toml", 'database = "sqlite:///data.db"\ncategories = "c"\n')
    write("lists/c/general.toml", 'address = "a@example.org"\nincoming.host = "h"\n')

    configuration = load(Path("lists/listbridge.toml"))

    assert configuration.service.database == f"sqlite:///{folder}/lists/data.db"
    assert list(configuration.categories) == ["general"]


def test_unknown_key_is_named_with_file_line_and_nearest_key(write: Write) -> None:
    assert problems('\ndatabse = "sqlite:///x.db"\n', write) == [
        "listbridge.toml:2: databse: unknown key; did you mean 'database'?"
    ]


def test_all_errors_of_the_file_are_listed_in_its_order(write: Write) -> None:
    text = (
        'base_url = "lists.example.org"\n'
        'database = "mysql://x"\n'
        "[web]\nlisten = 1\n"
        '[alerts]\nto = ["nobody"]\nmail_session = "defualt"\n'
        "[mail_sessions.default]\nprovidre = 1\n"
        "[mail_sessions.default.incoming]\nport = 0\nhots = 1\n"
    )

    found = problems(text, write)

    assert [line.split(": ")[:2] for line in found] == [
        ["listbridge.toml:1", "base_url"],
        ["listbridge.toml:2", "database"],
        ["listbridge.toml:4", "web.listen"],
        ["listbridge.toml:6", "alerts.to"],
        ["listbridge.toml:7", "alerts.mail_session"],
        ["listbridge.toml:9", "mail_sessions.default.providre"],
        ["listbridge.toml:11", "mail_sessions.default.incoming.port"],
        ["listbridge.toml:12", "mail_sessions.default.incoming.hots"],
    ]
    assert found[4].endswith("did you mean 'default'?")
    assert found[5].endswith("did you mean 'provider'?")
    assert found[6].endswith("expected a number of at least 1")
    assert found[7].endswith("did you mean 'host'?")


def test_errors_of_category_files_are_listed_too(
    write: Write, category: Callable[..., Path]
) -> None:
    category("news", top="ownres = []")

    found = problems('databse = ""\n', write)

    assert len(found) == 2
    assert found[1].startswith("categories/news.toml:1: ownres: unknown key")


def test_error_of_a_session_is_not_repeated_for_its_categories(
    write: Write, category: Callable[..., Path]
) -> None:
    category("news", top='mail_session = "default"')

    found = problems("[mail_sessions.default.incoming]\nsecurity = 'ssl'\n", write)

    assert found == [
        "listbridge.toml:2: mail_sessions.default.incoming.security: "
        "expected 'tls', 'starttls' or 'none'"
    ]


def test_broken_toml_is_named_with_its_line(write: Write) -> None:
    assert problems('database = "x"\ncategories = \n', write) == [
        "listbridge.toml:2: is not valid TOML: Invalid value"
    ]


def test_toml_that_breaks_off_is_named_with_its_last_line(write: Write) -> None:
    assert problems('a = 1\nb = """', write)[0].startswith("listbridge.toml:2: is not valid TOML")


def test_file_in_another_encoding_is_named(folder: Path) -> None:
    (folder / "listbridge.toml").write_bytes("# one\n# Köln\n".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"listbridge\.toml:2: is not UTF-8 text"):
        load()


def test_folder_in_place_of_the_file_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(folder)


def test_byte_order_mark_does_no_harm(write: Write, folder: Path) -> None:
    write("listbridge.toml", '\ufeffdatabase = "sqlite:///x.db"\n')

    assert load().service.database == f"sqlite:///{folder}/x.db"


def test_missing_category_folder_is_an_error_only_if_it_was_named(write: Write) -> None:
    write("listbridge.toml", "")
    assert load().categories == {}

    found = problems('categories = "lists"\n', write)

    assert found[0].startswith("listbridge.toml:1: categories: there is no folder ")


def test_incomplete_session_is_no_error(write: Write) -> None:
    write("listbridge.toml", "[mail_sessions.x.incoming]\nport = 1143\n[mail_sessions.y]\n")

    assert set(load().service.mail_sessions) == {"x", "y"}


def test_one_warning_names_all_keys_without_effect(write: Write) -> None:
    write(
        "listbridge.toml",
        'base_url = "https://lists.example.org"\n[alerts]\nto = []\n',
    )

    warnings = load().warnings

    assert [str(one) for one in warnings] == [
        "listbridge.toml: accepted, but not yet in effect in this version: base_url"
    ]


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:8025", ("::1", 8025)),
        ("lists.example.org:65535", ("lists.example.org", 65535)),
    ],
)
def test_where_the_web_part_listens_is_an_address_and_a_port(
    write: Write, listen: str, place: tuple[str, int]
) -> None:
    write("listbridge.toml", f'[web]\nlisten = "{listen}"\n')

    assert load().service.web.place == place


@pytest.mark.parametrize(
    "listen",
    [
        *("8025", ":8025", "localhost", "localhost:", "localhost:0", "localhost:65536"),
        *("::1:8025", "[::1]", "[localhost]:8025", "127.0.0.256:80", "http://localhost:80"),
        *("localhost:80 ", "local host:80"),
    ],
)
def test_a_place_nobody_can_listen_at_is_refused_with_an_example(write: Write, listen: str) -> None:
    assert problems(f'[web]\nlisten = "{listen}"\n', write) == [
        "listbridge.toml:2: web.listen: write an address and a port, such as "
        '"127.0.0.1:8025" or "[::1]:8025"'
    ]
