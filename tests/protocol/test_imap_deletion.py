"""Removing stored messages from an IMAP folder: exactly those, and verified."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from listbridge.mailbox import IncomingSettings, Listed, Mailbox, MailboxError, open_mailbox
from listbridge.mailbox.mailbox import BATCH_COUNT
from tests.fakes.imap_server import (
    PASSWORD,
    ImapServer,
    Session,
    Stored,
    answers,
    archives,
    hangs_up,
    says,
)

BARE = "IMAP4rev1 AUTH=PLAIN"
WITH_MOVE = "IMAP4rev1 AUTH=PLAIN MOVE SPECIAL-USE"
#: Folders of a server that marks its trash, and one that is only named like it.
TRASH = "[Gmail]/Papierkorb"


@contextmanager
def opened(server: ImapServer, **fields: object) -> Iterator[Mailbox]:
    defaults: dict[str, object] = {
        "host": "localhost",
        "security": "none",
        "username": "list@example.org",
        "password": PASSWORD,
        "timeout": "5s",
    }
    with server:
        settings = IncomingSettings(**(defaults | {"port": server.port} | fields))  # type: ignore[arg-type]
        mailbox = open_mailbox(settings)
        yield mailbox
        mailbox.drop()


def numbers(messages: list[Listed]) -> list[int]:
    return [listed.number for listed in messages]


def verbs(server: ImapServer) -> list[str]:
    wanted = ("UID STORE", "UID EXPUNGE", "EXPUNGE", "UID MOVE", "UID COPY", "CREATE")
    return [one for one in server.commands if one.startswith(wanted)]


def test_exactly_what_was_stored_is_flagged_and_expunged() -> None:
    server = ImapServer(b"one", b"two", b"three")
    server.inbox[103].flags = {r"\Deleted"}

    with opened(server) as mailbox:
        gone = mailbox.delete(mailbox.list()[:2])

    assert numbers(gone) == [101, 102]
    assert list(server.inbox) == [103]
    assert verbs(server) == [
        r"UID STORE 101,102 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 101,102",
    ]
    assert mailbox.complaints == []


def test_nothing_stored_deletes_nothing() -> None:
    server = ImapServer(b"one")
    with opened(server) as mailbox:
        assert mailbox.delete([]) == []

    assert verbs(server) == []


def test_imap4rev2_expunges_by_uid_too() -> None:
    server = ImapServer(b"one", capabilities="IMAP4rev1 IMAP4rev2 AUTH=PLAIN")
    with opened(server) as mailbox:
        assert numbers(mailbox.delete(mailbox.list())) == [101]

    assert "UID EXPUNGE 101" in verbs(server)


def test_hundreds_are_deleted_in_several_commands() -> None:
    server = ImapServer(*[b"raw"] * 1_100)
    with opened(server) as mailbox:
        assert len(mailbox.delete(mailbox.list())) == 1_100

    assert server.inbox == {}
    assert len([one for one in verbs(server) if "EXPUNGE" in one]) == 3


def test_message_that_vanished_meanwhile_counts_as_gone() -> None:
    server = ImapServer(b"one", b"two")
    with opened(server) as mailbox:
        listed = mailbox.list()
        del server.inbox[101]

        assert numbers(mailbox.delete(listed)) == [101, 102]


@pytest.mark.parametrize(
    ("command", "status"),
    [("UID STORE", "NO"), ("UID EXPUNGE", "NO"), ("UID EXPUNGE", "BAD")],
)
def test_refused_deletion_is_a_complaint_in_the_server_s_words(command: str, status: str) -> None:
    server = ImapServer(b"one")
    server.instead[command] = answers(status, "[NOPERM] not yours")

    with opened(server) as mailbox:
        assert mailbox.delete(mailbox.list()) == []
        assert "not yours" in mailbox.complaints[0]

    assert list(server.inbox) == [101]


def test_nothing_is_expunged_after_a_refused_store() -> None:
    server = ImapServer(b"one")
    server.instead["UID STORE"] = answers("NO", "no")

    with opened(server) as mailbox:
        mailbox.delete(mailbox.list())

    assert not [one for one in server.commands if "EXPUNGE" in one]


def test_deletion_that_silently_does_nothing_is_noticed() -> None:
    server = ImapServer(b"one", b"two")
    server.instead["UID EXPUNGE"] = answers("OK", "done, honestly")

    with opened(server) as mailbox:
        listed = mailbox.list()
        del server.inbox[101]
        gone = mailbox.delete(listed)

    assert numbers(gone) == [101]
    assert "still shows messages" in mailbox.complaints[0]


def test_same_complaint_is_made_once() -> None:
    server = ImapServer(b"one", b"two")
    server.instead["UID EXPUNGE"] = answers("OK", "done, honestly")

    with opened(server) as mailbox:
        for listed in mailbox.list():
            mailbox.delete([listed])

    assert len(mailbox.complaints) == 1


def test_a_refusal_told_before_is_not_taken_for_a_false_confirmation() -> None:
    server = ImapServer(b"one", b"two")
    server.instead["UID EXPUNGE"] = answers("NO", "[NOPERM] not yours")

    with opened(server) as mailbox:
        for listed in mailbox.list():
            mailbox.delete([listed])
        [complaint] = mailbox.complaints

    assert "not yours" in complaint


def test_connection_lost_while_deleting_is_an_error() -> None:
    server = ImapServer(b"one")
    server.instead["UID EXPUNGE"] = hangs_up

    with opened(server) as mailbox, pytest.raises(MailboxError, match="closed the connection"):
        mailbox.delete(mailbox.list())


def test_nothing_is_expunged_after_a_new_uidvalidity() -> None:
    server = ImapServer(b"one")
    with opened(server) as mailbox:
        listed = mailbox.list()
        server.instead["UID STORE"] = says("* OK [UIDVALIDITY 8] new", then="UID STORE")

        with pytest.raises(MailboxError, match="UIDVALIDITY"):
            mailbox.delete(listed)

    assert not [one for one in server.commands if "EXPUNGE" in one]
    assert list(server.inbox) == [101]


def test_uids_of_another_uidvalidity_delete_nothing() -> None:
    server = ImapServer(b"one")
    with opened(server) as mailbox, pytest.raises(MailboxError, match="UIDVALIDITY"):
        mailbox.delete([Listed(6, "101", 101, 3, None)])

    assert verbs(server) == []


def test_bare_server_expunges_when_all_that_is_flagged_is_ours() -> None:
    server = ImapServer(b"one", b"two", capabilities=BARE)
    with opened(server) as mailbox:
        gone = mailbox.delete(mailbox.list()[:1])

    assert numbers(gone) == [101]
    assert list(server.inbox) == [102]
    assert mailbox.complaints == []


def test_bare_server_keeps_what_another_client_has_flagged() -> None:
    server = ImapServer(b"one", b"theirs", capabilities=BARE)
    server.inbox[102].flags = {r"\Deleted"}

    with opened(server) as mailbox:
        assert mailbox.delete(mailbox.list()[:1]) == []

    assert list(server.inbox) == [101, 102]
    assert "EXPUNGE" not in server.commands
    assert "another client" in mailbox.complaints[0]


def test_leftovers_of_ours_do_not_stop_a_bare_server() -> None:
    server = ImapServer(b"leftover", b"new", capabilities=BARE)
    server.inbox[101].flags = {r"\Deleted"}

    with opened(server) as mailbox:
        gone = mailbox.delete(mailbox.list())

    assert numbers(gone) == [101, 102]
    assert server.inbox == {}


def test_server_with_move_but_no_uidplus_moves_to_its_trash() -> None:
    server = ImapServer(b"one", b"theirs", capabilities=WITH_MOVE)
    server.inbox[102].flags = {r"\Deleted"}
    server.folders["Papierkorb"] = {}
    server.special["Papierkorb"] = r"\Trash"

    with opened(server) as mailbox:
        gone = mailbox.delete(mailbox.list()[:1])

    assert numbers(gone) == [101]
    assert list(server.folders["Papierkorb"]) == [101]
    assert list(server.inbox) == [102]


def test_folder_that_is_only_named_trash_is_not_trusted() -> None:
    server = ImapServer(b"one", capabilities=WITH_MOVE)
    server.folders["Trash"] = {}

    with opened(server) as mailbox:
        assert numbers(mailbox.delete(mailbox.list())) == [101]

    assert server.folders["Trash"] == {}


def with_trash(*raws: bytes, capabilities: str = f"{BARE} UIDPLUS MOVE SPECIAL-USE") -> ImapServer:
    """A server that archives what is expunged, as Gmail does, and marks its trash."""
    server = ImapServer(*raws, capabilities=capabilities)
    server.folders |= {"Trash": {}, TRASH: {}}
    server.special[TRASH] = r"\HasNoChildren \Trash"
    server.instead["UID EXPUNGE"] = server.instead["EXPUNGE"] = archives
    return server


@pytest.mark.parametrize(
    "extended", ["SPECIAL-USE", "SPECIAL-USE LIST-EXTENDED", "IMAP4rev2", "no word of it"]
)
def test_after_fetch_trash_moves_to_the_folder_marked_as_trash(extended: str) -> None:
    server = with_trash(b"one", b"two", capabilities=f"{BARE} UIDPLUS MOVE {extended}")

    with opened(server, after_fetch="trash") as mailbox:
        first, second = mailbox.list()
        assert numbers(mailbox.delete([first])) == [101]
        assert numbers(mailbox.delete([second])) == [102]
        assert mailbox.complaints == []

    assert [one.raw for one in server.folders[TRASH].values()] == [b"one", b"two"]
    assert verbs(server) == [f'UID MOVE {uid} "{TRASH}"' for uid in (101, 102)]
    assert len([one for one in server.commands if one.startswith("LIST")]) == 1
    assert "All Mail" not in server.folders


def test_where_lists_are_extended_only_special_folders_are_asked_for() -> None:
    server = with_trash(b"one", capabilities=f"{WITH_MOVE} LIST-EXTENDED")

    with opened(server, after_fetch="trash") as mailbox:
        mailbox.delete(mailbox.list())

    assert 'LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)' in server.commands


def test_what_only_deleting_would_archive_is_archived_by_deleting() -> None:
    server = with_trash(b"one")

    with opened(server, after_fetch="delete") as mailbox:
        assert numbers(mailbox.delete(mailbox.list())) == [101]

    assert list(server.folders["All Mail"]) == [101]


def test_without_move_it_is_copied_to_the_trash_and_then_deleted() -> None:
    server = with_trash(b"one", b"theirs", capabilities=f"{BARE} UIDPLUS SPECIAL-USE")
    server.inbox[102].flags = {r"\Deleted"}

    with opened(server, after_fetch="trash") as mailbox:
        assert numbers(mailbox.delete(mailbox.list()[:1])) == [101]

    assert list(server.folders[TRASH]) == [101]
    assert list(server.inbox) == [102]
    assert verbs(server)[0] == f'UID COPY 101 "{TRASH}"'


@pytest.mark.parametrize("flags", ["", r"\Noselect \Trash", r"\NonExistent \Trash", r"\Archive"])
def test_without_a_trash_all_stays_and_the_cure_is_named(flags: str) -> None:
    server = with_trash(b"one")
    server.special[TRASH] = flags

    with opened(server, after_fetch="trash") as mailbox:
        assert mailbox.delete(mailbox.list()) == []
        assert mailbox.delete(mailbox.list()) == []
        [complaint] = mailbox.complaints

    assert "marks no folder as the trash" in complaint
    assert "show the trash to IMAP programs" in complaint
    assert server.inbox == {101: Stored(b"one")}
    assert verbs(server) == []


def test_the_folder_that_is_read_is_never_its_own_trash() -> None:
    server = with_trash(b"one")
    server.special["INBOX"] = r"\Trash"

    with opened(server, after_fetch="trash") as mailbox:
        mailbox.delete(mailbox.list())

    assert list(server.folders[TRASH]) == [101]


def test_a_trash_that_takes_nothing_leaves_all_where_it_is() -> None:
    server = with_trash(b"one")
    server.instead["UID MOVE"] = answers("NO", "[OVERQUOTA] full")

    with opened(server, after_fetch="trash") as mailbox:
        assert mailbox.delete(mailbox.list()) == []
        assert "[OVERQUOTA] full" in mailbox.complaints[0]

    assert server.inbox == {101: Stored(b"one")}


def test_after_fetch_move_creates_the_folder_and_moves() -> None:
    server = ImapServer(b"one", b"two")
    with opened(server, after_fetch="move", move_to="Done") as mailbox:
        first, second = mailbox.list()

        assert numbers(mailbox.delete([first])) == [101]
        assert numbers(mailbox.delete([second])) == [102]

    assert list(server.folders["Done"]) == [101, 102]
    assert verbs(server) == ['CREATE "Done"', 'UID MOVE 101 "Done"', 'UID MOVE 102 "Done"']


def test_folder_to_move_to_is_created_below_the_personal_namespace() -> None:
    server = ImapServer(b"one")
    server.prefix = "INBOX."

    with opened(server, after_fetch="move") as mailbox:
        mailbox.delete(mailbox.list())

    assert list(server.folders["INBOX.Processed"]) == [101]


def test_moving_without_move_copies_and_then_deletes() -> None:
    server = ImapServer(b"one", capabilities=f"{BARE} UIDPLUS")
    with opened(server, after_fetch="move") as mailbox:
        assert numbers(mailbox.delete(mailbox.list())) == [101]

    assert server.folders["Processed"][101].raw == b"one"
    assert server.inbox == {}


@pytest.mark.parametrize("capabilities", [f"{BARE} UIDPLUS", f"{BARE} MOVE UIDPLUS"])
def test_nothing_is_deleted_when_it_cannot_be_put_elsewhere(capabilities: str) -> None:
    server = ImapServer(b"one", capabilities=capabilities)
    server.instead["UID COPY"] = server.instead["UID MOVE"] = answers("NO", "[OVERQUOTA] full")

    with opened(server, after_fetch="move") as mailbox:
        assert mailbox.delete(mailbox.list()) == []

    assert server.inbox == {101: Stored(b"one")}
    assert "[OVERQUOTA] full" in mailbox.complaints[0]


def test_folder_that_cannot_be_created_leaves_everything() -> None:
    server = ImapServer(b"one")
    server.instead["CREATE"] = answers("NO", "not allowed")

    with opened(server, after_fetch="move") as mailbox:
        assert mailbox.delete(mailbox.list()) == []

    assert server.inbox == {101: Stored(b"one")}
    assert "not allowed" in mailbox.complaints[0]


def test_farewell_that_is_not_answered_is_no_error() -> None:
    server = ImapServer()
    server.instead["LOGOUT"] = hangs_up

    with opened(server) as mailbox:
        assert mailbox.finish() == []


def test_logout_does_not_expunge_what_stays_flagged() -> None:
    def flags_only(session: Session, tag: str, _: str) -> None:
        session.send(f"{tag} NO expunging is disabled")

    server = ImapServer(b"one")
    server.instead["UID EXPUNGE"] = flags_only

    with opened(server) as mailbox:
        mailbox.delete(mailbox.list())
        mailbox.finish()

    assert not [one for one in server.commands if one in ("CLOSE", "EXPUNGE")]
    assert server.commands[-1] == "LOGOUT"


def test_the_next_batch_is_asked_for_while_the_last_one_is_deleted() -> None:
    letters = [b"letter %d" % number for number in range(2 * BATCH_COUNT + 1)]
    server = ImapServer(*letters)
    with opened(server) as mailbox:
        came: list[bytes] = []
        for batch in mailbox.fetch(mailbox.list()):
            came += [one.raw for one in batch]
            mailbox.delete([one.listed for one in batch])

    assert came == letters
    assert not server.inbox
    asked = [" ".join(one.split()[:2]) for one in server.commands if one.startswith("UID")]
    one_batch = ["UID STORE", "UID FETCH", "UID EXPUNGE", "UID SEARCH"]
    assert asked[-11:] == [*one_batch, *one_batch, "UID STORE", "UID EXPUNGE", "UID SEARCH"]


def test_a_refusal_to_mark_costs_nothing_of_the_batch_that_was_asked_for() -> None:
    letters = [b"letter %d" % number for number in range(BATCH_COUNT + 1)]
    server = ImapServer(*letters)
    server.instead["UID STORE"] = answers("NO", "read-only today")
    with opened(server) as mailbox:
        came = 0
        for batch in mailbox.fetch(mailbox.list()):
            came += len(batch)
            assert mailbox.delete([one.listed for one in batch]) == []

        assert came == len(letters)
        assert "refused to mark stored messages as deleted" in mailbox.complaints[0]
