"""Looking at an IMAP account step by step: what is seen there, and that nothing changes."""

import pytest

from listbridge.mailbox import IncomingSettings, MailboxError
from listbridge.mailbox.inspect import Inspection
from tests.fakes.imap_server import ALL_CAPABILITIES, PASSWORD, ImapServer, Session, hangs_up

CHANGING = ("STORE", "UID STORE", "EXPUNGE", "UID EXPUNGE", "CREATE", "UID MOVE", "UID COPY")


def look(
    server: ImapServer, password: str | None = PASSWORD, **fields: object
) -> dict[str, object]:
    """What was looked at, and what was seen; a mistake as itself."""
    defaults: dict[str, object] = {
        "host": "localhost",
        "port": server.port,
        "security": "none",
        "username": "list@example.org",
        "timeout": "5s",
    }
    settings = IncomingSettings(**(defaults | fields))  # type: ignore[arg-type]
    return dict(Inspection(settings, password).steps())


def has_rights(rights: str) -> ImapServer:
    def answer(session: Session, tag: str, _: str) -> None:
        session.send(f"* MYRIGHTS INBOX {rights}")
        session.send(f"{tag} OK done")

    server = ImapServer(b"Subject: x\r\n\r\nx\r\n", capabilities=f"{ALL_CAPABILITIES} ACL")
    server.instead["MYRIGHTS"] = answer
    return server


@pytest.mark.parametrize("rights", ["lrswite", "lrswid"])
def test_the_rights_that_deleting_needs_are_seen(rights: str) -> None:
    with has_rights(rights) as server:
        assert look(server)["right to delete"] == "granted"


@pytest.mark.parametrize("rights", ["lrs", "lrswit", ""])
def test_a_right_that_is_missing_is_named(rights: str) -> None:
    with has_rights(rights) as server:
        seen = look(server)["right to delete"]

    assert isinstance(seen, MailboxError)
    assert "only for reading" in seen.fault


def test_nothing_is_changed() -> None:
    with has_rights("lrswite") as server:
        look(server, after_fetch="move", move_to="Elsewhere")
        commands = server.commands

    assert not [one for one in commands if one.startswith(CHANGING)]
    assert not [one for one in commands if one.startswith("SELECT")]


def test_a_folder_to_move_to_that_is_missing_will_be_made() -> None:
    with ImapServer() as server:
        seen = look(server, after_fetch="move", move_to="Elsewhere")

    assert str(seen["move_to"]).startswith("Elsewhere is not there yet")


def test_without_a_password_the_look_ends_before_the_login() -> None:
    with ImapServer() as server:
        assert list(look(server, None)) == ["name", "connection", "greeting"]


def test_a_server_that_hangs_up_ends_the_look_with_that_step() -> None:
    with ImapServer() as server:
        server.instead["EXAMINE"] = hangs_up
        seen = look(server)

    assert list(seen)[-1] == "folder"
    assert isinstance(seen["folder"], MailboxError)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_a_name_that_nobody_knows_is_said_to_be_so(host: str) -> None:
    with ImapServer() as server:
        seen = look(server, host=host)

    assert list(seen) == ["name"]
    assert "not known by that name" in str(seen["name"])


@pytest.mark.parametrize(
    ("capabilities", "after_fetch", "sure"),
    [
        ("IMAP4rev1 UIDPLUS", "delete", True),
        ("IMAP4rev1 IMAP4rev2", "delete", True),
        ("IMAP4rev1 MOVE", "move", True),
        ("IMAP4rev1 MOVE", "delete", False),
        ("IMAP4rev1", "delete", False),
        ("IMAP4rev1", "move", False),
    ],
)
def test_whether_messages_can_be_removed_one_by_one_is_seen(
    capabilities: str, after_fetch: str, sure: bool
) -> None:
    with ImapServer(capabilities=f"{capabilities} AUTH=PLAIN") as server:
        seen = look(server, after_fetch=after_fetch)["deletion"]

    assert isinstance(seen, str) is sure


def test_where_stored_mail_goes_is_said() -> None:
    with ImapServer() as server:
        server.folders["Bin"] = {}
        server.special["Bin"] = r"\Trash"
        seen = look(server, after_fetch="trash")["trash"]

    assert seen == "what was stored goes to 'Bin', where it is left to the provider"


def test_a_trash_that_nobody_marks_is_found_missing() -> None:
    with ImapServer() as server:
        server.folders["Trash"] = {}
        seen = look(server, after_fetch="trash")["trash"]

    assert isinstance(seen, MailboxError)
    assert "marks no folder as the trash" in seen.fault
    assert seen.cure
