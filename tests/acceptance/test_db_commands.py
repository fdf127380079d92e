"""`listbridge db …`: upgraded, checked, backed up and moved as an administrator does it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.schema import SCHEMA_VERSION
from tests.letters import letter
from tests.program import Program

CATEGORY = """
address = "general@example.org"
[outgoing]
host = "relay.invalid"
[subscribers]
file = "general.subscribers"
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A category with a post that waits for being sent, and a second that answers it."""
    program = Program(tmp_path, same_process=True)
    program.write_category("general", CATEGORY, ["ann@example.net", "bob@example.org"])
    for n in range(2):
        program.run("post", "general", "--approve", stdin=letter(n))
    return program


def _use(program: Program, url: str) -> None:
    program.write_service(f'database = "{url}"\n')


def _everything(program: Program) -> list[object]:
    commands = (["posts", "list", "general"], ["queue", "list"], ["subscribers", "list", "general"])
    return [program.json(*command) for command in commands]


def test_a_backup_is_a_database_to_go_on_with(program: Program) -> None:
    before = _everything(program)

    program.run("db", "backup", str(program.folder / "copy.db"))
    _use(program, "sqlite:///copy.db")

    assert _everything(program) == before
    program.audit()


def test_a_backup_is_not_written_over_another_file(program: Program) -> None:
    program.run("db", "backup", str(program.folder / "listbridge.toml"), status=1)

    assert "database" in (program.folder / "listbridge.toml").read_text()


def test_a_sound_database_is_found_sound(program: Program) -> None:
    found = program.json("db", "check")

    assert [(one["what"], one["ok"], one["cure"]) for one in found] == [
        ("version", True, None),
        ("pages and indexes", True, None),
        ("references", True, None),
    ]


def test_damage_is_found_and_what_to_do_is_said(program: Program) -> None:
    with closing(sqlite3.connect(program.database)) as connection:
        connection.execute("DELETE FROM raw_messages")  # behind the back of the foreign keys
        connection.commit()

    found = program.json("db", "check", status=1)

    [bad] = [one for one in found if not one["ok"]]
    assert bad["what"] == "references"
    assert "backup" in bad["cure"]


def test_a_check_upgrades_nothing(program: Program) -> None:
    _set_version(program.database, "0001")

    [version, *_] = program.json("db", "check", status=1)

    assert (version["seen"], version["cure"]) == ("0001", "run `listbridge db upgrade`")


def test_nothing_is_done_to_a_database_of_a_newer_version(program: Program) -> None:
    _set_version(program.database, "9999")

    program.run("db", "upgrade", status=1)
    [version, *_] = program.json("db", "check", status=1)

    assert version["seen"] == "9999"
    assert "newer" in version["cure"]


def test_an_upgrade_says_that_nothing_was_to_be_done(program: Program) -> None:
    [said] = program.json("db", "upgrade")

    assert said == {"from": SCHEMA_VERSION, "to": SCHEMA_VERSION, "copy": None}


@pytest.mark.parametrize("command", [["check"], ["upgrade"], ["backup", "copy.db"]])
def test_a_database_that_does_not_exist_is_not_made(tmp_path: Path, command: list[str]) -> None:
    program = Program(tmp_path, same_process=True)

    done = program.run("db", *command, status=1)

    assert b"no database" in done.stderr
    assert not program.database.exists()


def test_a_database_is_moved_with_all_it_has(program: Program) -> None:
    before = _everything(program)

    rows = program.json("db", "copy", "--to", f"sqlite:///{program.folder / 'moved.db'}")
    _use(program, "sqlite:///moved.db")

    assert _everything(program) == before
    program.audit()
    assert {one["table"]: one["rows"] for one in rows}["deliveries"] == 4


def test_an_address_that_is_none_is_a_wrong_usage(program: Program) -> None:
    done = program.run("db", "copy", "--to", "mysql://u:pa55@localhost/x", status=2)

    assert b"pa55" not in done.stderr


def _set_version(path: Path, version: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
