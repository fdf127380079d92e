"""Prepares the demo: accounts on its servers, and the configuration as a person would write it."""

from pathlib import Path

from listbridge.demo.listen import HOST
from listbridge.demo.samples import LISTS, PASSWORD, REFUSALS, SUBSCRIBERS, MailingList
from listbridge.demo.servers import Ports, Servers

_SERVICE = """\
database = "sqlite:///listbridge.db"
categories = "categories"
"""
_CATEGORY = """\
name = "{name}"
address = "{address}"

[incoming]
protocol = "{protocol}"
host = "{host}"
port = {incoming_port}
security = "none"        # for servers on this machine only
password = {{ file = "secrets/{slug}" }}

[outgoing]
host = "{host}"
port = {outgoing_port}
security = "none"
username = "{address}"
password = {{ file = "secrets/{slug}" }}
hello_name = "bridge.example.org"

[posting]
members = "accept"
non_members = "hold"

[subscribers]
file = "{slug}.subscribers"
"""


async def open_accounts(servers: Servers) -> None:
    """Give the lists and the subscribers their mailboxes."""
    for one in LISTS:
        if one.protocol == "imap":
            await servers.add_imap_user(one.address, PASSWORD)
        else:
            servers.add_pop_user(one.address, PASSWORD)
    for address in SUBSCRIBERS:
        if address not in REFUSALS:
            await servers.add_imap_user(address, PASSWORD)
    servers.relay.refusals = dict(REFUSALS)


def write_configuration(folder: Path, ports: Ports) -> Path:
    """Write the configuration of both lists into a folder; return the service file."""
    (folder / "categories").mkdir()
    (folder / "secrets").mkdir(mode=0o700)
    for one in LISTS:
        _write_category(folder, one, ports)
    service_file = folder / "listbridge.toml"
    service_file.write_text(_SERVICE, encoding="utf-8")
    return service_file


def _write_category(folder: Path, one: MailingList, ports: Ports) -> None:
    text = _CATEGORY.format(
        slug=one.slug,
        name=one.name,
        address=one.address,
        protocol=one.protocol,
        host=HOST,
        incoming_port=ports.imap if one.protocol == "imap" else ports.pop,
        outgoing_port=ports.smtp,
    )
    (folder / "categories" / f"{one.slug}.toml").write_text(text, encoding="utf-8")
    secret = folder / "secrets" / one.slug
    secret.touch(mode=0o600)
    secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
    lines = [f"{name} <{address}>\n" for address, name in one.subscribers.items()]
    (folder / f"{one.slug}.subscribers").write_text("".join(lines), encoding="utf-8")
