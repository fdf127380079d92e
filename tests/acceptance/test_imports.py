"""Moving a list here and away again, with the real program: its people and its archive."""

import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.letters import letter
from tests.program import Program
from tests.servers.process import wait_until

SAMPLES = Path(__file__).parents[2] / "fixtures" / "imports"
PEOPLE, ARCHIVES = SAMPLES / "people", SAMPLES / "archives"
PASSWORD = "opens.sesame-1"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Two categories that only send, to nowhere; one has a posting password."""
    program = Program(tmp_path, same_process=True)
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    for slug, more in (("general", '[posting]\npassword = { file = "password" }\n'), ("other", "")):
        program.write_category(
            slug,
            f'address = "{slug}@example.org"\n[outgoing]\nhost = "127.0.0.1"\nport = 9\n{more}'
            f'[subscribers]\nfile = "{slug}.subscribers"\n',
            ["ann@example.net"],
        )
    return program


def people(program: Program, slug: str = "general") -> dict[str, str]:
    """Return the state and the form of everybody."""
    listed = program.json("subscribers", "list", slug)
    return {one["address"]: f"{one['state']} {one['receives']}" for one in listed}


def written(program: Program, name: str, *raws: bytes) -> str:
    """Write an mbox of letters, with the line ends of a Unix program."""
    separator = b"From ann@example.net Sat Nov 21 10:00:00 2020\n"
    text = b"".join(separator + raw.replace(b"\r\n", b"\n") + b"\n" for raw in raws)
    (program.folder / name).write_bytes(text)
    return str(program.folder / name)


@pytest.mark.parametrize(
    "sample", [x for x in sorted(PEOPLE.iterdir()) if x.suffix != ".pck"], ids=lambda x: x.name
)
def test_every_list_of_people_is_taken_in_and_taking_it_in_again_changes_nothing(
    program: Program, sample: Path
) -> None:
    program.run("import", "subscribers", "general", str(sample))
    before = program.json("subscribers", "list", "general")

    again = program.json("subscribers", "import", "general", str(sample))

    assert [one for one in again if one["change"] != "left out"] == []
    assert program.json("subscribers", "list", "general") == before
    assert len(before) >= 3


def test_what_is_left_out_and_who_looks_after_the_list_is_told(program: Program) -> None:
    said = program.run("subscribers", "import", "general", str(PEOPLE / "google.csv"))

    told = said.stderr.decode()
    assert "emil@example.org is left out: banned there" in told
    assert 'owners = ["anna@example.org"] into general.toml' in told
    assert said.stdout == b""
    assert people(program)["carl@example.org"] == "suspended digest"


def test_a_rehearsal_shows_what_would_change_and_changes_nothing(program: Program) -> None:
    before = people(program)
    file = program.folder / "people.csv"
    file.write_text("address,receives\nANN@example.net,none\nzoe@example.org,\n")

    shown = program.json("subscribers", "import", "general", str(file), "--dry-run")

    assert shown == [
        {"address": "ann@example.net", "change": "changed", "why": "receives: none"},
        {"address": "zoe@example.org", "change": "added", "why": ""},
    ]
    assert people(program) == before


def test_what_a_list_does_not_say_the_command_line_says(program: Program) -> None:
    lines = b"ann@example.net\nDora <dora@example.org>\n"

    program.run(
        *("subscribers", "import", "general", "-", "--receives", "mime-digest"),
        *("--state", "bouncing"),
        stdin=lines,
    )

    assert people(program) == {
        "ann@example.net": "suspended mime-digest",
        "dora@example.org": "suspended mime-digest",
    }


def test_who_is_suspended_by_an_import_gets_nothing_that_is_still_unsent(program: Program) -> None:
    program.run("post", "general", "--approve", stdin=letter(1))

    program.run(
        *("subscribers", "import", "general", "-", "--state", "suspended"),
        stdin=b"ANN@example.net\n",
    )

    assert [one["state"] for one in program.json("queue", "list", "--all")] == ["cancelled"]


def test_who_is_suspended_by_hand_gets_nothing_that_is_still_unsent(program: Program) -> None:
    program.run("post", "general", "--approve", stdin=letter(1))
    waiting = [one["recipient"] for one in program.json("queue", "list")]

    program.run("subscribers", "set", "general", "ann@example.net", "--state", "suspended")

    assert (waiting, program.json("queue", "list")) == (["ann@example.net"], [])
    program.audit()


def test_a_language_without_notices_stops_everything_and_the_line_is_named(
    program: Program,
) -> None:
    table = "address,language\nbo@example.net,de-AT\ncay@example.net,tlh\n"
    (program.folder / "people.csv").write_text(table, encoding="utf-8")

    said = program.run(
        "import", "subscribers", "general", str(program.folder / "people.csv"), status=1
    ).stderr

    assert b"line 3: language is 'tlh'; there are notices in de, en, fr" in said
    assert set(people(program)) == {"ann@example.net"}


def test_bad_lines_stop_everything_unless_they_are_to_be_skipped(program: Program) -> None:
    file = program.folder / "people.txt"
    file.write_text("zoe@example.org\nnobody\n")
    program.run("subscribers", "import", "general", str(file), status=1)
    assert "zoe@example.org" not in people(program)

    said = program.run("subscribers", "import", "general", str(file), "--skip-bad", status=1)

    assert b"line 2 is left out" in said.stderr
    assert "zoe@example.org" in people(program)


def test_who_unsubscribed_is_kept_out_and_a_plan_says_so(program: Program) -> None:
    program.run("poll-once")
    with closing(sqlite3.connect(program.database)) as connection, connection:
        connection.execute("UPDATE subscriptions SET state = 'removed', removed_by = 'person'")
    connection.close()
    (program.folder / "general.subscribers").write_text("ann@example.net\nbo@example.org\n")

    planned = program.json("subscribers", "plan", "general")

    assert planned == [
        {"address": "ann@example.net", "change": "left out", "why": "has unsubscribed himself"},
        {"address": "bo@example.org", "change": "added", "why": None},
    ]
    with closing(sqlite3.connect(program.database)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM subscriptions").fetchone() == (2,)
    connection.close()
    program.run("subscribers", "import", "general", str(program.folder / "general.subscribers"))
    assert people(program)["ann@example.net"].startswith("removed")


def test_a_plan_with_a_line_that_names_nobody_fails(program: Program) -> None:
    file = program.folder / "new.subscribers"
    file.write_text("cy@example.org\nnobody at all\n")

    said = program.run("subscribers", "plan", "general", str(file), status=1)

    assert b"line 2" in said.stderr
    assert b"cy@example.org" in said.stdout


def test_the_list_itself_is_left_out_for_good(program: Program) -> None:
    file = program.folder / "new.subscribers"
    file.write_text("general@example.org\n")

    said = program.run("subscribers", "import", "general", str(file)).stderr

    assert b"is the list's own address\n" in said
    assert b"all the same" not in said


def test_a_plan_without_a_subscriber_file_says_what_is_missing(program: Program) -> None:
    program.write_category("bare", 'address = "bare@example.org"\n[outgoing]\nhost = "h"\n')

    said = program.run("subscribers", "plan", "bare", status=2)

    assert b"no subscriber file" in said.stderr


@pytest.mark.parametrize("form", ["csv", "google", "groupsio"])
def test_an_export_says_who_is_suspended_and_imports_elsewhere(program: Program, form: str) -> None:
    program.run("subscribers", "import", "general", str(PEOPLE / "groupsio.csv"))
    exported = program.run("export", "subscribers", "general", "--format", form).stdout

    program.run("subscribers", "import", "other", "-", stdin=exported)

    assert people(program, "other") == people(program)


def test_an_export_for_mailman_has_those_of_one_form_and_names_none_who_is_suspended(
    program: Program,
) -> None:
    program.run("subscribers", "import", "general", str(PEOPLE / "groupsio.csv"))

    done = program.run(
        *("subscribers", "export", "general", "--format", "mailman2"),
        *("--receives", "digest", "--receives", "mime-digest"),
    )

    assert done.stdout == b"Bea <bea@example.org>\n"
    assert b"1 suspended left out" in done.stderr


def test_a_pickle_is_not_read_and_the_way_around_is_told(program: Program) -> None:
    said = program.run("subscribers", "import", "general", str(PEOPLE / "config.pck"), status=1)

    assert b"list_members" in said.stderr


def test_an_archive_is_taken_in_once_and_goes_to_nobody(program: Program) -> None:
    letters = [letter(n, answers=n - 1 if n % 3 else None) for n in range(12)]
    file = written(program, "old.mbox", *letters)

    [first] = program.json("import", "mbox", "general", file)
    [again] = program.json("import", "mbox", "general", file)

    assert (first["messages"], first["posts"], first["replies"]) == (12, 4, 8)
    assert (again["posts"], again["known"]) == (0, 12)
    assert program.json("queue", "list", "--all") == []
    counts = program.poll_once()["general"]
    assert counts["queued"] == counts["posts"] == 0
    program.audit()


def test_an_export_of_an_archive_leads_to_the_same_posts_elsewhere(program: Program) -> None:
    letters = [letter(n, answers=n - 1 if n % 3 else None) for n in range(6)]
    for one in letters:
        program.run("post", "general", "--approve", stdin=one)
    file = program.folder / "new.mbox"

    program.run("export", "mbox", "general", str(file))
    program.run("import", "mbox", "other", str(file))

    assert _posts(program, "other") == _posts(program, "general")
    assert program.run("export", "mbox", "other").stdout == file.read_bytes()
    assert program.run("export", "mbox", "general", str(file), status=1).stdout == b""
    program.audit()


def _posts(program: Program, slug: str) -> list[tuple[str, ...]]:
    """Return what the posts of a category are, and which answers which."""
    listed = program.json("posts", "list", slug)
    names = {one["id"]: one["message_id"] for one in listed} | {None: ""}
    return [
        (one["message_id"], one["subject"], one["date"], names[one["parent"]], names[one["thread"]])
        for one in listed
    ]


@pytest.mark.parametrize("sample", sorted(ARCHIVES.iterdir()), ids=lambda one: one.name)
def test_every_kind_of_mbox_is_taken_in(program: Program, sample: Path) -> None:
    [result] = program.json("import", "mbox", "general", str(sample))

    assert (result["messages"], result["posts"] + result["replies"]) == (2, 2)
    program.audit()


def test_a_maildir_is_taken_in(program: Program) -> None:
    folder = program.folder / "Maildir" / "cur"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.x:2,S").write_bytes(letter(number))

    [result] = program.json("import", "mbox", "general", str(folder.parent))

    assert result["posts"] == 3


def test_one_file_that_is_no_archive_does_not_keep_the_others_out(program: Program) -> None:
    file = written(program, "old.mbox", letter(1))
    wrong = program.folder / "general.subscribers"

    said = program.run("import", "mbox", "general", str(wrong), file, status=1)

    assert b"general.subscribers: it is no mbox" in said.stderr
    assert len(program.json("posts", "list", "general")) == 1
    program.run("import", "mbox", "general", file, "no-such-file", status=2)


def test_an_export_does_not_show_the_posting_password(program: Program) -> None:
    to = f"To: general+{PASSWORD}@example.org".encode()
    program.run("post", "general", stdin=letter(1).replace(b"To: list-run@example.org", to))

    exported = program.run("export", "mbox", "general").stdout

    assert b"To: general@example.org" in exported
    assert [one for one in program.outputs if PASSWORD.encode() in one] == []


def test_an_export_shows_no_token_and_is_known_where_it_came_from(program: Program) -> None:
    token = "leave-" + "a" * 34
    raw = letter(1).replace(b"To: ", f"X-Quoted: {token}\r\nTo: ".encode()) + token.encode()
    program.run("post", "general", stdin=raw)
    file = program.folder / "new.mbox"

    program.run("export", "mbox", "general", str(file))
    program.run("import", "mbox", "general", str(file))

    assert token.encode() not in file.read_bytes()
    assert len(program.json("posts", "list", "general")) == 1


def test_an_import_that_was_killed_is_completed_by_the_next(program: Program) -> None:
    file = written(program, "old.mbox", *(letter(n, answers=n - 1 or None) for n in range(200)))
    program.run("poll-once")
    process = subprocess.Popen(
        program.command("import", "mbox", "general", file),
        cwd=program.folder,
        env=program.full_environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _count(program) >= 40, "a few posts", 60)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    killed_at = _count(program)

    program.run("import", "mbox", "general", file)

    assert 40 <= killed_at < 200
    assert _count(program) == 200
    assert program.json("queue", "list", "--all") == []
    program.audit()


def _count(program: Program) -> int:
    with closing(sqlite3.connect(program.database)) as connection, connection:
        [found] = connection.execute("SELECT count(*) FROM posts").fetchone()
    connection.close()
    return int(found)
