"""`listbridge simulate`"""

import sys
from pathlib import Path

import click

from listbridge import message
from listbridge.bootstrap import Installation
from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.options import Settings, category_with_members, common, opened
from listbridge.delivery import from_choice
from listbridge.dmarc import Policy
from listbridge.intake import simulate as simulation
from listbridge.intake.simulate import Simulation


@click.command()
@click.argument("category", shell_complete=slugs)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--bytes", "as_bytes", is_flag=True, help="Print the copy subscribers would get.")
@common
@click.pass_context
def simulate(
    context: click.Context, category: str, file: Path, as_bytes: bool, settings: Settings
) -> None:
    """Say what would become of the message in FILE, to whom it would go, and why."""
    with opened(settings) as installation:
        category_with_members(installation, category)
        raw = file.read_bytes()
        found = _simulate(installation, category, raw)
    if not as_bytes:
        output.show_one(_row(found, raw), as_json=settings.json)
        return
    if found.copy is None:
        click.echo(f"Nothing would be sent: {found.reason}", err=True)
        context.exit(1)
    sys.stdout.buffer.write(found.copy)


def _simulate(installation: Installation, slug: str, raw: bytes) -> Simulation:
    category = installation.category(slug)
    author = message.glance(raw).sender
    policy = from_choice.policies(category, [author]).get(author, Policy.UNKNOWN)
    with installation.db.reading() as tx:
        return simulation.simulate(tx, category, installation.ids[slug], raw, policy)


def _lines(head: message.Head) -> list[str]:
    return head.to_bytes().decode("utf-8", "replace").rstrip("\r\n").split("\r\n")


def _row(found: Simulation, raw: bytes) -> output.Row:
    parsed = found.parsed
    glance = message.glance(raw)  # for what cannot be read as a whole
    head = message.split(found.copy)[0] if found.copy else None
    return {
        "kind": found.kind,
        "verdict": found.verdict,
        "reason": found.reason,
        "subject": parsed.subject if parsed else glance.subject,
        "sender": parsed.author if parsed else glance.sender,
        "date": parsed.date if parsed else None,
        "message_id": found.message_id,
        "parent": found.parent,
        "text": parsed.text if parsed else None,
        "attachments": parsed.attachments if parsed else (),
        "recipients": found.recipients,
        "outgoing": _lines(head) if head else [],
        "trail": found.trail,
        "from": found.from_reason,
    }
