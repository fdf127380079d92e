"""From SQLite to PostgreSQL with `db copy`: nothing is lost, and work goes on there."""

from pathlib import Path

from tests.acceptance.test_db_commands import CATEGORY
from tests.letters import letter
from tests.program import Program


def test_work_goes_on_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    program = Program(tmp_path, same_process=True)
    program.write_category("general", CATEGORY, ["ann@example.net", "bob@example.org"])
    for n in range(3):
        program.run("post", "general", "--approve", stdin=letter(n))
    posts, queue = program.json("posts", "list", "general"), program.json("queue", "list")

    program.run("db", "copy", "--to", postgres_url)
    program.write_service(f'database = "{postgres_url}"\n')

    assert program.json("posts", "list", "general") == posts
    assert program.json("queue", "list") == queue
    # The next numbers follow those that were copied.
    program.run("post", "general", "--approve", stdin=letter(3))
    ids = [int(one["id"]) for one in program.json("posts", "list", "general")]
    assert ids == sorted(set(ids))
    assert len(ids) == 4
    program.audit()


def test_a_second_copy_into_the_same_database_is_refused(tmp_path: Path, postgres_url: str) -> None:
    program = Program(tmp_path, same_process=True)
    program.write_category("general", CATEGORY)
    program.run("post", "general", "--approve", stdin=letter(0))
    program.run("db", "copy", "--to", postgres_url)

    done = program.run("db", "copy", "--to", postgres_url, status=1)

    assert b"must be empty" in done.stderr
