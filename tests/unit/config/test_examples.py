"""The example files of the documentation, and every key there is."""

from collections.abc import Callable
from pathlib import Path

from listbridge.config import load
from listbridge.membership import subscriber_file

EXAMPLES = Path(__file__).parents[3] / "docs/examples"

SERVICE = """
database = "sqlite:///listbridge.db"
categories = "categories"
base_url = "https://lists.example.org"
[web]
listen = "127.0.0.1:8025"
[alerts]
to = ["postmaster@example.org"]
mail_session = "default"
[mail_sessions.default]
jndi_name = "mail/MailSession"
provider = "gmail"
[mail_sessions.default.incoming]
[mail_sessions.default.outgoing]
[mail_sessions.default.properties]
"mail.imap.connectiontimeout" = "10000"
"""

CATEGORY = """
name = "General discussion"
address = "general@example.org"
description = "Anything goes."
active = true
mail_session = "default"
poll_every = "1m"
owners = ["alice@example.org"]
moderators = []
language = "en"
[incoming]
protocol = "imap"
host = "imap.example.org"
port = 993
security = "tls"
username = "general@example.org"
password = { env = "GENERAL_PASSWORD" }
oauth2 = { provider = "google" }
ca_file = "ca.pem"
folder = "INBOX"
since = 2026-11-20
after_fetch = "delete"
move_to = "Processed"
idle = true
timeout = "60s"
[outgoing]
host = "smtp.example.org"
port = 465
security = "tls"
username = "general@example.org"
password = { file = "secrets/general" }
hello_name = "bridge.example.org"
max_connections = 4
max_recipients = 50
max_per_hour = 500
max_per_day = 2000
pipelining = "auto"
chunking = "auto"
on_uncertain = "resend"
give_up_after = "5d"
[posting]
members = "accept"
non_members = "hold"
max_size = "10MB"
own_copy = true
[message]
from = "auto"
reply_to = "list"
subject_prefix = "[general]"
footer = ""
personalise = false
[subscribers]
file = "general.subscribers"
"""


def test_every_key_is_accepted(write: Callable[[str, str], Path]) -> None:
    write("listbridge.toml", SERVICE)
    write("categories/general.toml", CATEGORY)

    configuration = load()

    assert configuration.broken == {}
    general = configuration.categories["general"]
    assert general.incoming is not None
    assert general.incoming.port == 993
    assert general.outgoing is not None
    assert general.outgoing.max_per_day == 2000
    assert {str(one.file) for one in configuration.warnings} == {
        "listbridge.toml",
        "categories/general.toml",
    }


def test_documented_example_loads_without_a_warning() -> None:
    configuration = load(EXAMPLES / "listbridge.toml")

    assert configuration.broken == {}
    assert configuration.warnings == ()
    general = configuration.categories["general"]
    assert general.incoming is not None
    assert general.incoming.host == "imap.example.org"
    assert general.subscribers_file is not None


def test_subscriber_file_of_the_example_can_be_read() -> None:
    general = load(EXAMPLES / "listbridge.toml").categories["general"]
    assert general.subscribers_file is not None

    entries, bad = subscriber_file.parse(general.subscribers_file.read_text(encoding="utf-8"))

    assert (len(entries), bad) == (2, [])
